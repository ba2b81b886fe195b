"""Bytes of a connection, plain or encrypted. May import store and core."""
