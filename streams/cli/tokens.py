"""`accueil tokens`: access tokens of the API."""

import json as json_codec
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

import click
import msgspec

from models.timestamps import milliseconds
from streams.access.permissions import Operation, Role
from streams.access.tokens import NAME, Token, Tokens, TokensError, digest, make_secret
from streams.cli.audited_commands import ActionResult, audited_action
from streams.cli.base import Group
from streams.cli.output_tables import EXIT_NOT_FOUND, format_time, json_option, print_table
from streams.locale.i18n import say
from streams.runtime.errors import OperatorError
from streams.runtime.instance_lock import pass_running_settings
from streams.runtime.sector_keys import choose_sector, find_default, list_sectors
from streams.settings.schema import Settings

DAY_MS: Final = 86_400_000
EXPIRES_DAYS: Final = 365
"""Default of `--days`."""
RATE_PER_MINUTE: Final = 120
"""Default of `--rate`."""

expires_option = click.option(
    "--days",
    type=click.IntRange(1, 1100),
    default=EXPIRES_DAYS,
    show_default=True,
    help=say("Validity in days.", "Durée de validité, en jours."),
)


@click.group(
    cls=Group, name="tokens", help=say("Manage the access tokens of the API.", "Gérer les jetons d'accès à l'API.")
)
def group() -> None:
    """Manage API tokens."""


@group.command(
    help=say(
        "Create a token. Prints its secret once, alone on standard output; only a hash of it is stored.",
        "Créer un jeton. Affiche son secret une seule fois, seul sur la sortie standard ; seule une empreinte est conservée.",
    )
)
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help=say("Role of the client.", "Rôle du client."),
)
@click.option(
    "--sector",
    "sectors",
    multiple=True,
    show_default=say("the only one", "le seul qu'il y a"),
    help=say("Sector of the citizens; may be repeated.", "Secteur des usagers ; peut être répété."),
)
@click.option(
    "--service",
    "services",
    multiple=True,
    help=say("Service; may be repeated. By default all.", "Service ; peut être répété. Par défaut tous."),
)
@click.option(
    "--rate",
    type=click.IntRange(1, 100_000),
    default=RATE_PER_MINUTE,
    show_default=True,
    help=say("Maximum requests per minute.", "Nombre maximal de requêtes par minute."),
)
@expires_option
@pass_running_settings
def add(
    settings: Settings, name: str, role: str, sectors: tuple[str, ...], services: tuple[str, ...], rate: int, days: int
) -> None:
    """Add a token. The audit log records the action first."""
    if not NAME.fullmatch(name):
        raise OperatorError(
            say(
                f"{name!r} is not a valid name: use lower-case letters, digits, dots and dashes, at most 64 characters",
                f"{name!r} n'est pas un nom : minuscules, chiffres, points et tirets, 64 au plus",
            )
        )
    if not all(sectors):
        raise OperatorError(
            say(
                "--sector is empty: name a sector, or omit the option",
                "--sector est vide : nommer un secteur, ou l'omettre",
            )
        )
    sectors = tuple(dict.fromkeys(sectors)) or (find_default(settings),)
    if list_sectors(settings):
        for sector in sectors:
            choose_sector(settings, sector)
    else:  # connectors have not made any keys yet, so that any name is possible
        names = ", ".join(sectors)
        click.echo(
            say(
                f"no sector has a key here yet: check the name {names}",
                f"aucun secteur n'a encore de clé ici : vérifier le nom {names}",
            ),
            err=True,
        )
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
                say(
                    f"a token named {name} exists or existed: choose another name, or run `accueil tokens rotate {name}`",
                    f"il y a, ou il y a eu, un jeton nommé {name} : prendre un autre nom, ou `accueil tokens rotate {name}`",
                )
            )
        with audited_token_change(settings, tokens, Operation.ADD_TOKEN, name):
            tokens.add(token)
    _print_secret(secret, token.expires_at, settings.web.zone)


@group.command("list", help=say("List all tokens, without secrets.", "Lister tous les jetons, sans leurs secrets."))
@json_option
@pass_running_settings
def list_(settings: Settings, *, json: bool) -> None:
    """Print the tokens by name."""
    with _operator_errors():
        tokens = open_tokens(settings).list()
    if json:
        for token in tokens:
            fields = msgspec.to_builtins(token)
            del fields["sha256"]
            click.echo(json_codec.dumps(fields, ensure_ascii=False))
    elif tokens:
        print_table(
            (
                say("name", "nom"),
                say("role", "rôle"),
                say("sectors", "secteurs"),
                say("services", "services"),
                say("per minute", "par minute"),
                say("state", "état"),
                say("last used", "dernier usage"),
            ),
            [_row(token, settings.web.zone) for token in tokens],
        )
    else:
        directory = _directory(settings)
        click.echo(say(f"no tokens in {directory}", f"aucun jeton dans {directory}"))


@group.command(
    help=say(
        "Replace the secret of a token and print the new one once; the old one is refused immediately.",
        "Remplacer le secret d'un jeton et afficher le nouveau une seule fois ; l'ancien est refusé aussitôt.",
    )
)
@click.argument("name")
@expires_option
@pass_running_settings
def rotate(settings: Settings, name: str, days: int) -> None:
    """Replace the secret of a token, whose validity begins again, and print the new secret."""
    secret, expires_at = make_secret(), _now() + days * DAY_MS
    with _changing(settings) as tokens:
        _find(tokens, name)
        with audited_token_change(settings, tokens, Operation.ROTATE_TOKEN, name):
            tokens.rotate(name, digest(secret), expires_at)
    _print_secret(secret, expires_at, settings.web.zone)


@group.command(help=say("Revoke a token permanently.", "Retirer définitivement un jeton."))
@click.argument("name")
@pass_running_settings
def revoke(settings: Settings, name: str) -> None:
    """Revoke a token. Its name stays reserved, because audit records contain it."""
    with _changing(settings) as tokens:
        _find(tokens, name)
        with audited_token_change(settings, tokens, Operation.REVOKE_TOKEN, name):
            tokens.revoke(name, _now())
    click.echo(say(f"{name} is revoked", f"{name} est retiré"))


def open_tokens(settings: Settings) -> Tokens:
    """Open the token store."""
    return Tokens(_directory(settings))


def _directory(settings: Settings) -> Path:
    return settings.data / "access"


def audited_token_change(
    settings: Settings, tokens: Tokens, operation: Operation, name: str
) -> AbstractContextManager[ActionResult]:
    """Return a context that records a change of a token made within it, and its outcome.

    Raise `TokensError`, and errors of `audited_action`.
    """
    before = tokens.list()
    return audited_action(settings, operation, f"token:{name}", is_done=lambda: tokens.list() != before)


@contextmanager
def _changing(settings: Settings) -> Iterator[Tokens]:
    """Lock the tokens for a change, so that the audit record matches the change."""
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
        raise OperatorError(
            say(
                f"no active token is named {name!r}",
                f"il n'y a pas de jeton nommé {name!r}, ou il est retiré",
            ),
            EXIT_NOT_FOUND,
        )


def _print_secret(secret: str, expires_at: int, zone: tzinfo) -> None:
    until = format_time(expires_at, zone)
    click.echo(
        say(
            f"valid until {until}; this secret is shown only once:",
            f"valable jusqu'au {until} ; ce secret n'est montré qu'une fois :",
        ),
        err=True,
    )
    click.echo(secret)


def _row(token: Token, zone: tzinfo) -> tuple[str, ...]:
    return (
        token.name,
        token.role.value,
        " ".join(token.sectors),
        " ".join(token.services) or say("all", "tous"),
        str(token.rate_per_minute),
        _state(token, zone),
        token.used_on or say("never", "jamais"),
    )


def _state(token: Token, zone: tzinfo) -> str:
    if token.revoked_at is not None:
        at = format_time(token.revoked_at, zone)
        return say(f"revoked {at}", f"retiré le {at}")
    at = format_time(token.expires_at, zone)
    if token.valid(_now()):
        return say(f"valid until {at}", f"valable jusqu'au {at}")
    return say(f"expired {at}", f"expiré le {at}")


def _now() -> int:
    return milliseconds(datetime.now(UTC))
