"""Keyspace events of commands."""

from ..compat.wire import Wire


def events_of(store, *lines):
    """The names of the events that the lines cause in database 0."""
    store.config_set("notify-keyspace-events", "KEA")
    with store.serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        wire("PSUBSCRIBE", "__keyevent@0__:*", "end")
        wire.read()
        for line in lines:
            store.execute(*line.split())
        store.execute("PUBLISH", "end", "")
        found = []
        while (message := wire.read())[2] != b"end":
            found.append(message[2].decode().partition(":")[2])
        wire.close()
    return found
