"""`accueil tokens`: who may ask the API."""

import json as json_codec
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

import click
import msgspec

from connectors.sdk.keys import load_key
from models.identities import IdentityKind
from models.timestamps import milliseconds
from models.topics import Channel
from streams.access.permissions import Operation, Role
from streams.access.tokens import NAME, Token, Tokens, TokensError, digest, make_secret
from streams.cli.audited_commands import ActionResult, audited_action
from streams.cli.base import Group
from streams.cli.output_tables import EXIT_NOT_FOUND, format_time, json_option, print_table
from streams.locale.i18n import say
from streams.runtime.errors import OperatorError
from streams.runtime.instance_lock import pass_running_settings, stopped_demo_hint
from streams.runtime.sector_keys import choose_sector, find_default, list_sectors
from streams.settings.schema import ConfigError, Settings

DAY_MS: Final = 86_400_000
EXPIRES_DAYS: Final = 365
RATE_PER_MINUTE: Final = 120

expires_option = click.option(
    "--days",
    type=click.IntRange(1, 1100),
    default=EXPIRES_DAYS,
    show_default=True,
    help=say("How long it may be used.", "Durée de validité, en jours."),
)


@click.group(cls=Group, name="tokens", help=say("Who may ask the API.", "Qui peut interroger l'API."))
def group() -> None:
    """Hold the commands below."""


@group.command(
    help=say(
        "Make a token. Its secret is printed once, alone on the standard output, and kept nowhere.",
        "Créer un jeton. Son secret est imprimé une fois, seul sur la sortie standard, et gardé nulle part.",
    )
)
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), required=True, help=say("What for.", "Pour quoi faire.")
)
@click.option(
    "--sector",
    "sectors",
    multiple=True,
    show_default=say("the only one there is", "le seul qu'il y a"),
    help=say("Whose citizens; may be repeated.", "De quels usagers ; peut être répété."),
)
@click.option(
    "--service",
    "services",
    multiple=True,
    help=say("Which services; may be repeated. All by default.", "Quels services ; peut être répété. Tous par défaut."),
)
@click.option(
    "--rate",
    type=click.IntRange(1, 100_000),
    default=RATE_PER_MINUTE,
    show_default=True,
    help=say("Requests a minute at most.", "Requêtes par minute, au plus."),
)
@expires_option
@pass_running_settings
def add(
    settings: Settings, name: str, role: str, sectors: tuple[str, ...], services: tuple[str, ...], rate: int, days: int
) -> None:
    """Add one; the act is in the audit before it is done."""
    if not NAME.fullmatch(name):
        raise OperatorError(
            say(
                f"{name!r} is no name: small letters, digits, dots and dashes, 64 at most",
                f"{name!r} n'est pas un nom : minuscules, chiffres, points et tirets, 64 au plus",
            )
        )
    if not all(sectors):
        raise OperatorError(
            say(
                "--sector is empty: name a sector, or leave it out",
                "--sector est vide : nommer un secteur, ou l'omettre",
            )
        )
    sectors = tuple(dict.fromkeys(sectors)) or (find_default(settings),)
    if list_sectors(settings):  # else connectors have yet to make keys, and any name may become one
        for sector in sectors:
            choose_sector(settings, sector)
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
        if any(one.name == name for one in tokens.list()):
            raise OperatorError(
                say(
                    f"there is, or was, a token named {name}: choose another name, or `accueil tokens rotate {name}`",
                    f"il y a, ou il y a eu, un jeton nommé {name} : prendre un autre nom, ou `accueil tokens rotate {name}`",
                )
            )
        with audited_token_change(settings, tokens, Operation.ADD_TOKEN, name):
            tokens.add(token)
    for warning in _doubt(settings, token):
        click.echo(warning, err=True)
    _tell(secret, token.expires_at, settings.web.zone)


@group.command("list", help=say("Show all tokens; no secret.", "Montrer tous les jetons, sans secret."))
@json_option
@pass_running_settings
def list_(settings: Settings, *, json: bool) -> None:
    """Print them by name."""
    with _clear():
        tokens = open_tokens(settings).list()
    if json:
        for token in tokens:
            shown = msgspec.to_builtins(token)
            del shown["sha256"]
            click.echo(json_codec.dumps(shown, ensure_ascii=False))
    elif tokens:
        print_table(
            (
                say("name", "nom"),
                say("role", "rôle"),
                say("sectors", "secteurs"),
                say("services", "services"),
                say("a minute", "par minute"),
                say("state", "état"),
                say("last used", "dernier usage"),
            ),
            [_row(token, settings.web.zone) for token in tokens],
        )
    else:
        where, demo = _directory(settings), stopped_demo_hint(settings.data)
        click.echo(say(f"none in {where}{demo}", f"aucun dans {where}{demo}"))


@group.command(
    help=say(
        "Give a token a new secret, printed once; the old one is refused from now on.",
        "Donner à un jeton un nouveau secret, imprimé une fois ; l'ancien est refusé aussitôt.",
    )
)
@click.argument("name")
@expires_option
@pass_running_settings
def rotate(settings: Settings, name: str, days: int) -> None:
    """Replace the secret, and count its days anew."""
    secret, expires_at = make_secret(), _now() + days * DAY_MS
    with _changing(settings) as tokens:
        _find(tokens, name)
        with audited_token_change(settings, tokens, Operation.ROTATE_TOKEN, name):
            tokens.rotate(name, digest(secret), expires_at)
    _tell(secret, expires_at, settings.web.zone)


@group.command(help=say("Refuse a token from now on, for ever.", "Refuser un jeton, dès maintenant et pour toujours."))
@click.argument("name")
@pass_running_settings
def revoke(settings: Settings, name: str) -> None:
    """Revoke one; its name stays, since it is in the audit."""
    with _changing(settings) as tokens:
        _find(tokens, name)
        with audited_token_change(settings, tokens, Operation.REVOKE_TOKEN, name):
            tokens.revoke(name, _now())
    click.echo(say(f"{name} is revoked", f"{name} est retiré"))


def open_tokens(settings: Settings) -> Tokens:
    """Return the tokens of this installation."""
    return Tokens(_directory(settings))


def _directory(settings: Settings) -> Path:
    return settings.data / "access"


def audited_token_change(
    settings: Settings, tokens: Tokens, operation: Operation, name: str
) -> AbstractContextManager[ActionResult]:
    """Record that a token is about to be changed, and what came of it. Raises what `acting` does, and `TokensError`."""
    before = tokens.list()
    return audited_action(settings, operation, f"token:{name}", is_done=lambda: tokens.list() != before)


@contextmanager
def _changing(settings: Settings) -> Iterator[Tokens]:
    """Let nobody else change tokens meanwhile: what is recorded is then what is done."""
    tokens = open_tokens(settings)
    with _clear(), tokens.changing():
        yield tokens


@contextmanager
def _clear() -> Iterator[None]:
    try:
        yield
    except TokensError as error:
        raise OperatorError(str(error)) from None


def _doubt(settings: Settings, token: Token) -> Iterator[str]:
    """Yield in words which sectors and services of a token nobody knows: a slip of the pen would find nobody."""
    if not list_sectors(settings):
        names = ", ".join(token.sectors)
        yield say(
            f"no sector has a key here yet: check the name, {names}",
            f"aucun secteur n'a encore de clé ici : vérifier le nom, {names}",
        )
    services = _read_services(settings, token.sectors) if token.services else None
    if services is None:
        return
    names = ", ".join(services) or say("none", "aucun")
    for service in token.services:
        if service not in services:
            yield say(
                f"no contact of service {service} was found; there are: {names}",
                f"aucun contact du service {service} n'a été trouvé ; il y a : {names}",
            )


def _read_services(settings: Settings, sectors: Sequence[str]) -> Sequence[str] | None:
    """Return of which services there are contacts in these sectors; None if the timelines cannot be asked."""
    from streams.runtime.timeline_database import FILE, open_reader  # noqa: PLC0415
    from streams.timeline.database import Unavailable  # noqa: PLC0415 - brings the database's libraries

    if not settings.timeline.url and not (settings.data / FILE).exists():
        return None  # to look would make it
    try:
        reader = open_reader(settings, 1)
        try:
            with reader.read_snapshot() as snapshot:
                return snapshot.find_services(sectors, _starts(settings, sectors))
        finally:
            reader.close()
    except (ConfigError, Unavailable):
        return None


def _starts(settings: Settings, sectors: Sequence[str]) -> Iterator[str]:
    """Yield what the owners of entries begin with: pseudonyms of each kind and key, and contacts of nobody known."""
    known = list_sectors(settings)
    for sector in sectors:
        if sector in known:
            key_id = load_key(settings.data / "connectors" / "keys", sector).key_id
            yield from (f"{kind}:{key_id}-" for kind in IdentityKind)
    yield from (f"{channel}:" for channel in Channel)


def _find(tokens: Tokens, name: str) -> None:
    if not any(token.name == name and token.revoked_at is None for token in tokens.list()):
        raise OperatorError(
            say(
                f"there is no token named {name!r} that is not revoked",
                f"il n'y a pas de jeton nommé {name!r}, ou il est retiré",
            ),
            EXIT_NOT_FOUND,
        )


def _tell(secret: str, expires_at: int, zone: tzinfo) -> None:
    until = format_time(expires_at, zone)
    click.echo(
        say(
            f"valid until {until}; this is shown only once:",
            f"valable jusqu'au {until} ; ceci n'est montré qu'une fois :",
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
