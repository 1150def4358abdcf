"""`accueil kiosk`."""

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
from connectors.sdk.i18n import say
from connectors.sdk.signals import install_stop_handler

STOP_SECONDS = 3
MEND = 2
"""The exit code where another start does not help: fix it, then start again."""
TO_MEND = (ConfigError, CursorDamagedError, JournalDamagedError)
LOOK_SECONDS = 1.0
"""How often it is looked whether the server is still there."""


@click.command(
    "kiosk",
    help=say(
        "Serve the web pages of a front desk: the ticket kiosk and the agents' page. FILE is its settings file.",
        "Servir les pages web d'un guichet : la borne à tickets et la page des agents. FILE est son fichier de réglages.",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(file: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = install_stop_handler()
    try:
        config = read(file)
        with listen(config) as listener, closing(KioskService(config, report, utc_now)) as desk:
            server = Server(create_app(desk, config), stop_seconds=STOP_SECONDS)
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()
            address = f"http://{config.host}:{listener.getsockname()[1]}"
            click.echo(say(f"kiosk: {address}/", f"borne : {address}/"))
            click.echo(say(f"agents: {address}/agent", f"agents : {address}/agent"))
            while thread.is_alive() and not stop.wait(LOOK_SECONDS):
                pass
            server.should_exit = True
            thread.join()
    except ConnectorError as error:
        raise end(str(error), MEND if isinstance(error, TO_MEND) else os.EX_SOFTWARE) from None
    if not stop.is_set():
        raise end(say("the server has ended", "le serveur s'est arrêté"), os.EX_SOFTWARE)


def end(cause: str, exit_code: int) -> click.ClickException:
    """Return what ends the command with one line, and with `exit_code`."""
    error = click.ClickException(cause)
    error.exit_code = exit_code
    return error


def read(file: Path) -> KioskConfig:
    """Return the settings in a file. Raises `ConfigError`, a line per mistake."""
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
    """Say what is wrong with the sending, or that it works again."""
    click.echo(f"accueil: {trouble or say('all is sent again', 'tout est de nouveau envoyé')}", err=True)


def listen(config: KioskConfig) -> socket.socket:
    """Return a socket that listens. Raises `ConnectorError`: `ConfigError` where another port helps, not another start."""
    try:
        return sockets.listen(config.host, config.port)
    except OSError as error:
        kind = ConfigError if error.errno in {errno.EADDRINUSE, errno.EACCES} else ConnectorError
        raise kind(describe_os_error(error, f"{config.host}:{config.port}")) from None
