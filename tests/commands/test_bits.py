"""Bits of strings: single ones, counted, searched, combined, and as integers of any width."""

import pytest


def bits(text):
    return int(text, 2).to_bytes(1, "big")


@pytest.mark.parametrize("op, expected", [
    ("DIFF", "10000000"),   # in the first and in no other
    ("DIFF1", "00001100"),  # in any other and not in the first
    ("ANDOR", "01110000"),  # in the first and in any other
    ("ONE", "10011100"),    # in exactly one
])  # fmt: skip
def test_bitop_of_8_2(run, op, expected):
    run("MSET", "x", bits("11110000"), "a", bits("01101000"), "b", bits("00110100") + b"\x01")
    assert run("BITOP", op, "d", "x", "a", "b") == 2
    value = run("GET", "d")
    assert value[:1] == bits(expected if op != "ONE" else one_of("11110000", "01101000", "00110100"))
    assert value[1:] == (b"\x01" if op in ("DIFF1", "ONE") else b"\x00")
    assert run("BITOP", op, "d", "none", "nothing") == 0 and run("EXISTS", "d") == 0


def one_of(*rows):
    return "".join("1" if sum(c == "1" for c in column) == 1 else "0" for column in zip(*rows, strict=True))


@pytest.mark.parametrize("op", ["DIFF", "DIFF1", "ANDOR"])
def test_bitop_that_needs_two(run, op):
    assert run("BITOP", op, "d", "x").endswith(f"BITOP {op} must be called with at least two source keys.")


DATA = b"\x00\xff\xf0\x0f" + bytes(range(30))
BITS = "".join(f"{byte:08b}" for byte in DATA)


def test_single_bits_and_growth(peer):
    assert peer("SETBIT", "k", 7, 1) == 0 and peer("SETBIT", "k", 7, 0) == 1 and peer("SETBIT", "k", 100, 1) == 0
    assert peer("GET", "k") == b"\0" * 12 + b"\x08" and [peer("GETBIT", "k", n) for n in (99, 100, 101, 4_000_000_000)] == [0, 1, 0, 0] and peer("GETBIT", "none", 0) == 0
    peer("SET", "n", 10)                                    # held as an integer: "1" is 00110001
    assert peer("SETBIT", "n", 6, 1) == 0 and peer("GET", "n") == b"30"
    for wrong in (("k", -1, 1), ("k", 4294967296, 1), ("k", 0, 2), ("k", "x", 1)):
        assert isinstance(peer("SETBIT", *wrong), Exception)


RANGES = [(), (0, -1), (1, 2), (-3, -2), (2, 1), (0, 0), (5, 500), (-500, 3), (40, 50), (1, 2, "BYTE"), (3, 17, "BIT"), (8, 8, "BIT"), (-9, -1, "BIT"), (13, 200, "BIT"), (0, 500, "BIT"), (17, 3, "BIT")]


def within(range_):
    """The positions of bits that a range of bytes or bits has."""
    if not range_:
        return range(len(BITS))
    unit = 1 if range_[-1] == "BIT" else 8
    n = len(BITS) // unit
    a, b = (i + n if i < 0 else i for i in range_[:2])
    return range(max(a, 0) * unit, min(b + 1, n) * unit)


@pytest.mark.parametrize("range_", RANGES)
def test_counting(peer, range_):
    peer("SET", "k", DATA)
    assert peer("BITCOUNT", "k", *range_) == sum(BITS[i] == "1" for i in within(range_)) and peer("BITCOUNT", "none", *range_) == 0


@pytest.mark.parametrize("bit", [0, 1])
@pytest.mark.parametrize("range_", RANGES)
def test_searching(peer, bit, range_):
    peer("SET", "k", DATA)
    assert peer("BITPOS", "k", bit, *range_) == next((i for i in within(range_) if BITS[i] == str(bit)), -1)


def test_zeros_follow_a_string_of_ones_unless_an_end_is_given(peer):
    peer("SET", "k", b"\xff\xff")
    assert (peer("BITPOS", "k", 0), peer("BITPOS", "k", 0, 1), peer("BITPOS", "k", 0, 0, -1), peer("BITPOS", "none", 0), peer("BITPOS", "none", 1)) == (16, 16, -1, 0, -1)


@pytest.mark.parametrize("sizes", [(0, 3), (5, 5), (100, 37), (64, 1), (33, 65)])
def test_combining(peer, sizes):
    a, b = (bytes((i * 37 + n) % 256 for i in range(n)) for n in sizes)
    peer("SET", "a", a)
    peer("SET", "b", b)
    n = max(sizes)
    x, y = a.ljust(n, b"\0"), b.ljust(n, b"\0")
    for op, f in (("AND", lambda p, q: p & q), ("OR", lambda p, q: p | q), ("XOR", lambda p, q: p ^ q)):
        assert peer("BITOP", op, "d", "a", "b") == n and peer("GET", "d") == bytes(f(p, q) for p, q in zip(x, y, strict=True))
    assert peer("BITOP", "NOT", "b", "b") == len(b) and peer("GET", "b") == bytes(255 - byte for byte in b)
    assert peer("BITOP", "AND", "d", "none", "nothing") == 0 and peer("EXISTS", "d") == 0 and isinstance(peer("BITOP", "NOT", "d", "a", "b"), Exception)


@pytest.mark.parametrize(("overflow", "up", "down"), [("WRAP", -128, 127), ("SAT", 127, -128), ("FAIL", None, None)])
def test_overflow_of_fields(peer, overflow, up, down):
    peer("BITFIELD", "k", "SET", "i8", 0, 127, "SET", "i8", "#1", -128)
    assert peer("BITFIELD", "k", "OVERFLOW", overflow, "INCRBY", "i8", 0, 1, "INCRBY", "i8", "#1", -1) == [up, down]


@pytest.mark.parametrize("width", [1, 7, 8, 9, 31, 32, 33, 63])
@pytest.mark.parametrize("at", [0, 1, 7, 13])
def test_fields_of_any_width_at_any_place(peer, width, at):
    top = 2**width - 1
    assert peer("BITFIELD", "k", "SET", f"u{width}", at, top, "GET", f"u{width}", at, "GET", f"i{width}", at, "GET", "u8", at + width) == [0, top, -1, 0]
    assert peer("BITFIELD_RO", "k", "GET", f"u{width}", at) == [top] and peer("BITCOUNT", "k") == width
    assert peer("BITFIELD", "k", "INCRBY", f"u{width}", at, 1) == [0] and peer("BITCOUNT", "k") == 0


@pytest.mark.parametrize("line", ["BITFIELD k GET u64 0", "BITFIELD k GET i65 0", "BITFIELD k GET u0 0", "BITFIELD k GET x8 0", "BITFIELD k SET u8 -1 0", "BITFIELD k OVERFLOW MAYBE", "BITFIELD_RO k SET u8 0 1", "BITFIELD k SET u8 0", "BITCOUNT k 0 1 WORD", "BITPOS k 2", "BITOP NAND d k k"])
def test_wrong_forms_change_nothing(peer, line):
    peer("SET", "k", "abc")
    assert isinstance(peer(*line.split()), Exception) and peer("GET", "k") == b"abc"
