"""Options of commands that post as Standard Webhooks says, or need a secret as it has them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
from pydantic import SecretStr

from connectors.sdk.errors import describe_os_error
from connectors.sdk.i18n import say
from connectors.sdk.webhook.signatures import check_secret

F = TypeVar("F", bound=Callable[..., Any])


def url_option() -> Callable[[F], F]:
    """Return `--url`: where messages go."""
    text = say("Where the connector listens.", "Où le connecteur écoute.")
    return click.option("--url", required=True, callback=_check_url, help=text)


def secret_option(of: str = "secret_file", flag: str = "") -> Callable[[F], F]:
    """Return the option for the file that the connector's option `of` names too; what it holds is the value, a `SecretStr`.

    It is called as that is, if no `flag` is given.
    """
    return click.option(
        flag or f"--{of.replace('_', '-')}",
        of.removesuffix("_file"),
        type=click.Path(dir_okay=False, path_type=Path),
        required=True,
        callback=_read_secret,
        help=say(f"The connector's {of}.", f"Le {of} du connecteur."),
    )


def _check_url(_: click.Context, __: click.Parameter, url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise click.BadParameter(say("must be http://… or https://…", "attend http://… ou https://…"))
    return url


def _read_secret(_: click.Context, __: click.Parameter, path: Path) -> SecretStr:
    try:
        secret = SecretStr(path.read_text(encoding="utf-8").strip())
        check_secret(secret)
    except OSError as error:
        raise click.BadParameter(describe_os_error(error, path)) from None
    except UnicodeDecodeError:
        raise click.BadParameter(say(f"{path} is no text", f"{path} n'est pas du texte")) from None
    except ValueError as error:
        raise click.BadParameter(f"{path} {error}") from None
    return secret
