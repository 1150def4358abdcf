"""Access to the timeline database named in the settings."""

import importlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from connectors.sdk.errors import describe_os_error
from connectors.sdk.keys import load_key
from connectors.sdk.pseudonyms import IdentityBlocklist
from models.locale import _
from streams.core.citizens.identity_resolution import LinkLimits
from streams.runtime.instance_lock import other_directory_hint
from streams.runtime.prechecks import prepare_private_directory
from streams.runtime.sector_keys import find_key_sectors
from streams.settings.errors import OperatorError
from streams.settings.exit_codes import EXIT_RESTART
from streams.settings.schema import ConfigError, Settings
from streams.timeline.database import Unavailable
from streams.timeline.erasures import find_sectors
from streams.timeline.reader import Reader
from streams.timeline.schema_upgrade import TooNew
from streams.timeline.store import Timeline

FILE: Final = "timeline.db"


def open_timeline(settings: Settings, lock_timeout_seconds: float | None = None) -> Timeline:
    """Open the timeline database, after creating it or migrating its schema if needed.

    `lock_timeout_seconds` limits the wait for its write lock, see `Timeline`.

    Raises `ConfigError` if its driver is missing, its password cannot be read, or its schema is of a newer release. Raises
    `database.Unavailable` if it does not answer.
    """
    prepare_private_directory(settings.data)
    try:
        return Timeline(*_location(settings), find_caps(settings), lock_timeout_seconds)
    except TooNew:
        raise ConfigError(
            _("the timeline database is of a newer release of Accueil: use that release, or restore a backup")
        ) from None


@contextmanager
def opened_timeline(settings: Settings) -> Iterator[Timeline]:
    """Open the timeline database for a `with` block of a command, with `database_errors`; create it if it does not exist."""
    with database_errors(), closing(open_timeline(settings)) as timeline:
        yield timeline


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn errors of the timeline database into an `OperatorError`."""
    try:
        yield
    except Unavailable as error:
        text = _("the timelines' database cannot be used: {error}", error=error)
        raise OperatorError(text, EXIT_RESTART) from None


def has_timelines(settings: Settings) -> bool:
    """Return whether the database exists, without creating it; one named by `timeline.url` is assumed to exist."""
    return bool(settings.timeline.url) or (settings.data / FILE).exists()


def require_timelines(settings: Settings) -> None:
    """Raise `ConfigError` if the database does not exist.

    Otherwise a command that only reads would create it, and report that no citizen is known.
    """
    if not has_timelines(settings):
        raise ConfigError(
            _("no timelines in {data} yet: accueil up, or accueil timeline, writes them", data=settings.data)
            + other_directory_hint()
        )


def open_reader(settings: Settings, connections: int) -> Reader:
    """Return a reader of the database for `connections` parallel requests. It connects later, and never creates tables.

    Raise `ConfigError` if the driver is missing or the password cannot be read.
    """
    return Reader(*_location(settings), find_caps(settings), connections=connections)


def find_sector(settings: Settings, timeline: Timeline, name: str) -> str:
    """Return the sector in which a contact or pseudonym is known, else that of its key, else the only one.

    Empty if it is known in several sectors, or if the sector is unknown. Raises `database.Unavailable`.
    """
    with timeline.read_connection() as connection:
        known = [sector for sector in find_sectors(connection, name) if sector]
    if not known:
        known = find_key_sectors(settings, name)
    return known[0] if len(known) == 1 else ""


def find_caps(settings: Settings) -> LinkLimits:
    """Return the limits of identity resolution, with a pseudonym by each sector's key of each blocked identity without wildcards.

    Raise `KeyFileError` if identities are blocked, and the key of a sector cannot be used.
    """
    own, keys = settings.identities, settings.data / "connectors" / "keys"
    known = [load_key(keys, path.stem) for path in sorted(keys.glob("*.key"))] if own.blocked else []
    blocked = frozenset(
        key.pseudonym(*value) for key in known for value in IdentityBlocklist(own.blocked, own.region).exact
    )
    return LinkLimits(own.fan_out, own.contacts, own.most, blocked)


def check_driver(settings: Settings) -> None:
    """Raise `ConfigError` if the database is PostgreSQL and its driver, an optional dependency, cannot be imported."""
    if not settings.timeline.url.startswith("postgresql"):
        return
    try:
        importlib.import_module("psycopg")
    except ImportError:
        raise ConfigError(
            _("timeline.url: the driver for PostgreSQL (psycopg) is not installed: run pip install 'psycopg[binary]'")
        ) from None


def _location(settings: Settings) -> tuple[str, str]:
    if not settings.timeline.url:
        return f"sqlite:///{settings.data.absolute() / FILE}", ""
    check_driver(settings)
    return settings.timeline.url, _read_password(settings)


def _read_password(settings: Settings) -> str:
    file = settings.timeline.password_file
    if not file:
        return settings.timeline.password.get_secret_value()
    try:
        return file.read_text().strip()
    except OSError as error:
        raise ConfigError(f"timeline.password_file: {describe_os_error(error, file)}") from None
