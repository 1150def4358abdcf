"""What the commands of simulations have in common: options, when they end, and what they print."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import tomli_w

from connectors.sdk.errors import ConnectorError, describe_os_error
from connectors.sdk.i18n import say

HOST: Final = "127.0.0.1"
INSTANCE: Final = "simulation"
ABOVE_ZERO: Final = click.FloatRange(min=0, min_open=True)
F = TypeVar("F", bound=Callable[..., Any])


def port_option(default: int, *about: str) -> Callable[[F], F]:
    """Return `--port`. `about` is its text in English and in French, if not the usual one."""
    usual = "Where to listen, on this machine only.", "Où écouter, sur cette machine seulement."
    return click.option(
        "--port", type=click.IntRange(0, 65_535), default=default, show_default=True, help=say(*(about or usual))
    )


def seed_option(english: str, french: str) -> Callable[[F], F]:
    """Return `--seed`."""
    return click.option("--seed", type=int, default=1, show_default=True, help=say(english, french))


def days_option(english: str, french: str) -> Callable[[F], F]:
    """Return `--days`: how much of the past there is."""
    return click.option("--days", type=click.IntRange(0, 365), default=14, show_default=True, help=say(english, french))


def rate_option(english: str, french: str, *, default: float = 6, most: float = 500) -> Callable[[F], F]:
    """Return `--rate`: how many an hour."""
    return click.option(
        "--rate",
        type=click.FloatRange(min=0, max=most, min_open=True),
        default=default,
        show_default=True,
        help=say(english, french),
    )


def directory_option(english: str, french: str) -> Callable[[F], F]:
    """Return `--into`: the directory that is written to."""
    path = click.Path(file_okay=False, path_type=Path)
    return click.option("--into", type=path, required=True, help=say(english, french))


def speed_option(english: str, french: str) -> Callable[[F], F]:
    """Return `--speed`: how much faster than life."""
    return click.option("--speed", type=ABOVE_ZERO, default=1, show_default=True, help=say(english, french))


def ledger_option() -> Callable[[F], F]:
    """Return `--ledger`: the file that tells what figures have to be."""
    english, french = "Where to write what really happened, as JSON.", "Où écrire ce qui s'est vraiment passé, en JSON."
    return click.option("--ledger", type=click.Path(dir_okay=False, path_type=Path), help=say(english, french))


def print_settings(connector: str, options: Mapping[str, Any], instance: str = INSTANCE) -> None:
    """Print what `accueil.toml` needs to read what is simulated, and an empty line after it."""
    click.echo(tomli_w.dumps({"connectors": {instance: {"connector": connector, **options}}}))


@contextmanager
def click_errors() -> Iterator[None]:
    """Let a command end with one line if it cannot use a file, a folder, a port or a system."""
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
    """Let a command end with one line if it cannot have its port."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{HOST}:{port}: {error.strerror}") from None
