"""The command line: `kvd serve`, `kvd help`, `kvd docs`, `kvd version`."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

import click

from kvd.config import OPTIONS, ConfigFileError, Setting, from_environment, from_flags, from_lines, merge
from kvd.doors.server import NOTICE, WARNING, ask_stop, log, log_on

if TYPE_CHECKING:
    from kvd import Server, Store


class _ServeCommand(click.Command):
    """`serve` takes any option of the table as a flag; its help lists them all."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        for heading, inert in (("Directives", False), ("Accepted without effect in this version", True)):
            rows = [
                (f"--{o.name}", f"{o.sentence} [default: {o.default or 'empty'}]")
                for o in OPTIONS.values()
                if ("inert" in o.marks) is inert
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kvd", prog_name="kvd")
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
    --port 6400 --maxmemory 100mb --save "". Environment variables KVD_PORT, KVD_MAXMEMORY, ... come
    between: a flag wins over the environment, that over the file, that over the default.
    """
    args = list(flags)
    if config is not None and config.startswith("--"):
        args, config = [config, *args], None
    try:
        settings = _gather(config, args)
        store = _make_store(settings)
    except ConfigFileError as error:
        click.echo(error.report, err=True, nl=False)
        sys.exit(1)
    sys.exit(_run(store, config))


def _gather(path: str | None, args: list[str]) -> dict[str, Setting]:
    lines: list[str] = []
    origin, base = "standard input", "."
    if path == "-":
        lines = sys.stdin.read().splitlines()
    elif path is not None:
        origin, base = path, os.path.dirname(os.path.abspath(path))
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                lines = file.read().splitlines()
        except OSError as error:
            raise ConfigFileError(Setting("", "", path, 0, path), f"Fatal error, can't open config file: {error}") from None
    return merge(from_lines(lines, origin, base), from_environment(os.environ), from_flags(args))


def _make_store(settings: dict[str, Setting]) -> Store:
    from kvd import Store
    from kvd.errors import ConfigError

    made: Store | None = None
    first = settings.get("databases")
    try:
        made = Store(databases=first.value) if first else Store()
    except ConfigError as error:
        assert first is not None
        raise ConfigFileError(first, str(error).partition(": ")[2]) from None
    for setting in settings.values():
        try:
            made.configure(setting.name, setting.value)
        except ConfigError as error:
            raise ConfigFileError(setting, str(error).partition(": ")[2] or str(error)) from None
    return made


def _daemonize() -> None:
    """The usual double fork; standard streams go to /dev/null."""
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)


def _run(store: Store, config: str | None) -> int:
    from kvd import Server
    from kvd.errors import ServerError

    yes = {name: store.option(name) == "yes" for name in ("daemonize", "crash-log-enabled")}
    if config and config != "-":
        store.set_config_path(os.path.abspath(config))
    try:
        os.chdir(store.option("dir"))
    except OSError as error:
        click.echo(f"Can't chdir to '{store.option('dir')}': {error.strerror}", err=True)
        return 1
    if yes["daemonize"]:
        _daemonize()
    if yes["crash-log-enabled"]:
        faulthandler.enable()
    log_on(store)
    pidfile = store.option("pidfile") or ("/var/run/kvd.pid" if yes["daemonize"] else "")
    log(store, "oO0OoO0OoO0Oo kvd is starting oO0OoO0OoO0Oo")
    log(store, f"kvd version={_version()}, bits=64, pid={os.getpid()}, just started")
    log(
        store, "Configuration loaded" if config else "No config file specified, using the defaults", NOTICE if config else WARNING
    )
    port = int(store.option("port"))
    asked = _catch_signals(store)
    try:
        server = Server(
            store, port or None, host=store.option("bind").split() or ["*"], unix_path=store.option("unixsocket") or None, log=True,
        ) if port or store.option("unixsocket") else None  # fmt: skip
    except ServerError as error:
        log(store, f"Warning: Could not create server TCP listening socket: {error}", WARNING)
        log(store, f"Failed listening on port {port} (tcp), aborting.", WARNING)
        return 1
    if server is None:
        log(store, "Configured to not listen anywhere, exiting.", WARNING)
        return 1
    log(store, f"Running mode=standalone, port={port}.")
    log(store, f" PID: {os.getpid()}")
    log(store, "Server initialized")
    if port:
        log(store, "Ready to accept connections tcp")
    if server.unix_path:
        log(store, "Ready to accept connections unix")
    if pidfile:
        _write_pid(store, pidfile)
    _notify_systemd(store, "READY=1\nSTATUS=Ready to accept connections\n")
    try:
        return _wait_for_end(store, server, asked)
    finally:
        if pidfile:
            try:
                os.unlink(pidfile)
            except OSError:
                pass


def _write_pid(store: Store, path: str) -> None:
    """Whole or not at all: who waits for the file reads it at once."""
    try:
        with open(f"{path}.tmp", "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        os.replace(f"{path}.tmp", path)
    except OSError as error:
        log(store, f"Failed to write PID file: {error}", WARNING)


def _notify_systemd(store: Store, message: str) -> None:
    """Tells systemd, when supervised says so and it listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if store.option("supervised") not in ("systemd", "auto") or not address:
        return
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.sendto(message.encode(), "\0" + address[1:] if address[0] == "@" else address)
        except OSError as error:
            log(store, f"Can't notify systemd: {error}", WARNING)


def _catch_signals(store: Store) -> list[int]:
    """SIGTERM and SIGINT from now on ask for the end; the list holds those that came."""
    asked: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        if asked and number == signal.SIGINT:
            log(store, "You insist... exiting now.", WARNING)
            os._exit(1)
        name = "SIGINT" if number == signal.SIGINT else "SIGTERM"
        log(store, f"Received {name} scheduling shutdown...", WARNING)
        asked.append(number)
        ask_stop(store)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return asked


def _wait_for_end(store: Store, server: Server, asked: list[int]) -> int:
    if not asked:
        server.wait()
    if not asked:
        log(store, "User requested shutdown...", WARNING)
    server.stop()
    log(store, "kvd is now ready to exit, bye bye...", WARNING)
    return 0


def _version() -> str:
    from kvd import __version__

    return __version__


@main.command("help")
@click.argument("name", nargs=-1)
def help_command(name: tuple[str, ...]) -> None:
    """Explain a command (kvd help SET, kvd help CONFIG GET) or list all."""
    from kvd.docs import command_text, specs

    if not name:
        for spec in specs():
            click.echo(spec.syntax.replace("|", " ", 1) if spec.container else spec.syntax)
        return
    try:
        click.echo(command_text("|".join(name)))
    except KeyError:
        raise click.ClickException(f"there is no command {' '.join(name).upper()}") from None


@main.command()
@click.argument("folder", default="docs", type=click.Path(file_okay=False))
def docs(folder: str) -> None:
    """Write docs/commands and docs/config.md into FOLDER."""
    from kvd.docs import write

    for path in write(folder):
        click.echo(path)


if __name__ == "__main__":
    main()
