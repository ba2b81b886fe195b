"""The command line: `kvd serve`, `kvd check`, `kvd migrate`, `kvd help`, and `kvd docs` for maintainers."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from kvd import __version__
from kvd.config import (
    OPTIONS,
    RENAME,
    USER,
    ConfigFileError,
    Setting,
    from_environment,
    from_file,
    from_flags,
    from_lines,
    merge,
)
from kvd.doors.files import begin_loading, close_files, start_persistence
from kvd.doors.server import (
    NOTICE,
    WARNING,
    check_masters,
    declare_user,
    end_unlogged,
    fit_descriptors,
    log,
    log_on,
    rename_command,
)
from kvd.leftovers import remove_leftovers

if TYPE_CHECKING:
    from kvd import Server, Store

SAVE_POINTS = "3600 1 300 100 60 10000"  # of a server, unless it is configured; a store in a program has none
BOTH = (
    "Configuring kvd with users defined in the configuration and at the same time an ACL file is invalid: "
    "define either an ACL file, or users in the configuration, but not both."
)
HEADINGS = ("Directives", "Accepted without effect", "Not implemented: only the default is accepted")


class _Signal(BaseException):
    """Raised by the handler of SIGTERM and SIGINT in the main thread."""


class _ServeCommand(click.Command):
    """The command `serve`: its help lists all options of the table."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        for heading in HEADINGS:
            rows = [
                (f"--{o.name}", f"{o.sentence} [default: {o.default or 'empty'}]")
                for o in OPTIONS.values()
                if HEADINGS[2 if "unmade" in o.marks else "inert" in o.marks] == heading
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", prog_name="kvd")
def main() -> None:
    """An in-process cache and key-value store that speaks the Redis protocol."""


@main.command(
    cls=_ServeCommand,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False},
)
@click.argument("config", required=False)
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
def serve(config: str | None, flags: tuple[str, ...]) -> None:
    """Serve Redis clients.

    CONFIG is a redis.conf, or - to read one from standard input. Directives follow as flags, such as
    --port 6400 --maxmemory 100mb --save ""; -p is short for --port, -v prints the version. A flag takes precedence
    over the environment (KVD_PORT, KVD_MAXMEMORY, ...), the environment over the file, the file over the default.

    The server does not start if a directive is unknown, or if it would protect data or access and is not implemented.
    """
    args = list(flags)
    if config is not None and config.startswith("-") and config != "-":
        args, config = [config, *args], None
    if args[:1] in (["-v"], ["--version"]):
        click.echo(f"kvd, version {__version__}")
        return
    ignored: list[str] = []
    try:
        settings = merge(_file(config), from_environment(os.environ, ignored), from_flags(args))
        store = _make_store(settings)
        if config is not None and config != "-":
            store.set_config_path(os.path.abspath(config))
        _enter(store, settings)
        _make_users(store, settings)
    except ConfigFileError as error:
        click.echo(error.report, err=True, nl=False)
        sys.exit(1)
    sys.exit(_run(store, config is not None, _notes(store, settings, ignored)))


def _file(path: str | None) -> list[Setting]:
    if path is None:
        return []
    if path == "-":
        return list(from_lines(sys.stdin.read().split("\n"), "standard input"))
    return list(from_file(path))


def _make_store(settings: dict[str, Setting]) -> Store:
    from kvd import Store
    from kvd.errors import ConfigError

    made: Store | None = None
    settings.setdefault("save", Setting("save", SAVE_POINTS, "the default"))
    first = settings.get("databases")
    options: dict[str, Any] = {"databases": first.value} if first else {}
    try:
        made = Store(**options)
    except ConfigError as error:
        assert first is not None
        raise ConfigFileError(first, str(error).partition(": ")[2]) from None
    for setting in settings.values():
        try:
            if setting.name == RENAME:
                rename_command(made, *setting.words)
            elif setting.name not in (USER, "aclfile"):  # else later: _make_users
                made.configure(setting.name, setting.value)
        except ConfigError as error:
            raise ConfigFileError(setting, str(error).partition(": ")[2] or str(error)) from None
    return made


def _make_users(store: Store, settings: dict[str, Setting]) -> None:
    """Make the users that the settings declare, or those of the file of users."""
    from kvd.errors import ConfigError

    users = [setting for setting in settings.values() if setting.name == USER]
    file = settings.get("aclfile")
    if users and file is not None and file.value:
        raise ConfigFileError(users[0], BOTH)
    try:
        for setting in users:
            declare_user(store, " ".join(setting.words))
        if file is not None:
            setting = file
            store.configure("aclfile", file.value)
    except ConfigError as error:
        raise ConfigFileError(setting, str(error).partition(": ")[2]) from None


def _enter(store: Store, settings: dict[str, Setting]) -> None:
    """Change to the working directory, and start the log."""
    from kvd.errors import ConfigError

    missing = Setting("dir", store.option("dir"), "the default")
    try:
        os.chdir(store.option("dir"))
        store.configure("dir", os.getcwd())
    except OSError as error:
        raise ConfigFileError(settings.get("dir", missing), f"Can't chdir to '{store.option('dir')}': {error.strerror}") from None
    try:
        log_on(store)
    except ConfigError as error:
        raise ConfigFileError(settings["logfile"], str(error).partition(": ")[2]) from None


def _notes(store: Store, settings: dict[str, Setting], ignored: list[str]) -> list[str]:
    """Return the lines to log once about settings without effect."""
    from kvd import Store

    default = Store()
    idle = [n for n in settings if n in OPTIONS and "inert" in OPTIONS[n].marks and store.option(n) != default.option(n)]
    notes = []
    if idle:
        notes.append(f"Directives without effect in this version of kvd: {', '.join(sorted(idle))}")
    if find_spec("lupa") is None:
        notes.append("Lua scripts are not available: the package lupa cannot be imported")
    if ignored:
        notes.append(f"Unknown environment variables, ignored: {', '.join(ignored)}")
    return notes


def _daemonize() -> None:
    """Continue in a background process with standard streams redirected to /dev/null."""
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)


def _run(store: Store, configured: bool, notes: list[str]) -> int:
    yes = {name: store.option(name) == "yes" for name in ("daemonize", "crash-log-enabled")}
    if yes["daemonize"]:
        _daemonize()
    if yes["crash-log-enabled"]:
        faulthandler.enable()
    pidfile = store.option("pidfile") or ("/var/run/kvd.pid" if yes["daemonize"] else "")
    log(store, "oO0OoO0OoO0Oo kvd is starting oO0OoO0OoO0Oo")
    log(store, f"kvd version={__version__}, bits=64, pid={os.getpid()}, just started")
    if configured:
        log(store, "Configuration loaded", NOTICE)
    else:
        log(store, "No config file specified, using the defaults", WARNING)
    for note in notes:
        log(store, note, WARNING)
    end_unlogged(store)
    begin_loading(store)
    signals = _Signals(store)
    _fit_descriptors(store)
    server = _listen(store)
    if server is None:
        return 1
    log(store, f"Running mode=standalone, port={server.port or server.tls_port}.")
    log(store, f" PID: {os.getpid()}")
    log(store, "Server initialized")
    if pidfile:
        _write_pid(store, pidfile)
    loader = _Loader(store)
    try:
        code = _wait_for_load(loader, server, signals)
        if code is None:
            _tell_ready(store, server)
            code = _wait_for_end(store, server, signals)
    finally:
        if pidfile:
            with suppress(OSError):
                os.unlink(pidfile)
    if loader.is_alive():
        os._exit(code)  # what it loads is complete in the files
    return code


class _Loader(threading.Thread):
    """Loads the append-only log or the snapshot, as configured, while the server replies LOADING. `error`: why it could not."""

    def __init__(self, store: Store) -> None:
        super().__init__(daemon=True)
        self.store = store
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.remove_leftovers()
            start_persistence(self.store)
        except Exception as error:
            self.error = error

    def remove_leftovers(self) -> None:
        folder = self.store.option("dir")
        for at in (folder, os.path.join(folder, self.store.option("appenddirname"))):
            for name in remove_leftovers(at, theirs=True):
                log(self.store, f"Removed {name}, a temporary file of a process that has ended")


def _wait_for_load(loader: _Loader, server: Server, signals: _Signals) -> int | None:
    """Returns None when all is loaded, or else the exit code, after the server has been stopped."""
    store, code = loader.store, 0
    loader.start()
    while loader.is_alive():
        loader.join(0.01)
        if (signals.asked or server.wait(0.001)) and loader.is_alive():
            log(store, "User requested shutdown...", WARNING)
            break
    else:
        if loader.error is None:
            return None
        fatal = "" if store.option("appendonly") == "yes" else "Fatal error loading the DB, check server logs. Exiting. "
        log(store, f"{fatal}{loader.error}", WARNING)
        code = 1
    server.stop()
    if loader.error is None and not loader.is_alive():  # it was complete just then: there may be writes
        if store.option("save"):
            store.execute("SAVE")
        close_files(store)
    if code == 0:
        log(store, "kvd is now ready to exit, bye bye...", WARNING)
    return code


def _tell_ready(store: Store, server: Server) -> None:
    if server.port:
        log(store, "Ready to accept connections tcp")
    if server.tls_port:
        log(store, "Ready to accept connections tls")
    if server.unix_path:
        log(store, "Ready to accept connections unix")
    _notify_systemd(store, "READY=1\nSTATUS=Ready to accept connections\n")


def _fit_descriptors(store: Store) -> None:
    """Raise the limit of open files for maxclients, or reduce maxclients to what the process may have."""
    clients = int(store.option("maxclients"))
    wanted, before, limit, error = fit_descriptors(clients)
    if error is None:
        if limit > before:
            log(store, f"Increased maximum number of open files to {wanted} (it was originally set to {before}).")
        return
    left = max(limit - (wanted - clients), 1)
    store.configure("maxclients", left)
    log(store, f"You requested maxclients of {clients} requiring at least {wanted} max file descriptors.", WARNING)
    log(store, f"Server can't set maximum open files to {wanted} because of OS error: {error}.", WARNING)
    log(store, f"Current maximum open files is {limit}. maxclients has been reduced to {left} to compensate for low ulimit. "
               "If you need higher maxclients increase 'ulimit -n'.", WARNING)  # fmt: skip


def _listen(store: Store) -> Server | None:
    """Start the server. Returns None after logging why it cannot be started."""
    from kvd import Server
    from kvd.errors import ConfigError, ServerError

    port, tls_port, unix_path = int(store.option("port")), int(store.option("tls-port")), store.option("unixsocket")
    if not port and not tls_port and not unix_path:
        log(store, "Configured to not listen anywhere, exiting.", WARNING)
        return None
    hosts = store.option("bind").split() or ["*"]
    try:
        check_masters(store)
        return Server(store, port or None, host=hosts, tls_port=tls_port or None, unix_path=unix_path or None, log=True)
    except ConfigError as error:
        log(store, str(error).removeprefix("tls: "), WARNING)
        log(store, "Failed to configure TLS. Check logs for more info.", WARNING)
    except ServerError as error:
        if unix_path and error.filename == unix_path:
            log(store, f"{error.strerror}: {unix_path}", WARNING)
        else:
            name, used = ("TLS", tls_port) if "(TLS)" in str(error) else ("tcp", port)
            log(store, f"Warning: Could not create server TCP listening socket: {error}", WARNING)
            log(store, f"Failed listening on port {used} ({name}), aborting.", WARNING)
    return None


def _write_pid(store: Store, path: str) -> None:
    """Write the file atomically, because supervisors read it as soon as it exists."""
    try:
        with open(f"{path}.tmp", "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        os.replace(f"{path}.tmp", path)
    except OSError as error:
        log(store, f"Failed to write PID file: {error}", WARNING)


def _notify_systemd(store: Store, message: str) -> None:
    """Send a message to systemd, if `supervised` requires it and systemd listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if store.option("supervised") not in ("systemd", "auto") or not address:
        return
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.sendto(message.encode(), "\0" + address[1:] if address[0] == "@" else address)
        except OSError as error:
            log(store, f"Can't notify systemd: {error}", WARNING)


class _Signals:
    """SIGTERM and SIGINT, which end the server. `asked`: the signals received; `wait` returns when there is one."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.asked: list[int] = []
        self.waiting = False
        signal.signal(signal.SIGTERM, self.receive)
        signal.signal(signal.SIGINT, self.receive)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def receive(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            log(self.store, "You insist... exiting now.", WARNING)
            os._exit(1)
        name = "SIGINT" if number == signal.SIGINT else "SIGTERM"
        log(self.store, f"Received {name} scheduling shutdown...", WARNING)
        self.asked.append(number)
        if self.waiting:
            self.waiting = False
            raise _Signal

    def wait(self, server: Server) -> None:
        """Wait for a signal, or the end of the server by SHUTDOWN."""
        with suppress(_Signal):
            self.waiting = True
            if not self.asked:
                server.wait()
        self.waiting = False


def _wait_for_end(store: Store, server: Server, signals: _Signals) -> int:
    """A shutdown by a signal that cannot save the data is given up: the server goes on."""
    while True:
        signals.wait(server)
        if not signals.asked:
            log(store, "User requested shutdown...", WARNING)
            break
        if _shut_down(store, signals.asked[0]):
            break
        signals.asked.clear()
    server.stop()
    try:
        close_files(store)
    except OSError:  # the log has the reason
        return 1
    log(store, "kvd is now ready to exit, bye bye...", WARNING)
    return 0


def _shut_down(store: Store, number: int) -> bool:
    from kvd.errors import KvdError

    words = store.option("shutdown-on-sigint" if number == signal.SIGINT else "shutdown-on-sigterm").split()
    try:
        store.execute("SHUTDOWN", *[word for word in words if word != "default"])
    except KvdError as error:
        if not str(error).startswith("Errors trying to SHUTDOWN"):
            return True  # a script runs, or the server has stopped: there is nothing to wait for
        log(store, "Failed to shut down: the server goes on", WARNING)
        return False
    return True


@main.command()
@click.argument("path", type=click.Path(exists=True))
@click.option("--fix", is_flag=True, help="Cut off the broken end of an append-only file, after asking.")
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
@click.option("--truncate-to-timestamp", "until", type=click.IntRange(min=1), default=None, metavar="SECONDS",
              help="Treat what an append-only file says after this time (seconds since 1970) as broken: with --fix it is cut off.")  # fmt: skip
def check(path: str, fix: bool, yes: bool, until: int | None) -> None:
    """Examine an RDB file, an append-only file, or the folder or manifest of an append-only log.

    Shows what each file contains and the first error with its offset. The exit code is 0 if all files are whole, else 1. Stop the
    server before using --fix."""
    from kvd.check import run

    sys.exit(run(path, fix=fix, until=until or 0, say=click.echo, ask=lambda question: yes or click.confirm(question)))


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Once: what was begun is undone without a second interruption."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


@main.command()
@click.argument("source")
@click.argument("target")
@click.option("--replace", is_flag=True, help="Delete what the target has. Without it, a target that is not empty is refused.")
@click.option(
    "--scan", "way", flag_value="scan", help="Copy key by key, even if the target could follow the source by replication."
)
@click.option(
    "--replication", "way", flag_value="replication", help="Fail if the target cannot follow the source by replication."
)
@click.option("--pause", type=click.IntRange(min=1), default=5000, show_default=True, metavar="MS",
              help="How long the writes of the source's clients may be paused at the switch and while both ends are compared.")  # fmt: skip
@click.option(
    "--no-pause", is_flag=True, help="Do not pause them. What is written during the switch may be missing on the target."
)
@click.option("--verify", type=click.Choice(["auto", "full", "none"]), default="auto", show_default=True,
              help="auto: digests or a random sample of values; full: all values; none: counts of keys alone.")  # fmt: skip
@click.option(
    "--state",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Keep in FILE how far a scan is, and go on from there if it exists.",
)
@click.option("--retry", type=click.FloatRange(min=0), default=60.0, show_default=True, metavar="SECONDS",
              help="How long to connect again after a connection was lost.")  # fmt: skip
@click.option(
    "--source-address",
    metavar="HOST:PORT",
    help="Address of the source as the target reaches it, if it differs from that in the URL.",
)
def migrate(
    source: str, target: str, replace: bool, way: str | None, pause: int, no_pause: bool, verify: str, state: str | None, retry: float,
    source_address: str | None,
) -> None:  # fmt: skip
    """Move a data set from SOURCE to TARGET while it is used.

    SOURCE and TARGET are redis://[[user]:password@]host[:port][/database], rediss://..., unix://path, or a file: kvd:///path/app.kvd. Without a
    database, all are moved. The target follows the source by replication, or else all keys are copied and those that change meanwhile are copied again;
    at the end the writes of the source are paused, the rest is copied, and both are compared. Clients are not redirected: point them to the
    target during the pause, or stop them before.

    The exit code is 0 if all was moved and compared, 1 if the move failed or was given up, 2 for wrong arguments, 3 if something differs or
    could not be copied, 4 if the comparison was not completed because the source is written to, 130 after an interruption."""
    from kvd.migrate.moving import Options, run

    if source_address and not source_address.rpartition(":")[2].isdigit():
        raise click.BadParameter("expected HOST:PORT", param_hint="--source-address")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    options = Options(replace, way or "auto", 0 if no_pause else pause, verify, state, retry, source_address)
    sys.exit(run(source, target, options))


@main.command("help")
@click.argument("name", nargs=-1)
def help_command(name: tuple[str, ...]) -> None:
    """Show the help text of a command (kvd help SET, kvd help CONFIG GET), or list all commands."""
    from kvd.docs import command_text, specs

    if not name:
        for spec in specs():
            click.echo(spec.syntax.replace("|", " ", 1) if spec.container else spec.syntax)
        return
    try:
        click.echo(command_text("|".join(name)))
    except KeyError:
        raise click.ClickException(f"unknown command {' '.join(name).upper()}") from None


@main.command(hidden=True)
@click.argument("folder", type=click.Path(file_okay=False))
def docs(folder: str) -> None:
    """Write the generated documentation pages into FOLDER (for maintainers; see `make docs`)."""
    from kvd.docs import write

    for path in write(folder):
        click.echo(path)


if __name__ == "__main__":
    main()
