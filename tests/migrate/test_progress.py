"""What is shown."""

import io

from kvd.migrate import progress
from kvd.migrate.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_plain_text_where_there_is_no_terminal(monkeypatch):
    out = io.StringIO()
    shown = Progress(out)
    shown.phase("sync")
    shown.update("0 of 10", 0, 10)
    shown.update("1 of 10", 1, 10)
    monkeypatch.setattr(progress, "REPEAT", 0)
    shown.update("5 of 10", 5, 10)
    shown.update("lag 3 bytes")
    shown.end()
    assert out.getvalue() == "sync ...\nsync:  50% 5 of 10\nsync: lag 3 bytes\n"


def test_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setattr(progress, "REDRAW", 0)
    out = Terminal()
    shown = Progress(out)
    shown.phase("sync")
    shown.update("half", 1, 2)
    assert out.getvalue() == f"sync         [{'#' * 15}{'.' * 15}]  50% half"
    shown.say("a line")
    assert out.getvalue().endswith("\ra line\n")


def test_passwords_are_not_shown(start, ends):
    server, out = start(password="secret"), io.StringIO()
    Progress(out, [ends(server)]).say("AUTH secret")
    assert out.getvalue() == "AUTH ***\n"
