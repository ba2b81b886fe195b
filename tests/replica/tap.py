"""Hand-made ends of a replication link: a replica that keeps what it is sent, and a master that sends what a test says."""

import io
import re
import socket
import threading

import hiredis

import kvd

from ..compat.wire import NOTHING, Wire
from ..waiting import eventually


class Tap:
    """A replica of a server. `answer` is the one to PSYNC or SYNC, `snapshot` the bytes that followed, `stream` those after."""

    def __init__(self, port, *request, options=(("capa", "eof"), ("capa", "psync2")), acks=True):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(30)
        self.data, self.stream, self.snapshot, self.offset = b"", b"", None, None
        for option in [] if options is None else [("listening-port", 1), *options]:
            self.say("REPLCONF", *option)
            self.said = self.line()
        self.say(*(request or ("PSYNC", "?", -1)))
        self.answer = self.line() if (request or ("PSYNC",))[0] == "PSYNC" else b""
        if self.answer.startswith(b"+FULLRESYNC") or not self.answer:
            if self.answer:
                self.id, self.offset = self.answer.split()[1], int(self.answer.split()[2])
            self.read_snapshot(self.line())
            if acks:
                self.acknowledge(self.offset or 0)

    @classmethod
    def unread(cls, port):
        """One that has asked for everything, and has not read yet."""
        tap = cls.__new__(cls)
        tap.socket = socket.create_connection(("127.0.0.1", port))
        tap.socket.settimeout(30)
        tap.data, tap.stream = b"", b""
        tap.say("REPLCONF", "capa", "eof")
        tap.say("PSYNC", "?", -1)
        return tap

    def say(self, *words):
        self.socket.sendall(Wire.frame(words))

    def acknowledge(self, offset):
        self.say("REPLCONF", "ACK", offset)

    def more(self):
        found = self.socket.recv(65536)
        if not found:
            raise ConnectionError("closed")
        self.data += found

    def line(self):
        """The next that is not empty."""
        while True:
            while b"\n" not in self.data:
                self.more()
            line, self.data = self.data.split(b"\n", 1)
            if line.strip():
                return line.strip()

    def read_snapshot(self, header):
        self.header = header
        if header.startswith(b"$EOF:"):
            mark = header[5:]
            while not self.data.endswith(mark):
                self.more()
            self.snapshot, self.data = self.data[: -len(mark)], b""
            return
        length = int(header[1:])
        while len(self.data) < length:
            self.more()
        self.snapshot, self.data = self.data[:length], self.data[length:]

    def read(self, n):
        """The first n bytes of the stream, from where it began for this replica."""
        self.stream, self.data = self.stream + self.data, b""
        while len(self.stream) < n:
            self.more()
            self.stream, self.data = self.stream + self.data, b""
        return self.stream[:n]

    def commands(self, upto):
        """Those of the stream up to an offset of the master, without pings."""
        reader = hiredis.Reader(notEnoughData=NOTHING)
        reader.feed(self.read(upto - self.offset))
        found = []
        while (words := reader.gets()) is not NOTHING:
            found.append(tuple(words))
        return [words for words in found if words != (b"PING",)]

    def close(self):
        self.socket.close()


class Master:
    """Listens as a master; `serve(connection)` runs in a thread for each that connects."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.serve, self.requests, self.errors = serve, [], []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.guarded, args=(Caller(connection, self),), daemon=True).start()

    def guarded(self, caller):
        try:
            self.serve(caller)
        except (OSError, ConnectionError):
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            caller.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.listener.shutdown(socket.SHUT_RDWR)       # accept ends; close alone leaves it waiting
        self.listener.close()
        self.thread.join(30)
        assert self.errors == []


class Caller:
    """A replica that has connected to a Master."""

    def __init__(self, connection, master):
        self.socket, self.master = connection, master
        self.socket.settimeout(30)
        self.reader = hiredis.Reader(notEnoughData=NOTHING)
        self.lives = 0

    def words(self):
        while True:
            words = self.reader.gets()
            if words is not NOTHING:
                return words
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError
            self.lives += data == b"\n"
            self.reader.feed(b"" if data == b"\n" else data)       # a sign of life comes alone

    def send(self, data):
        self.socket.sendall(data)

    def greet(self):
        """Answers everything up to PSYNC, whose words it returns."""
        while True:
            words = self.words()
            self.master.requests.append(words)
            if words[0].upper() == b"PSYNC":
                return words
            self.send(b"+PONG\r\n" if words[0].upper() == b"PING" else b"+OK\r\n")

    def full(self, snapshot, offset=0, id=b"a" * 40):
        self.send(b"+FULLRESYNC %s %d\r\n$%d\r\n%s" % (id, offset, len(snapshot), snapshot))

    def acknowledged(self, offset):
        """Waits for that."""
        while True:
            words = self.words()
            if words[:2] == [b"REPLCONF", b"ACK"] and int(words[2]) >= offset:
                return int(words[2])

    def hold(self):
        """Reads until the other end closes."""
        while self.socket.recv(65536):
            pass


def info(store_or_wire, section="replication"):
    """Its fields as text, of a store or a Wire."""
    run = store_or_wire.execute if hasattr(store_or_wire, "execute") else store_or_wire
    return dict(re.findall(r"([\w]+):(.*)\r\n", run("INFO", section).decode(errors="replace")))


def offset_of(store):
    return int(info(store)["master_repl_offset"])


def is_up(store):
    return info(store).get("master_link_status") == "up"


def up(store):
    eventually(lambda: is_up(store))


def snapshot(**strings):
    """An RDB file."""
    store, file = kvd.Store(), io.BytesIO()
    if strings:
        store.mset(strings)
    store.snapshot(file)
    return file.getvalue()
