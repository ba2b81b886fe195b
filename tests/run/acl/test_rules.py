"""Rules: what each makes of a user, and what is wrong. The expectations are those of Redis 8.0 and Valkey 9.1, and are checked there."""

import random

import pytest
from hiredis import ReplyError

HASH = "148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940"      # of p
NONE = "resetchannels -@all"
UNKNOWN, SYNTAX = "Unknown command or category name in ACL", "Syntax error"
KEYS = "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
CHANNELS = "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"
HEX = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
GONE = "The password you are trying to remove from the user does not exist"

RIGHT = [
    ("+get", f"{NONE} +get"), ("+get +set", f"{NONE} +get +set"), ("+get -get", f"{NONE} -get"), ("+@all -get", "resetchannels +@all -get"),
    ("+@all -@string +get", "resetchannels +@all -@string +get"), ("+client", f"{NONE} +client"), ("+client|id +client|list", f"{NONE} +client|id +client|list"),
    ("+client|id +client", f"{NONE} +client"), ("+client -client|id", f"{NONE} +client -client|id"), ("+client -client|id -client", f"{NONE} -client"),
    ("-client|id +client", f"{NONE} +client"), ("+client +client|id", f"{NONE} +client +client|id"), ("+select|0 +select|1", f"{NONE} +select|0 +select|1"),
    ("+select|0 +select|0", f"{NONE} +select|0"), ("+select|0 +select", f"{NONE} +select"), ("+GET +Get", f"{NONE} +get"), ("+@STRING", f"{NONE} +@string"),
    ("allcommands", "resetchannels +@all"), ("allcommands nocommands", NONE), ("+@read -get +@read", f"{NONE} -get +@read"), ("+@string -@all +get", f"{NONE} +get"),
    ("+get allcommands -set", "resetchannels +@all -set"), ("+config|get -config", f"{NONE} -config"), ("+get -@string +get", f"{NONE} -@string +get"),
    ("~a* ~b", f"~a* ~b {NONE}"), ("%R~a %W~b %RW~c", f"%R~a %W~b ~c {NONE}"), ("%wr~a", f"~a {NONE}"), ("%R", f"%R~ {NONE}"), ("~a ~*", f"~* {NONE}"),
    ("~a allkeys", f"~* {NONE}"), ("~a resetkeys", NONE), ("~", f"~ {NONE}"), ("~a ~a", f"~a {NONE}"), ("%R~*", f"%R~* {NONE}"), ("%R~a %W~a", f"~a {NONE}"),
    ("%RW~*", f"~* {NONE}"), ("~* ~*", f"~* {NONE}"), ("&a", "resetchannels &a -@all"), ("&*", "&* -@all"), ("&* &*", "&* -@all"), ("&a allchannels", "&* -@all"),
    ("&a resetchannels", NONE), ("&a &a", "resetchannels &a -@all"), (">p", f"#{HASH} {NONE}"), (">p >p", f"#{HASH} {NONE}"), (">p <p", NONE),
    (f"#{HASH}", f"#{HASH} {NONE}"), (f"#{HASH} !{HASH}", NONE), ("nopass >p", f"#{HASH} {NONE}"), (">p nopass", NONE), ("nopass resetpass", NONE), ("on off", NONE),
    ("on >p ~* +@all reset", NONE), ("", NONE), ("()", f"{NONE} ({NONE})"), ("(+get ~a)", f"{NONE} (~a {NONE} +get)"), ("(+get ~a) (+set ~b)", f"{NONE} (~a {NONE} +get) (~b {NONE} +set)"),
    ("+get clearselectors", f"{NONE} +get"), ("+object|help", f"{NONE} +object|help"), ("+@all +get", "resetchannels +@all +get"),
]  # fmt: skip
WRONG = [
    (["+nocmd"], UNKNOWN), (["-nocmd"], UNKNOWN), (["+@nocat"], UNKNOWN), (["+"], UNKNOWN), (["+@"], UNKNOWN), (["+get "], UNKNOWN), (["-select|0"], UNKNOWN),
    (["+get|a|b"], UNKNOWN), (["+client|nosub"], UNKNOWN), (["+client|id|x"], "Allowing first-arg of a subcommand is not supported"), (["foo"], SYNTAX), ([" +get"], SYNTAX),
    (["%~a"], SYNTAX), (["%X~a"], SYNTAX), (["%RR~a"], SYNTAX), ([")"], SYNTAX), (["~a b"], SYNTAX), (["&a b"], SYNTAX), (["db="], SYNTAX), (["db=a"], SYNTAX),
    (["~*", "~a"], KEYS), (["allkeys", "~a"], KEYS), (["&*", "&a"], CHANNELS), (["<p"], GONE), (["!" + "a" * 64], GONE), (["#abc"], HEX), (["#" + "A" * 64], HEX), (["!abc"], HEX),
    (["(on)"], SYNTAX), (["(>p)"], SYNTAX), (["(+get (+set))"], SYNTAX), (["((+get))"], SYNTAX),
]  # fmt: skip


def modern(place):
    if place.version < ((9, 0) if place.valkey else (8, 0)):
        pytest.skip("an older server shows rules in another way")


def test_what_rules_make(place):
    modern(place)
    wrong = []
    for rules, expected in RIGHT:
        place.admin("ACL", "DELUSER", "u")
        words = rules.replace(") (", ")|(").split("|") if rules.endswith(")") else rules.split(" ")
        reply = place.admin("ACL", "SETUSER", "u", *words)
        found = (place.described("u") or "").replace("user u off sanitize-payload ", "").replace("user u off nopass sanitize-payload ", "")
        if reply != b"OK" or found != expected:
            wrong.append((rules, reply, found, expected))
    assert not wrong


def test_what_is_wrong(place):
    wrong = []
    for rules, why in WRONG:
        place.admin("ACL", "DELUSER", "u")
        reply = place.admin("ACL", "SETUSER", "u", *rules)
        if str(reply) != f"ERR Error in ACL SETUSER modifier '{rules[-1]}': {why}" or place.described("u") is not None:
            wrong.append((rules, reply))
    assert not wrong


@pytest.mark.parametrize("rules", [["("], ["(+get"], ["(+get", "~a"], ["(+get ~a) "]])
def test_a_selector_must_be_closed(place, rules):
    assert str(place.admin("ACL", "SETUSER", "u", *rules)) == f"ERR Unmatched parenthesis in acl selector starting at '{rules[0]}'."


@pytest.mark.parametrize("words", [["(+get", "~a)"], ["(+get", "~a", ")"], ["(+get", " ~a)"]])
def test_a_selector_may_be_several_words(place, words):
    assert place.admin("ACL", "SETUSER", "u", *words) == b"OK"
    assert place.described("u").endswith("(~a resetchannels -@all +get)")


def test_all_rules_are_applied_or_none(place):
    place.admin("ACL", "SETUSER", "u", "on", "+get", "~a")
    before = place.described("u")
    assert isinstance(place.admin("ACL", "SETUSER", "u", "+set", "~b", "+nocmd"), ReplyError)
    assert place.described("u") == before


def test_names_of_users(place):
    for name in ("a b", "a\0b", "a\tb"):
        assert str(place.admin("ACL", "SETUSER", name)) == "ERR Usernames can't contain spaces or null characters"
    assert place.admin("ACL", "SETUSER", "", "on") == b"OK" and place.admin("ACL", "DELUSER", "") == 1


def test_databases(ours):
    """Valkey's rules."""
    for rules, expected in (("db=0,2", "db=0,2"), ("db=1 db=2", "db=2"), ("db=1 alldbs", ""), ("resetdbs", "resetdbs"), ("db=99 db=0,0", "db=0")):
        assert ours.admin("ACL", "SETUSER", "u", "reset", *rules.split()) == b"OK"
        assert ours.described("u") == f"user u off sanitize-payload resetchannels {expected + ' ' if expected else ''}-@all"


WORDS = tuple(["on", "off", "nopass", "resetpass", ">p", ">q", "<p", "reset", "allkeys", "resetkeys", "~*", "~a", "~b*", "%R~a", "%W~a", "%RW~c", "%R~*", "allchannels", "resetchannels", "&*", "&a", "&b*", "allcommands", "nocommands", "+@all", "-@all", "+get", "-get", "+set", "-set", "+client", "-client", "+client|id", "-client|id", "+client|list", "+select|0", "+select|1", "+config|get", "-config", "+@read", "-@read", "+@write", "-@write", "+@string", "-@string", "+@dangerous", "-@dangerous", "+@admin", "clearselectors", "sanitize-payload", "+nocmd", "+@pubsub", "-@fast", "+xinfo|stream", "-xinfo", "+memory"])


def test_random_rules_make_the_same_user(ours, theirs):
    modern(theirs)
    dice = random.Random(1)
    for _ in range(400):
        rules = dice.choices(WORDS, k=dice.randrange(1, 8))
        if dice.random() < 0.3:
            rules.append("(" + " ".join(word for word in dice.choices(WORDS, k=3) if word[0] in "+-~%&") + ")")
        replies = [place.admin("ACL", "SETUSER", "u", *rules) for place in (ours, theirs)]
        assert str(replies[0]) == str(replies[1]), rules
        assert ours.described("u") == theirs.described("u"), rules
        if dice.random() < 0.3:
            ours.admin("ACL", "DELUSER", "u")
            theirs.admin("ACL", "DELUSER", "u")
