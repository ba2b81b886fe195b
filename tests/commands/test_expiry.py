"""Times at their limits; what a deadline in the past does."""

import pytest

NOW_OR_PAST = ["0", "-1", "-9223372036854775"]
TOO_LARGE = ["9223372036854775807", "9223372036854775", "-9223372036854775808"]


@pytest.mark.parametrize("seconds", TOO_LARGE)
@pytest.mark.parametrize("command", ["EXPIRE", "EXPIREAT"])
def test_seconds_that_do_not_fit_into_milliseconds(peer, command, seconds):
    peer("SET", "k", "v")
    if command == "EXPIREAT" and seconds == "9223372036854775":
        assert peer(command, "k", seconds) == 1 and peer("EXPIRETIME", "k") == 9223372036854775
    else:
        assert str(peer(command, "k", seconds)) == f"ERR invalid expire time in '{command.lower()}' command" and peer("TTL", "k") == -1


def test_the_largest_milliseconds(peer):
    peer("SET", "k", "v")
    assert "invalid expire time" in str(peer("PEXPIRE", "k", "9223372036854775807"))
    assert peer("PEXPIREAT", "k", "9223372036854775807") == 1 and peer("PEXPIRETIME", "k") == 9223372036854775807
    assert peer("PEXPIRE", "k", "9223370000000000000") == 1 and peer("PTTL", "k") > 9223369999999900000 and peer("GET", "k") == b"v"
    assert peer("PEXPIREAT", "k", "-9223372036854775808") == 1 and peer("EXISTS", "k") == 0


@pytest.mark.parametrize("line", ["SET k v EX #", "SET k v PX #", "GETEX k EX #", "GETEX k PX #", "SETEX k # v", "PSETEX k # v", "SET k v EXAT #", "GETEX k PXAT #"])
def test_times_of_other_commands(peer, line):
    peer("SET", "k", "old")
    for number in ("0", "-1", "-9223372036854775808", *(["9223372036854775807"] if "AT" not in line else [])):
        assert "invalid expire time" in str(peer(*line.replace("#", number).split())), number
    assert peer("GET", "k") == b"old" and peer("TTL", "k") == -1


@pytest.mark.parametrize("number", NOW_OR_PAST)
def test_a_deadline_in_the_past_removes_the_key(peer, number):
    for command in ("EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"):
        peer("SET", "k", "v")
        assert peer(command, "k", number) == 1 and peer("EXISTS", "k") == 0, command
