"""Several hundred scripts on kvd and on real servers: the same replies, byte for byte.

A reply counts as right if any real server gives it: Valkey has reworded some errors, Redis 7.0 prints numbers with 17
digits and lacks a library in some builds.
"""

import hiredis
import pytest

import kvd

from . import script_cases as cases
from .wire import RealServer, Wire, programs, reader

pytestmark = pytest.mark.compat


def lines():
    """Every script."""
    yield from cases.SCRIPTS
    for value in cases.VALUES:
        yield f"return {value}"
        yield f"redis.setresp(3) return {value}"
    for proto in (2, 3):
        for command in cases.COMMANDS:
            yield f"{cases.SHOW} redis.setresp({proto}) return show(redis.pcall({command}))"
            yield f"redis.setresp({proto}) return redis.call({command})"
    for value in cases.JSON_VALUES:
        yield f"return cjson.encode({value})"
    for text in cases.JSON_TEXTS:
        escaped = text.replace("\\", "\\\\").replace("\\\\0", "\\0").replace("\\\\t", "\\t").replace("\\\\v", "\\v").replace("\\\\239\\\\187\\\\191", "\\239\\187\\191")
        if text.startswith('"'):
            escaped = text.replace("\\", "\\\\")
        yield f"{cases.SHOW} return show(cjson.decode([==[{text}]==]))"
        yield f"{cases.SHOW} return show(cjson.decode('{escaped}'))" if "'" not in text else "return 1"
    for value in cases.PACK_VALUES:
        yield f"return cmsgpack.pack({value})"
        yield f"{cases.SHOW} return show({{cmsgpack.unpack(cmsgpack.pack({value}))}})"
    for packed in cases.PACKED:
        decimal = "".join(f"\\{b:03d}" for b in packed.encode().decode("unicode_escape").encode("latin-1"))
        yield f"{cases.SHOW} return show({{cmsgpack.unpack('{decimal}')}})"
    for format, values in cases.STRUCTS:
        yield f"return struct.pack({format}{',' if values else ''}{values})"
        yield f"{cases.SHOW} return show({{struct.unpack({format},struct.pack({format}{',' if values else ''}{values}))}})"
    for call in [*cases.JSON_CALLS, *cases.PACK_CALLS, *cases.STRUCT_CALLS, *cases.BITS, *cases.LUA]:
        yield f"{cases.SHOW} return show({{{call}}})"
    for number in cases.NUMBERS:
        yield f"return redis.call('echo',{number})"


SCRIPTS = list(dict.fromkeys(lines()))


class Real:
    """A real server, started anew when a script has brought it down."""

    def __init__(self, program, proto):
        self.program, self.proto = program, proto
        self.start()

    def start(self):
        self.server = RealServer(self.program)
        self.wire = Wire(self.server.address, self.proto)

    def run(self, script):
        try:
            return reply_of(self.wire, script)
        except (ConnectionError, TimeoutError):
            self.server.stop()
            self.start()
            return "it crashed"


def reply_of(wire, script):
    wire("FLUSHALL")
    for line in cases.SETUP:
        wire(*line)
    try:
        return repr(wire("EVAL", script, "2", "k1", "k2", "a1", "a2"))
    except hiredis.ProtocolError as error:         # a big number that is none, as the script wanted it
        wire.reader = reader()
        return repr(error)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("proto", [2, 3])
def test_scripts_answer_as_on_real_servers(proto):
    real = [Real(p, proto) for p in programs()]
    if all(r.server.release < (7, 2) for r in real):
        for r in real:
            r.server.stop()
        pytest.skip("no real server, or only Redis 7.0, which answers some of them otherwise")
    wrong = []
    try:
        with kvd.Store().serve() as server:
            ours = Wire(("127.0.0.1", server.port), proto)
            for script in SCRIPTS:
                mine = reply_of(ours, script)
                theirs = [r.run(script) for r in real]
                if mine not in theirs and set(theirs) != {"it crashed"}:
                    wrong.append((script.replace(cases.SHOW, ""), mine, *theirs))
            ours.close()
    finally:
        for r in real:
            r.server.stop()
    for script, *answers in wrong:
        print(f"\n>> {script}")
        for name, answer in zip(("kvd", *(r.server.name for r in real)), answers, strict=True):
            print(f"   {name:22} {answer[:500]}")
    assert not wrong, f"{len(wrong)} of {len(SCRIPTS)}"
