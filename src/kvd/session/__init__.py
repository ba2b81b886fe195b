"""Clients as commands see them, without sockets. May import resp, store, types and core."""
