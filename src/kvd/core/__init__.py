"""Structures and bytes: compiled modules that know no keys, commands or sockets. May import nothing of kvd."""
