"""`kvd migrate`: move a data set from one server to another, or into a file, while it is used.

ends        the two ends: connections that are made again, names without secrets
progress    what is shown
pausing     CLIENT PAUSE WRITE on the source, for the moment of the switch
following   by replication: the target follows the source until the switch
scanning    without it: SCAN, DUMP and RESTORE, and keyspace events for what changes meanwhile
events      keys that have changed on the source, from its keyspace events
copying     a batch of keys from one end to the other
values      a value read and written by the commands of its type, where the payloads of DUMP do not fit
state       the state file, with which an interrupted scan goes on
verifying   counts, digests and values of both ends
moving      the command: checks, chooses the way, cleans up
"""
