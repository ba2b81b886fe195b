"""Sockets, network threads and the log. May import all layers below except script."""
