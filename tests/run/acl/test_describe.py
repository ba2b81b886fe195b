"""A user's description makes the same user again."""

import random

from .test_rules import WORDS


def test_it_makes_the_same_user(ours):
    dice = random.Random(3)
    for _ in range(300):
        rules = [*dice.choices(WORDS, k=dice.randrange(1, 9)), *dice.choices(["(+get ~x)", "(%R~a &b -@all +set)", "(allcommands allkeys db=1,2)", "db=3", "alldbs"], k=dice.randrange(3))]
        if isinstance(ours.admin("ACL", "SETUSER", "u", "reset", *rules), Exception):
            continue
        line = ours.described("u")
        words, selectors = line.split(" (", 1)[0].split(" ")[2:], [f"({part}" for part in line.split(" (")[1:]]
        assert ours.admin("ACL", "SETUSER", "again", "reset", *words, *selectors) == b"OK"
        assert ours.described("again") == line.replace("user u ", "user again ", 1), rules
