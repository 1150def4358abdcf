"""Common command-line options and output of simulation commands."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import tomli_w

from connectors.sdk.errors import ConnectorError, describe_os_error
from models.locale import _

HOST: Final = "127.0.0.1"
INSTANCE: Final = "simulation"
ABOVE_ZERO: Final = click.FloatRange(min=0, min_open=True)
F = TypeVar("F", bound=Callable[..., Any])


def port_option(default: int, text: str = "") -> Callable[[F], F]:
    """Return `--port`. `text` is its help text, if not the usual one."""
    usual = _("Port to listen on, on this machine only.")
    return click.option(
        "--port", type=click.IntRange(0, 65_535), default=default, show_default=True, help=text or usual
    )


def seed_option(text: str) -> Callable[[F], F]:
    """Return `--seed`."""
    return click.option("--seed", type=int, default=1, show_default=True, help=text)


def days_option(text: str) -> Callable[[F], F]:
    """Return `--days`: length of the simulated past."""
    return click.option("--days", type=click.IntRange(0, 365), default=14, show_default=True, help=text)


def rate_option(text: str, *, default: float = 6, most: float = 500) -> Callable[[F], F]:
    """Return `--rate`: number per hour."""
    return click.option(
        "--rate",
        type=click.FloatRange(min=0, max=most, min_open=True),
        default=default,
        show_default=True,
        help=text,
    )


def directory_option(text: str) -> Callable[[F], F]:
    """Return `--into`: the directory to write to."""
    path = click.Path(file_okay=False, path_type=Path)
    return click.option("--into", type=path, required=True, help=text)


def speed_option(text: str) -> Callable[[F], F]:
    """Return `--speed`: ratio of simulated time to real time."""
    return click.option("--speed", type=ABOVE_ZERO, default=1, show_default=True, help=text)


def ledger_option() -> Callable[[F], F]:
    """Return `--ledger`: the file with the expected figures."""
    text = _("File for the expected figures, as JSON.")
    return click.option("--ledger", type=click.Path(dir_okay=False, path_type=Path), help=text)


def print_settings(connector: str, options: Mapping[str, Any], instance: str = INSTANCE) -> None:
    """Print the settings for `accueil.toml` that read the simulated system, followed by an empty line."""
    click.echo(tomli_w.dumps({"connectors": {instance: {"connector": connector, **options}}}))


@contextmanager
def click_errors() -> Iterator[None]:
    """Convert errors of files, folders, ports and systems to one-line errors of the command."""
    try:
        yield
    except ConnectorError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(
            describe_os_error(error, error.filename) if error.filename else str(error.strerror)
        ) from None


@contextmanager
def click_port_errors(port: int) -> Iterator[None]:
    """Convert an error of listening on `port` to a one-line error of the command."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{HOST}:{port}: {error.strerror}") from None
