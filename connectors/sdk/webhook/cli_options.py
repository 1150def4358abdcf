"""Command-line options of commands that send signed messages (Standard Webhooks) or read a signing secret."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
from pydantic import SecretStr

from connectors.sdk.errors import describe_os_error
from connectors.sdk.webhook.signatures import check_secret
from models.locale import _

F = TypeVar("F", bound=Callable[..., Any])


def url_option() -> Callable[[F], F]:
    """Return `--url`: the address to send messages to."""
    text = _("Address of the connector.")
    return click.option("--url", required=True, callback=_check_url, help=text)


def secret_option(option: str = "secret_file", flag: str = "") -> Callable[[F], F]:
    """Return the command-line option for a secret file; its value is the file's content as a `SecretStr`.

    `option` is the connector's option for the same file, and gives the default `flag`.
    """
    return click.option(
        flag or f"--{option.replace('_', '-')}",
        option.removesuffix("_file"),
        type=click.Path(dir_okay=False, path_type=Path),
        required=True,
        callback=_read_secret,
        help=_("Same file as the connector's {option}.", option=option),
    )


def _check_url(_context: click.Context, _parameter: click.Parameter, url: str) -> str:
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise click.BadParameter(_("must be http://… or https://…"))
    return url


def _read_secret(_context: click.Context, _parameter: click.Parameter, path: Path) -> SecretStr:
    try:
        secret = SecretStr(path.read_text(encoding="utf-8").strip())
        check_secret(secret)
    except OSError as error:
        raise click.BadParameter(describe_os_error(error, path)) from None
    except UnicodeDecodeError:
        raise click.BadParameter(_("{path} is not a text file", path=path)) from None
    except ValueError as error:
        raise click.BadParameter(f"{path} {error}") from None
    return secret
