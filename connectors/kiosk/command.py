"""Command `accueil kiosk`."""

import errno
import os
import socket
import threading
import tomllib
from contextlib import closing
from pathlib import Path

import click

from connectors.kiosk.app import create_app
from connectors.kiosk.config import KioskConfig
from connectors.kiosk.journal import JournalDamagedError
from connectors.kiosk.service import KioskService, utc_now
from connectors.sdk import sockets
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError, ConnectorError, CursorDamagedError, describe_os_error
from connectors.sdk.http_server import Server
from connectors.sdk.signals import install_stop_handler
from models.locale import _

STOP_SECONDS = 3
"""Longest wait for open requests when the server stops, in seconds."""
CONFIGURATION_EXIT_CODE = 2
"""Exit code of errors that a restart does not help: the operator must correct them first."""
CONFIGURATION_ERRORS = (ConfigError, CursorDamagedError, JournalDamagedError)
CHECK_SECONDS = 1.0
"""Interval of checks whether the server still runs, in seconds."""


@click.command(
    "kiosk",
    help=_("Serve the web pages of a front desk: the ticket kiosk and the agents' page. FILE is its settings file."),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(file: Path) -> None:
    """Print the addresses of the pages, and serve until SIGTERM or SIGINT.

    Raises `ClickException`, with an exit code, if the server cannot start or ends by itself.
    """
    stop = install_stop_handler()
    try:
        config = read(file)
        with listen(config) as listener, closing(KioskService(config, report, utc_now)) as service:
            server = Server(create_app(service, config), stop_seconds=STOP_SECONDS)
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()
            address = f"http://{config.host}:{listener.getsockname()[1]}"
            click.echo(_("kiosk: {address}/", address=address))
            click.echo(_("agents: {address}/agent", address=address))
            while thread.is_alive() and not stop.wait(CHECK_SECONDS):
                pass
            server.should_exit = True
            thread.join()
    except ConnectorError as error:
        code = CONFIGURATION_EXIT_CODE if isinstance(error, CONFIGURATION_ERRORS) else os.EX_SOFTWARE
        raise end(str(error), code) from None
    if not stop.is_set():
        raise end(_("the server has ended"), os.EX_SOFTWARE)


def end(cause: str, exit_code: int) -> click.ClickException:
    """Return an exception, to be raised, that ends the command with the message `cause` and `exit_code`."""
    error = click.ClickException(cause)
    error.exit_code = exit_code
    return error


def read(file: Path) -> KioskConfig:
    """Return the settings in a file. Raises `ConfigError` if it is unreadable, is not TOML, or has invalid settings."""
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(describe_os_error(error, file)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from None
    config = parse(KioskConfig, file.stem, given)
    assert isinstance(config, KioskConfig)
    return config


def report(trouble: str) -> None:
    """Print `trouble`, a problem with sending, to standard error; if it is empty, print that sending works again."""
    text = trouble or _("sending works again")
    click.echo(f"accueil: {text}", err=True)


def listen(config: KioskConfig) -> socket.socket:
    """Return a socket that listens at the host and port of `config`.

    Raises `ConfigError` if the port is in use or not permitted, and `ConnectorError` for errors that a restart may help.
    """
    try:
        return sockets.listen(config.host, config.port)
    except OSError as error:
        kind = ConfigError if error.errno in {errno.EADDRINUSE, errno.EACCES} else ConnectorError
        raise kind(describe_os_error(error, f"{config.host}:{config.port}")) from None
