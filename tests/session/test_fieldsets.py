"""Fieldsets: kept, replaced, dropped and freed with their session."""

import random

import kvd


def test_against_a_dictionary():
    dice, store, model = random.Random(5), kvd.Store(), {}
    for _ in range(3000):
        name = f"set{dice.randrange(6)}"
        what = dice.randrange(5)
        if what < 2:
            fields = [f"{dice.randrange(30)}" * dice.randrange(3) for _ in range(dice.randrange(1, 8))]
            try:
                store.execute("HIMPORT", "PREPARE", name, *fields)
                assert len(set(fields)) == len(fields)
                model[name] = fields
            except kvd.ResponseError:
                assert len(set(fields)) < len(fields)
        elif what == 2:
            assert store.execute("HIMPORT", "DISCARD", name) == (model.pop(name, None) is not None)
        elif what == 3 and dice.randrange(20) == 0:
            assert store.execute("HIMPORT", "DISCARDALL") == len(model)
            model.clear()
        elif name in model:
            values = [str(dice.randrange(1000)).encode() for _ in model[name]]
            store.execute("HIMPORT", "SET", "k", name, *values)
            assert store.hgetall("k") == {f.encode(): v for f, v in zip(model[name], values, strict=True)}


def test_memory_returns_when_the_client_leaves(server):
    import redis

    before = server.store.used_memory
    client = redis.Redis(port=server.port)
    connection = client.connection_pool.get_connection()
    connection.send_command("HIMPORT", "PREPARE", "u", *[f"{i:0100}" for i in range(1000)])
    assert connection.read_response() == b"OK" and server.store.used_memory - before > 100_000
    connection.disconnect()
    from ..waiting import eventually

    eventually(lambda: server.store.used_memory - before < 50_000)
