"""`accueil tokens`: access tokens of the API."""

import json as json_codec
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import click
import msgspec

from models.locale import _
from models.roles import Role
from models.timestamps import milliseconds
from models.topics import DAY_MS
from streams.access.permissions import Operation
from streams.access.tokens import NAME, Token, Tokens, TokensError, digest, make_secret
from streams.cli.base import Group, pass_running_settings
from streams.cli.output_tables import EXIT_NOT_FOUND, format_time, json_option, print_table
from streams.runtime.sector_keys import choose_sector, find_default, list_sectors
from streams.runtime.token_changes import EXPIRES_DAYS, RATE_PER_MINUTE, audited_token_change, open_tokens
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings

expires_option = click.option(
    "--days", type=click.IntRange(1, 1100), default=EXPIRES_DAYS, show_default=True, help=_("Validity in days.")
)


@click.group(cls=Group, name="tokens", help=_("Manage the access tokens of the API."))
def group() -> None:
    """Manage API tokens."""


@group.command(help=_("Create a token. Prints its secret once, alone on standard output; only a hash of it is stored."))
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help=_("Role of the client."))
@click.option(
    "--sector",
    "sectors",
    multiple=True,
    show_default=_("the only one"),
    help=_("Sector of the citizens; may be repeated."),
)
@click.option("--service", "services", multiple=True, help=_("Service; may be repeated. By default all."))
@click.option(
    "--rate",
    type=click.IntRange(1, 100_000),
    default=RATE_PER_MINUTE,
    show_default=True,
    help=_("Maximum requests per minute."),
)
@expires_option
@pass_running_settings
def add(
    settings: Settings, name: str, role: str, sectors: tuple[str, ...], services: tuple[str, ...], rate: int, days: int
) -> None:
    if not NAME.fullmatch(name):
        raise OperatorError(
            _(
                "{name!r} is not a valid name: use lower-case letters, digits, dots and dashes, at most 64 characters",
                name=name,
            )
        )
    if not all(sectors):
        raise OperatorError(_("--sector is empty: name a sector, or omit the option"))
    sectors = tuple(dict.fromkeys(sectors)) or (find_default(settings),)
    if list_sectors(settings):
        for sector in sectors:
            choose_sector(settings, sector)
    else:  # connectors have not made any keys yet, so that any name is possible
        names = ", ".join(sectors)
        click.echo(_("no sector has a key here yet: check the name {names}", names=names), err=True)
    secret, now = make_secret(), _now()
    token = Token(
        name=name,
        sha256=digest(secret),
        role=Role(role),
        sectors=sectors,
        services=tuple(dict.fromkeys(services)),
        rate_per_minute=rate,
        created_at=now,
        expires_at=now + days * DAY_MS,
    )
    with _changing(settings) as tokens:
        if any(known.name == name for known in tokens.list()):
            raise OperatorError(
                _(
                    "a token named {name} exists or existed: choose another name, or run `accueil tokens rotate "
                    "{name}`",
                    name=name,
                )
            )
        with audited_token_change(settings, tokens, Operation.ADD_TOKEN, name):
            tokens.add(token)
    _print_secret(secret, token.expires_at, settings.web.zone)


@group.command("list", help=_("List all tokens, without secrets."))
@json_option
@pass_running_settings
def list_(settings: Settings, *, json: bool) -> None:
    with _operator_errors():
        tokens = open_tokens(settings).list()
    if json:
        for token in tokens:
            fields = msgspec.to_builtins(token)
            del fields["sha256"]
            click.echo(json_codec.dumps(fields, ensure_ascii=False))
    elif tokens:
        print_table(
            (_("name"), _("role"), _("sectors"), _("services"), _("per minute"), _("state"), _("last used")),
            [_row(token, settings.web.zone) for token in tokens],
        )
    else:
        click.echo(_("no tokens in {directory}", directory=_directory(settings)))


@group.command(help=_("Replace the secret of a token and print the new one once; the old one is refused immediately."))
@click.argument("name")
@expires_option
@pass_running_settings
def rotate(settings: Settings, name: str, days: int) -> None:
    secret, expires_at = make_secret(), _now() + days * DAY_MS
    with _changing(settings) as tokens:
        _find(tokens, name)
        with audited_token_change(settings, tokens, Operation.ROTATE_TOKEN, name):
            tokens.rotate(name, digest(secret), expires_at)
    _print_secret(secret, expires_at, settings.web.zone)


@group.command(help=_("Revoke a token permanently."))
@click.argument("name")
@pass_running_settings
def revoke(settings: Settings, name: str) -> None:
    """Revoke a token. Its name stays reserved, because audit records contain it."""
    with _changing(settings) as tokens:
        _find(tokens, name)
        with audited_token_change(settings, tokens, Operation.REVOKE_TOKEN, name):
            tokens.revoke(name, _now())
    click.echo(_("{name} is revoked", name=name))


def _directory(settings: Settings) -> Path:
    return settings.data / "access"


@contextmanager
def _changing(settings: Settings) -> Iterator[Tokens]:
    """Lock the tokens during a change and its audit records. Turn `TokensError` into `OperatorError`."""
    tokens = open_tokens(settings)
    with _operator_errors(), tokens.changing():
        yield tokens


@contextmanager
def _operator_errors() -> Iterator[None]:
    try:
        yield
    except TokensError as error:
        raise OperatorError(str(error)) from None


def _find(tokens: Tokens, name: str) -> None:
    if not any(token.name == name and token.revoked_at is None for token in tokens.list()):
        raise OperatorError(_("no active token is named {name!r}", name=name), EXIT_NOT_FOUND)


def _print_secret(secret: str, expires_at: int, zone: tzinfo) -> None:
    until = format_time(expires_at, zone)
    click.echo(_("valid until {until}; this secret is shown only once:", until=until), err=True)
    click.echo(secret)


def _row(token: Token, zone: tzinfo) -> tuple[str, ...]:
    return (
        token.name,
        token.role.value,
        " ".join(token.sectors),
        " ".join(token.services) or _("all"),
        str(token.rate_per_minute),
        _state(token, zone),
        token.used_on or _("never"),
    )


def _state(token: Token, zone: tzinfo) -> str:
    if token.revoked_at is not None:
        at = format_time(token.revoked_at, zone)
        return _("revoked {at}", at=at)
    at = format_time(token.expires_at, zone)
    if token.valid(_now()):
        return _("valid until {at}", at=at)
    return _("expired {at}", at=at)


def _now() -> int:
    return milliseconds(datetime.now(UTC))
