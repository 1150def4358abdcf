"""Common command-line options and output of simulation commands."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click
import tomli_w

from connectors.sdk.errors import ConnectorError, describe_os_error
from models.locale import _

HOST: Final = "127.0.0.1"
INSTANCE: Final = "simulation"
F = TypeVar("F", bound=Callable[..., Any])


def port_option(default: int) -> Callable[[F], F]:
    """Return the decorator of the option `--port`."""
    text = _("Port to listen on, on this machine only.")
    return click.option("--port", type=click.IntRange(0, 65_535), default=default, show_default=True, help=text)


def seed_option(text: str) -> Callable[[F], F]:
    """Return the decorator of the option `--seed`, with the help `text`."""
    return click.option("--seed", type=int, default=1, show_default=True, help=text)


def rate_option(text: str, *, default: float = 6, most: float = 500) -> Callable[[F], F]:
    """Return the decorator of the option `--rate`, a number per hour above 0 and at most `most`, with the help `text`."""
    return click.option(
        "--rate",
        type=click.FloatRange(min=0, max=most, min_open=True),
        default=default,
        show_default=True,
        help=text,
    )


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
