"""The numbers of the parts that the layers above keep in a store (store.parts)."""

cdef enum part:
    PART_CLIENTS               # session/session.pyx: all sessions
    PART_ACL                   # run/acl/users.pyx: users
    PART_WATCHES               # session/watches.pyx
    PART_WAITS                 # session/waiters.pyx
    PART_CHANNELS              # session/channels.pyx
    PART_TRACKING              # session/tracking.pyx
    PART_FIGURES               # run/figures.pyx
    PART_SLOTS                 # run/accounts.pyx: the costs of slots; NULL: never booked
    PART_HOT_KEYS              # run/hot_keys.pyx; NULL: none are sought
    PART_RENAMES               # run/renames.pyx; NULL: no command is renamed
    PART_SCRIPTS               # script/runtime.pyx
    PART_LOADING               # persist/progress.pyx; NULL: no data set is being loaded
    PART_SNAPSHOT              # persist/snapshot.pyx: the one that is being taken, or NULL
    PART_SAVES                 # persist/saves.pyx
    PART_JOURNAL               # persist/journal.pyx: the append-only log; NULL: there is none
    PART_REPLICATION           # replica/replication.pyx; NULL: there never was a master or a replica
    PART_SERVER                # server/server.pyx
    PARTS
