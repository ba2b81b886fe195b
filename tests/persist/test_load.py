"""RDB files: those of real servers load with the same digest, and what is broken leaves the store as it was."""

import io
import threading
import time

import pytest

import kvd

from ..compat.wire import RealServer, Wire
from ..conftest import REAL
from .stored import aux, database, deadline, expected, length, library, rdb, resummed, seconds, stored, string, text

NOW = 1_795_000_000               # 2026-11-18: the deadlines of the stored files are relative to about that time
CODE = "#!lua name=mylib\nredis.register_function('f', function() return 'loaded' end)"
EMPTY = "0" * 40


@pytest.fixture
def store():
    one = kvd.Store(enable_debug_command="yes")
    one.clock.freeze(NOW)
    return one


def digest(store):
    """Of a store that is sound."""
    assert store.execute("DEBUG", "CHECK") == b"OK"
    return store.execute("DEBUG", "DIGEST").decode()


def keys(store):
    return sum(db["keys"] for db in store.info("keyspace").values())


def refusal(store, data, **options):
    """The error text of a file that cannot be loaded; the store is as before."""
    before = digest(store), keys(store), store.execute("FUNCTION", "LIST")
    with pytest.raises(kvd.FileError) as error:
        store.load(data, **options)
    assert (digest(store), keys(store), store.execute("FUNCTION", "LIST")) == before
    assert f"at offset {error.value.offset}: " in str(error.value)
    return str(error.value)


# ---- files of real servers ----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count", "wanted"), expected())
def test_files_of_real_servers(store, name, count, wanted):
    assert store.load(stored(name)) == count == keys(store)
    if name == "small-valkey-9.1.rdb":         # its digest does not tell deadlines of fields
        store.execute("HPERSIST", "fields", "FIELDS", 1, "a")
        store.execute("HPERSIST", "many fields", "FIELDS", 2, "f1", "f3")
    assert digest(store) == wanted


@pytest.mark.parametrize("name", [row[0] for row in expected() if "small" in row[0]])
def test_what_a_file_holds_besides_values(store, name):
    store.load(stored(name))
    assert store.execute("PEXPIRETIME", "timed") == 4_102_444_800_000
    assert store.execute("EXPIRETIME", "large zset") == 4_102_444_800
    assert store.execute("FCALL", "f", 0) == 1
    if "7.0" not in name:
        assert store.execute("HPEXPIRETIME", "fields", "FIELDS", 2, "a", "b") == [4_102_444_800_000, -1]
        assert store.execute("HPEXPIRETIME", "many fields", "FIELDS", 2, "f3", "f4") == [4_102_444_800_000, -1]
    groups = {g[b"name"]: g for g in store.execute("XINFO", "GROUPS", "stream")}
    assert groups[b"g"][b"pending"] == 2 and groups[b"g"][b"consumers"] == 2
    store.select(9)
    assert store.get("in nine") == b"9"


def big_values(wire, fields):
    for i in range(300):
        for words in (
            ("SET", f"s{i}", f"value {i}" * (i % 40)), ("SET", f"i{i}", i**3 - 500), ("SET", f"t{i}", "x", "PX", 10**9 + i), ("RPUSH", "list", f"e{i}", i, "y" * (i % 90)),
            ("SADD", "set", f"m{i}"), ("SADD", "ints", i * 7), ("HSET", "hash", f"f{i}", i), ("ZADD", "zset", i / 8, f"m{i}"),
            ("XADD", "stream", f"{i + 1}-0", f"f{i % 3}", i), ("SADD", f"set{i % 20}", i, f"m{i}"), ("HSET", f"hash{i % 20}", i, "v"), ("ZADD", f"zset{i % 20}", i, i),
        ):  # fmt: skip
            assert not isinstance(wire(*words), Exception)
    wire("SET", "large", b"\xff\0" * 700_000)
    wire("XGROUP", "CREATE", "stream", "g", 0)
    wire("XREADGROUP", "GROUP", "g", "c", "COUNT", 50, "STREAMS", "stream", ">")
    if fields:
        wire("HPEXPIRE", "hash", 10**9, "FIELDS", 2, "f3", "f5")
    wire("FUNCTION", "LOAD", CODE)
    wire("SELECT", 5)
    wire("SET", "elsewhere", 1)


@pytest.mark.parametrize("program", REAL)
@pytest.mark.parametrize("compressed", ["yes", "no"])
def test_a_file_that_a_real_server_writes_now(tmp_path, program, compressed):
    server = RealServer(program, "--rdbcompression", compressed, "--list-max-listpack-size", "16", "--stream-node-max-entries", "20")
    try:
        wire = Wire(server.address)
        big_values(wire, "hpexpire" in server.commands and not server.valkey)
        assert wire("SAVE") == b"OK"
        wanted = wire("DEBUG", "DIGEST")
        store = kvd.Store(enable_debug_command="yes")
        assert store.load(f"{server.folder}/dump.rdb") == keys(store)
        assert digest(store) == (wanted if isinstance(wanted, str) else wanted.decode())
        assert store.execute("FCALL", "f", 0) == b"loaded"
        assert store.get("large") == b"\xff\0" * 700_000
        wire.close()
    finally:
        server.stop()


# ---- sources -------------------------------------------------------------------------------------


def test_a_path_or_bytes_or_an_open_file(store, tmp_path):
    path = tmp_path / "dump.rdb"
    path.write_bytes(rdb(database(0), string("a", 1)))
    for source in (path, str(path), path.read_bytes(), bytearray(path.read_bytes()), memoryview(path.read_bytes()), io.BytesIO(path.read_bytes())):
        store.flushall()
        assert store.load(source) == 1 and store.get("a") == b"1"
    with open(path, "rb") as file:
        assert store.load(file) == 1


def test_what_is_not_a_file(store, tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        store.load(tmp_path / "none.rdb")
    assert error.value.filename == str(tmp_path / "none.rdb")
    with pytest.raises(IsADirectoryError):
        store.load(tmp_path)
    with pytest.raises(TypeError):
        store.load(io.StringIO("REDIS0010"))
    with pytest.raises(TypeError):
        store.load(5)


def test_an_error_names_the_file(store, tmp_path):
    path = tmp_path / "dump.rdb"
    path.write_bytes(b"REDIS0099\xff")
    assert refusal(store, path) == f"{path}: at offset 0: format version 99 is unknown: kvd reads 1 to 14 of Redis and 80 of Valkey"


def test_a_record_that_is_longer_than_the_buffer(store, tmp_path):
    path = tmp_path / "dump.rdb"
    value = bytes(range(256)) * 20_000
    records = [string(f"k{i}", value if i % 50 == 7 else b"x" * (i % 3000)) for i in range(200)]
    path.write_bytes(rdb(database(0), *records))
    assert store.load(path) == 200
    assert store.get("k57") == value and store.get("k150") == b"x" * 150
    assert digest(store) != EMPTY
    data = path.read_bytes()
    path.write_bytes(data[: 3 * len(data) // 4])
    assert "at offset" in refusal(store, path)


def test_a_pipe(store, tmp_path):
    import os

    path = tmp_path / "pipe"
    os.mkfifo(path)
    data = rdb(database(0), *(string(f"k{i}", b"x" * 1000) for i in range(2000)))
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()
    assert store.load(path) == 2000
    writer.join()


# ---- versions and opcodes ------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(1, 13))
def test_versions_of_redis(store, version):
    head = b"REDIS%04d" % version
    data = rdb(database(0), string("a", "b"), head=head) if version >= 5 else head + database(0) + string("a", "b") + b"\xff"
    assert store.load(data) == 1 and store.get("a") == b"b"


@pytest.mark.parametrize("head", [b"VALKEY080", b"REDIS0080"])
def test_version_of_valkey(store, head):
    assert store.load(rdb(database(0), string("a", "b"), head=head)) == 1


@pytest.mark.parametrize("head", [b"REDIS0000", b"REDIS0015", b"REDIS0079", b"REDIS9999", b"VALKEY081", b"VALKEY012"])
def test_other_versions_are_refused(store, head):
    assert "at offset 0: format version" in refusal(store, rdb(head=head))


@pytest.mark.parametrize(("record", "why"), [(b"\x1a\x01k\x00", "the value of key 'k' in database 0 is broken"), (b"\x1b\x01k\x00", "the value of key 'k' in database 0 is broken"), (b"\xf3\x01", "unknown type or opcode 243")])
def test_what_is_new_in_versions_13_and_14(store, record, why):
    for head in (b"REDIS0013", b"REDIS0014"):
        assert store.load(rdb(database(0), string("a", "b"), head=head)) == 1
        assert why in refusal(store, rdb(database(0), record, head=head))


@pytest.mark.parametrize("data", [b"", b"REDIS", b"REDIS001", b"NOTREDIS0", b"*1\r\n$4\r\nPING\r\n", b"REDIS00x1\xff", b"VALKEY0-1\xff"])
def test_other_files_are_refused(store, data):
    assert "is not" in refusal(store, data)


def test_a_wrong_checksum_is_refused(store):
    data = bytearray(rdb(database(0), string("a", "b")))
    data[-1] ^= 1
    assert "the checksum is wrong" in refusal(store, data)
    assert store.load(rdb(database(0), string("a", "b"), checksum=False)) == 1


def test_what_follows_the_end_does_not_matter(store):
    assert store.load(rdb(string("a", "b")) + b"more") == 1


def test_databases(store):
    assert store.load(rdb(database(0), string("a", 0), database(15), string("a", 15), database(3), string("a", 3), database(0), string("b", 0))) == 4
    assert [store.execute("SELECT", n) and store.get("a") for n in (0, 3, 15)] == [b"0", b"3", b"15"]
    assert "database 16, but the option databases allows fewer" in refusal(store, rdb(database(16), string("a", 1)))
    assert "allows fewer" in refusal(store, rdb(b"\xfe\x81" + b"\xff" * 8))


def test_deadlines(store):
    ms = NOW * 1000
    assert store.load(rdb(
        deadline(ms + 5000), string("later", 1), deadline(ms), string("now", 1), deadline(ms - 1), string("gone", 1), seconds(NOW + 9), string("old format", 1),
        seconds(-1), string("long ago", 1), deadline(-1), string("negative", 1), string("never", 1),
    )) == 3  # fmt: skip
    assert sorted(store.keys()) == [b"later", b"never", b"old format"]
    assert store.execute("PTTL", "later") == 5000 and store.ttl("never") == -1
    store.clock.advance(5)
    assert store.get("later") is None and store.execute("PTTL", "old format") == 4000
    store.clock.advance(5)
    assert keys(store) == 1                     # it was removed by its timer, not by a look-up
    assert digest(store) != EMPTY


def test_deadlines_of_every_type(store):
    for words in (("SET", "a", "x"), ("RPUSH", "b", 1), ("SADD", "c", 1), ("HSET", "d", "f", 1), ("ZADD", "e", 1, "m"), ("XADD", "f", "*", "f", 1)):
        store.execute(*words)
    bodies = {name: store.execute("DUMP", name)[:-10] for name in "abcdef"}
    data = rdb(*(deadline(NOW * 1000 + 1000) + body[:1] + text(name) + body[1:] for name, body in bodies.items()))
    assert store.load(data) == 6
    assert {store.execute("PTTL", name) for name in "abcdef"} == {1000}
    assert digest(store) != EMPTY
    store.clock.advance(2)
    assert keys(store) == 0


def test_deadlines_of_fields_after_loading(store):
    store.execute("HSET", "h", "a", 1, "b", 2, "c", 3)
    store.execute("HPEXPIREAT", "h", NOW * 1000 + 1000, "FIELDS", 2, "a", "b")
    body = store.execute("DUMP", "h")[:-10]
    store.load(rdb(body[:1] + text("h") + body[1:], head=b"REDIS0012"))
    assert store.execute("HPTTL", "h", "FIELDS", 3, "a", "b", "c") == [1000, 1000, -1]
    assert digest(store) != EMPTY
    store.clock.advance(2)
    assert store.hlen("h") == 1 and digest(store) != EMPTY


def test_idle_times_and_frequencies():
    for policy, said, wanted in (("allkeys-lru", b"\xf8" + length(100), ("IDLETIME", 100)), ("allkeys-lfu", b"\xf9\x2a", ("FREQ", 42))):
        store = kvd.Store(maxmemory_policy=policy)
        store.clock.freeze(NOW)
        store.load(rdb(said + string("a", 1), string("b", 2)))
        assert store.execute("OBJECT", wanted[0], "a") == wanted[1]
        assert store.execute("OBJECT", wanted[0], "b") != wanted[1]
    store = kvd.Store(maxmemory_policy="allkeys-lru")
    assert store.load(rdb(b"\xf9\x2a" + string("a", 1), b"\xf8\x81" + b"\xff" * 8 + string("b", 1))) == 2


def test_auxiliary_fields_that_are_not_known_are_ignored(store):
    assert store.load(rdb(aux("redis-ver", "9"), aux("unheard-of", b"\0\xff" * 500), aux("ctime", "x"), aux("repl-id", "short"), aux("lua", "return 1"), string("a", 1))) == 1


def test_opcodes_of_clusters_are_skipped(store):
    assert store.load(rdb(database(0), b"\xfb\x01\x00", b"\xf4" + length(1) + length(20000) + length(3), string("a", 1))) == 1
    slots = b"\xf3" + text("j" * 40) + length(2) + length(0) + length(9) + length(500) + length(16000)
    assert store.load(rdb(slots, string("a", 1), head=b"VALKEY080")) == 1
    assert "unknown type or opcode 243" in refusal(store, rdb(slots, string("a", 1)))


def module_id(name, version):
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    n = 0
    for letter in name:
        n = n << 6 | letters.index(letter)
    return b"\x81" + (n << 10 | version).to_bytes(8, "big")


def test_data_of_modules_is_refused_with_the_name_of_the_module(store):
    assert "at offset 11: a value of the module type 'ReJSON-RL', in database 0" in refusal(store, rdb(database(0), b"\x07" + text("key") + module_id("ReJSON-RL", 3) + b"\0"))
    assert "module type 'hellotype'" in refusal(store, rdb(b"\x06" + text("key") + module_id("hellotype", 0) + b"\0"))
    assert "at offset 9: data of the module 'scdtype00'" in refusal(store, rdb(b"\xf7" + module_id("scdtype00", 1) + b"\x02\x01\0"))


@pytest.mark.parametrize("form", [8, 22, 23, 29, 100, 242])
def test_unknown_types_are_refused(store, form):
    assert "at offset 9: " in refusal(store, rdb(bytes([form]) + text("key") + text("value")))


def test_a_key_that_is_there_twice(store):
    data = rdb(database(0), string("a", 1), string("b", 1), string("a", 2))
    assert "at offset 21: key 'a' is in database 0 twice" in refusal(store, data)
    assert store.load(data, replace=False) == 3
    assert store.get("a") == b"2" and keys(store) == 2 and digest(store) != EMPTY


def test_a_key_that_is_there_twice_with_deadlines(store):
    store.execute("HSET", "h", "f", 1, "g", 2)
    store.execute("HPEXPIREAT", "h", NOW * 1000 + 1000, "FIELDS", 1, "f")
    body = store.execute("DUMP", "h")[:-10]
    record = deadline(NOW * 1000 + 7000) + body[:1] + text("h") + body[1:]
    assert store.load(rdb(record, record, string("h", 1), record, head=b"REDIS0012"), replace=False) == 4
    assert keys(store) == 1 and digest(store) != EMPTY


def test_empty_collections_are_skipped(store):
    empty = [b"\1" + text("list") + b"\0", b"\2" + text("set") + b"\0", b"\3" + text("zset") + b"\0", b"\4" + text("hash") + b"\0", b"\x0e" + text("ql") + b"\0"]
    assert store.load(rdb(*empty, string("a", 1))) == 1
    assert store.load(stored("corrupt_empty_keys.rdb")) == 0


# ---- replacing and merging -----------------------------------------------------------------------


def test_everything_is_replaced(store):
    store.set("old", 1, px=100_000)
    store.execute("SELECT", 4)
    store.set("older", 1)
    store.execute("FUNCTION", "LOAD", CODE.replace("mylib", "other"))
    store.load(rdb(library(CODE), database(2), string("new", 2)))
    assert keys(store) == 1 and store.info("keyspace")["db2"]["keys"] == 1
    assert [one[b"library_name"] for one in store.execute("FUNCTION", "LIST")] == [b"mylib"]
    store.load(rdb())
    assert keys(store) == 0 and store.execute("FUNCTION", "LIST") == []


def test_merging(store):
    store.set("a", "old", px=100_000)
    store.set("b", "old")
    store.execute("FUNCTION", "LOAD", CODE.replace("mylib", "other").replace("'f'", "'g'"))
    assert store.load(rdb(library(CODE), database(0), string("a", "new"), deadline(NOW * 1000 + 500), string("c", "new")), replace=False) == 2
    assert [store.get(k) for k in "abc"] == [b"new", b"old", b"new"]
    assert store.ttl("a") == -1 and store.execute("PTTL", "c") == 500
    assert sorted(one[b"library_name"] for one in store.execute("FUNCTION", "LIST")) == [b"mylib", b"other"]
    assert digest(store) != EMPTY
    store.clock.advance(1)
    assert store.get("c") is None


def test_merging_without_replacing_refuses_keys_that_exist(store):
    from kvd.doors.files import KEEP, load

    store.set("b", "old")
    with pytest.raises(kvd.FileError, match="key 'b' is in database 0 already"):
        load(store, rdb(string("a", "new"), string("b", "new")), KEEP)
    assert store.keys() == [b"b"]
    assert load(store, rdb(string("a", "new")), KEEP) == 1
    assert sorted(store.keys()) == [b"a", b"b"]


def test_a_preamble_keeps_what_has_expired(store):
    from kvd.doors.files import PREAMBLE, load

    assert load(store, rdb(deadline(1), string("a", 1)), PREAMBLE) == 1
    assert store.get("a") is None and digest(store) == EMPTY


def test_an_unchecked_file_may_have_a_wrong_checksum(store):
    from kvd.doors.files import UNCHECKED, load

    assert load(store, rdb(string("a", 1))[:-1] + b"?", UNCHECKED) == 1


def test_a_library_that_cannot_be_loaded_is_an_error(store):
    store.set("a", "old")
    for code, why in (("#!lua name=x\nno lua", "Error compiling function"), ("nothing", "Missing library metadata"), ("#!lua name=x\nreturn 1", "No functions registered")):
        assert why in refusal(store, rdb(library(code), string("b", 1)))
    assert "Library 'mylib' already exists" in refusal(store, rdb(library(CODE), library(CODE)))
    assert "at offset" in refusal(store, rdb(library(CODE), string("a", 1))[:-12])
    assert "functions in the format of release candidates" in refusal(store, rdb(b"\xf6" + text("x")))


def test_watchers_trackers_and_waiters_are_told(store):
    with store.serve() as server:
        wires = [Wire(("127.0.0.1", server.port), 3) for _ in range(3)]
        wires[0]("SET", "w", 1)
        wires[0]("WATCH", "w")
        wires[1]("CLIENT", "TRACKING", "ON")
        wires[1]("GET", "w")
        wires[2].send(Wire.frame(("BLPOP", "list", "20")))
        while "blocked_clients:1" not in wires[1]("INFO", "clients").decode():
            pass
        store.load(rdb(string("w", 2), b"\1" + text("list") + b"\1" + text("element")))
        assert wires[2].read() == [b"list", b"element"]
        wires[0]("MULTI")
        wires[0]("GET", "w")
        assert wires[0]("EXEC") is None
        assert b"invalidate" in wires[1].read()
        for wire in wires:
            wire.close()


def test_the_changes_are_counted_for_save_points(store):
    before = store.info("persistence").get("rdb_changes_since_last_save", 0)
    store.load(rdb(string("a", 1), string("b", 1)))
    assert store.info("persistence").get("rdb_changes_since_last_save", before + 2) == before + 2


def test_other_threads_use_the_store_meanwhile(tmp_path):
    store = kvd.Store(enable_debug_command="yes")
    store.set("a", "old")
    path = tmp_path / "dump.rdb"
    path.write_bytes(rdb(*(string(f"k{i}", b"x" * 50) for i in range(60_000))))
    loader = threading.Thread(target=store.load, args=(path,))
    loader.start()
    rounds = 0
    while loader.is_alive():
        assert store.get("a") in (b"old", None)
        rounds += 1
    loader.join()
    assert rounds > 2 and keys(store) == 60_000 and store.execute("DEBUG", "CHECK") == b"OK"


def test_the_lock_is_lent_in_the_middle_of_a_value(store):
    members = [text(f"member {i}") for i in range(400_000)]
    data = rdb(b"\2" + text("set") + length(len(members)) + b"".join(members))
    with store.serve():                          # other threads can reach it: it has a lock
        store.set("a", "old")
        loader = threading.Thread(target=store.load, args=(data,))
        loader.start()
        rounds = 0
        while loader.is_alive():
            rounds += store.get("a") == b"old"
        loader.join()
    assert rounds > 5 and store.scard("set") == len(members) and digest(store) != EMPTY


def test_a_closed_store_loads_nothing(store):
    store.close()
    with pytest.raises(kvd.ClosedError):
        store.load(rdb(string("a", 1)))


# ---- hostile files -------------------------------------------------------------------------------

SMALL = [row[0] for row in expected() if "small" in row[0]] + ["redis_50_with_streams.rdb", "parser_filters.rdb", "hash-ziplist.rdb", "corrupt_empty_keys.rdb"]


@pytest.mark.parametrize("name", SMALL)
def test_a_file_truncated_at_any_byte_is_refused(store, name, tmp_path):
    data = stored(name)
    path = tmp_path / "dump.rdb"
    store.set("before", 1)
    for n in range(len(data)):
        with pytest.raises(kvd.FileError, match=r"^at offset \d+: "):
            store.load(data[:n])
        if n % 50 == 0:
            path.write_bytes(data[:n])
            refusal(store, path)
    assert store.keys() == [b"before"] and digest(store) != EMPTY


@pytest.mark.parametrize("name", SMALL)
def test_a_file_with_a_flipped_byte_is_refused(store, name):
    data = bytearray(stored(name))
    store.set("before", 1)
    checked = int(bytes(data[5:9]) if data[:5] == b"REDIS" else data[6:9]) >= 5
    for n in range(len(data)):
        for mask in (1, 0x80, 0xFF):
            data[n] ^= mask
            try:
                store.load(bytes(data))
                assert not checked or bytes(data[:9]) in (b"REDIS0010", b"REDIS0011", b"REDIS0012") or n < 9, (n, mask)
                store.flushall()
                store.execute("FUNCTION", "FLUSH")
                store.set("before", 1)
            except kvd.FileError as error:
                assert str(error).startswith("at offset ")
            data[n] ^= mask
    assert store.keys() == [b"before"] and digest(store) != EMPTY


def test_announced_sizes_cost_no_memory(store):
    before = store.used_memory
    many = b"\x81" + b"\0\0\0\xff" * 2
    padding = [string(f"k{n}", b"x" * 1000) for n in range(2000)]
    refusal(store, rdb(b"\xfb" + length(600_000) + b"\0", b"\x08", *padding))
    assert store.used_memory < before + 20_000
    store.load(rdb(b"\xfb" + length(600_000) + b"\0", aux("padding", b"x" * 2_000_000)))
    store.flushall()
    assert store.used_memory < before + 20_000
    sizes = [database(n % 16) + b"\xfb" + many + many for n in range(500)]
    for data in (rdb(*sizes, string("a", 1)), rdb(b"\xfb" + many + many), *(rdb(bytes([form]) + text("a") + many) for form in range(26))):
        try:
            store.load(data)
        except kvd.FileError:
            pass
        assert store.used_memory < before + 300_000
        store.flushall()


def test_mutants_with_a_right_checksum(store):
    from .fuzz_load import Fuzzer, with_arrays

    fuzzer = Fuzzer([*(stored(name) for name in SMALL), with_arrays()], seed=7)
    fuzzer.run(20_000)
    assert fuzzer.accepted > 100


def test_changed_content_with_a_right_checksum_is_another_content(store):
    data = rdb(string("key", "value"))
    store.load(resummed(data.replace(b"value", b"other")))
    assert store.get("key") == b"other"


# ---- load_path, which servers call ---------------------------------------------------------------


def test_a_file_is_loaded_in_slices(store, tmp_path):
    from kvd.doors import _probe_files

    data = rdb(*(string(f"k{i}", b"x" * 40) for i in range(50_000)))
    path = tmp_path / "dump.rdb"
    path.write_bytes(data + b"*1\r\n")
    ok, error, count, slices, end = _probe_files.load(store, path)
    assert (ok, error, count, end) == (True, "", 50_000, len(data)) and slices > len(data) // (1 << 18)
    assert digest(store) != EMPTY and keys(store) == 50_000
    path.write_bytes(data[:1_000_000])
    ok, error, _, _, _ = _probe_files.load(store, path)
    assert not ok and error.startswith("at offset 9999") and keys(store) == 50_000
    assert _probe_files.load(store, tmp_path / "none")[:2] == (False, "cannot open the file: No such file or directory")
    assert _probe_files.load(store, tmp_path)[:2] == (False, "cannot read the file: Is a directory")
    path.write_bytes(b"")
    assert not _probe_files.load(store, path)[0] and digest(store) != EMPTY


# ---- files that would take long ------------------------------------------------------------------


def timed(store, data):
    begun = time.process_time()
    try:
        store.load(data)
    except kvd.FileError:
        pass
    return time.process_time() - begun


def test_no_small_file_takes_long(store):
    """Each is about 1 MB; a quadratic loop over it would take minutes."""
    n = 60_000
    consumers = b"".join(text(f"c{i}") + bytes(8) + b"\0" for i in range(n))
    groups = b"".join(text(f"g{i}") + b"\0\0\0\0\0" for i in range(n))
    lp = b"".join(b"\x81a\x02" for _ in range(n * 3))
    listpack = (len(lp) + 7).to_bytes(4, "little") + b"\xff\xff" + lp + b"\xff"
    for record in (
        b"\x13" + text("s") + b"\0" + b"\0" * 9 + b"\1" + text("g") + b"\0\0\0\0" + length(n) + consumers,
        b"\x13" + text("s") + b"\0" + b"\0" * 9 + length(n) + groups,
        *(bytes([form]) + text("k") + text(listpack) for form in (16, 17, 20)), b"\x12" + text("l") + length(1) + b"\2" + text(listpack.replace(b"\x81a", b"\x815")),
        b"\x12" + text("l") + length(n) + b"".join(b"\2" + text(b"\x0a\0\0\0\1\0\x81a\x02\xff") for _ in range(n)),
        b"\1" + text("l") + length(n) + b"".join(text(f"e{i}") for i in range(n)), b"\2" + text("l") + length(n) + b"".join(text(f"e{i}") for i in range(n)),
        b"\3" + text("z") + length(n) + b"".join(text(f"e{i}") + b"\x011" for i in range(n)), b"\xfb\x01\x01" * n, b"\xfe\x01\xfe\x02" * n,
    ):  # fmt: skip
        assert timed(store, rdb(record)) < 5
        store.flushall()


# ---- packed collections, which are taken over as they are ---------------------------------------


def listpack(*elements):
    """Of elements that are encoded already."""
    body = b"".join(e + bytes([len(e)]) for e in elements)
    return text((len(body) + 7).to_bytes(4, "little") + len(elements).to_bytes(2, "little") + body + b"\xff")


def word(s):
    return bytes([0x80 | len(s)]) + s.encode()


FIVE, ALSO_FIVE, WIDE_FIVE = b"\x05", word("5"), b"\xf1\x05\x00"


@pytest.mark.parametrize("twin", [FIVE, ALSO_FIVE, WIDE_FIVE])
def test_an_element_that_is_there_twice_is_refused_however_it_is_encoded(store, twin):
    for other in (FIVE, ALSO_FIVE, WIDE_FIVE):
        assert "is broken" in refusal(store, rdb(b"\x14" + text("s") + listpack(other, word("a"), twin)))
        assert "is broken" in refusal(store, rdb(b"\x10" + text("h") + listpack(other, word("a"), twin, word("b"))))
        assert "is broken" in refusal(store, rdb(b"\x11" + text("z") + listpack(other, b"\x01", twin, b"\x02")))


def test_values_may_be_equal(store):
    assert store.load(rdb(b"\x10" + text("h") + listpack(word("a"), FIVE, word("b"), FIVE), b"\x11" + text("z") + listpack(word("a"), FIVE, word("b"), FIVE))) == 2
    assert store.hgetall("h") == {b"a": b"5", b"b": b"5"} and store.zrange("z", 0, -1) == [b"a", b"b"] and digest(store) != EMPTY


def test_a_sorted_set_out_of_order_is_put_in_order(store):
    for elements in ((word("b"), FIVE, word("a"), FIVE), (word("b"), b"\x07", word("a"), word("1.5"))):
        store.load(rdb(b"\x11" + text("z") + listpack(*elements)))
        assert store.zrange("z", 0, -1) == [b"a", b"b"] and digest(store) != EMPTY
    for score in ("nan", "x", "", "1 "):
        assert "is broken" in refusal(store, rdb(b"\x11" + text("z") + listpack(word("a"), word(score))))


@pytest.mark.parametrize("five", [FIVE, ALSO_FIVE, WIDE_FIVE])
def test_a_number_is_found_however_it_is_encoded(store, five):
    number = word("-1234567890123")
    store.load(rdb(b"\x14" + text("s") + listpack(word("a"), five, number), b"\x10" + text("h") + listpack(five, number, number, five),
                   b"\x11" + text("z") + listpack(five, b"\x01", number, b"\x02"), b"\x12" + text("l") + length(1) + b"\2" + listpack(number, five, word("a"))))  # fmt: skip
    assert (store.sismember("s", 5), store.sismember("s", "-1234567890123"), store.hget("h", 5)) == (1, 1, b"-1234567890123")
    assert (store.zscore("z", 5), store.zscore("z", "-1234567890123"), store.lpos("l", "5"), store.lrem("l", 0, "-1234567890123")) == (1.0, 2.0, 1, 1)
    store.hset("h", 5, "new")
    assert store.hlen("h") == 2 and digest(store) != EMPTY


def test_collections_above_the_limits_are_unpacked(store):
    for option in ("hash-max-listpack-entries", "set-max-listpack-entries", "zset-max-listpack-entries", "set-max-intset-entries"):
        store.config_set(option, 2)
    three = [word(c) for c in "abc"]
    ints = text((2).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"\1\0\2\0\3\0")
    pairs = listpack(*(e for w in three for e in (w, b"\1")))
    store.load(rdb(b"\x14" + text("s") + listpack(*three), b"\x11" + text("z") + pairs, b"\x10" + text("h") + pairs, b"\x0b" + text("i") + ints))
    assert [store.execute("OBJECT", "ENCODING", k) for k in "szhi"] == [b"hashtable", b"skiplist", b"hashtable", b"hashtable"]
    assert store.scard("i") == store.zcard("z") == store.hlen("h") == store.scard("s") == 3 and digest(store) != EMPTY
    store.config_set("hash-max-listpack-value", 3)
    store.load(rdb(b"\x10" + text("h") + listpack(word("a"), word("long"))))
    assert store.execute("OBJECT", "ENCODING", "h") == b"hashtable" and digest(store) != EMPTY


# ---- streams of Redis 8.6 and 8.8 --------------------------------------------------------------------

def raw(*ids):
    return b"".join(ms.to_bytes(8, "big") + seq.to_bytes(8, "big") for ms, seq in ids)


def pending(id, ms, deliveries):
    return raw(id) + ms.to_bytes(8, "little") + length(deliveries)


def stream_of(form, released, producers=b"\x40\x64\x40\x64\0\0\0"):
    """Entries 1-0 to 4-0, of which `released` are pending without a consumer; written by hand, as librdb describes the format."""
    numbers = [bytes([n]) for n in range(64)]
    entries = [numbers[4], numbers[0], numbers[1], word("f"), numbers[0]]
    for ms in range(4):
        entries += [numbers[2], numbers[ms], numbers[0], word("v"), numbers[4]]
    owned = [id for id in ((1, 0), (2, 0), (3, 0), (4, 0)) if id not in released]
    group = text("g") + length(4) + length(0) + length(4) + length(4)
    group += b"".join(pending((ms, 0), 0 if (ms, 0) in released else NOW * 1000, ms) for ms in range(1, 5))
    group += length(1) + text("c") + (NOW * 1000).to_bytes(8, "little") * 2 + length(len(owned)) + raw(*owned)
    if form == 27:
        group += length(len(released)) + raw(*released)
    counters = b"".join(map(length, (4, 4, 0, 1, 0, 0, 0, 4, 1)))
    return bytes([form]) + text("s") + length(1) + text(raw((1, 0))) + listpack(*entries) + counters + group + producers


@pytest.mark.parametrize(("form", "released"), [(26, []), (27, []), (27, [(3, 0), (2, 0)]), (27, [(4, 0), (1, 0), (3, 0), (2, 0)])])
def test_released_entries_of_a_group(store, form, released):
    assert store.load(rdb(stream_of(form, released), head=b"REDIS0014")) == 1
    rows = store.execute("XPENDING", "s", "g", "-", "+", 10)
    assert [(row[0], row[1], row[3]) for row in rows] == [(b"%d-0" % ms, b"" if (ms, 0) in released else b"c", ms) for ms in range(1, 5)]
    written = io.BytesIO()
    store.config_set("rdbcompression", "no")
    store.snapshot(written)
    assert (written.getvalue()[:9], stream_of(27, released) in written.getvalue()) == ((b"REDIS0014", True) if released else (b"REDIS0011", False))
    entries = (store.execute("XREADGROUP", "GROUP", "g", "d", "CLAIM", 2**63 - 1, "STREAMS", "s", ">") or {b"s": []})[b"s"]
    assert [entry[0] for entry in entries] == [b"%d-0" % ms for ms, _ in released] and digest(store)


def test_released_entries_that_a_consumer_has_or_the_group_has_not(store):
    good = stream_of(27, [(3, 0), (2, 0)])
    both = raw((3, 0), (2, 0))
    for twin in (raw((3, 0), (3, 0)), raw((3, 0), (1, 0)), raw((3, 0), (9, 0))):
        assert good.count(both) == 1 and "is broken" in refusal(store, rdb(good.replace(both, twin), head=b"REDIS0014"))
    assert "broken" in refusal(store, rdb(good.replace(length(2) + both, length(1) + raw((3, 0))), head=b"REDIS0014"))
    for end in range(20, len(good), 7):
        refusal(store, rdb(good[:end], head=b"REDIS0014"))


PRODUCERS = length(75) + length(7500) + length(2) + text("p") + length(2) + text("i1") + length(1) + length(0) + text("17") + length(3) + length(0) + text("q") + length(1) + text("i1") + length(4) + length(0) + length(9) + length(5)


def test_producers_of_a_stream(store):
    data = stream_of(26, [], PRODUCERS)
    assert store.load(rdb(data, head=b"REDIS0013")) == 1
    info = store.xinfo_stream("s")
    assert (info["idmp-duration"], info["idmp-maxsize"], info["iids-added"], info["iids-duplicates"]) == (75, 7500, 9, 5)
    written = io.BytesIO()
    store.config_set("rdbcompression", "no")
    store.snapshot(written)
    assert written.getvalue()[:9] == b"REDIS0013" and PRODUCERS.replace(text("17"), b"\xc0\x11") in written.getvalue()
    for pid, iid, id in (("p", "i1", "1-0"), ("p", "17", "3-0"), ("q", "i1", "4-0")):
        assert store.execute("XIDMPRECORD", "s", pid, iid, id) == b"OK"
    assert store.xinfo_stream("s")["iids-added"] == 9
    with pytest.raises(kvd.FileError, match="ids of producers"):
        store.snapshot(io.BytesIO(), version=12)


@pytest.mark.parametrize("broken", [
    length(0) + PRODUCERS[2:], length(75) + length(10001) + PRODUCERS[5:], PRODUCERS.replace(text("17"), text("i1")), PRODUCERS.replace(text("q"), text("")), PRODUCERS.replace(text("17"), text("")),
    length(75) + length(1) + PRODUCERS[4:], PRODUCERS[:-1],
])  # fmt: skip
def test_producers_that_cannot_be(store, broken):
    assert "at offset" in refusal(store, rdb(stream_of(26, [], broken), head=b"REDIS0013"))
    for end in range(1, len(PRODUCERS), 3):
        refusal(store, rdb(stream_of(26, [], PRODUCERS[:end]), head=b"REDIS0013"))
