"""The timelines' database, as the settings say where it is."""

import importlib
from typing import Final

from connectors.sdk.errors import describe_os_error
from connectors.sdk.keys import load_key
from connectors.sdk.pseudonyms import IdentityBlocklist
from streams.core.citizens.identity_resolution import LinkLimits
from streams.locale.i18n import say
from streams.runtime.instance_lock import other_directory_hint
from streams.runtime.prechecks import prepare_private_directory
from streams.runtime.sector_keys import find_key_sectors
from streams.settings.schema import ConfigError, Settings
from streams.timeline.erasures import find_sectors
from streams.timeline.reader import Reader
from streams.timeline.schema_upgrade import TooNew
from streams.timeline.store import Timeline

FILE: Final = "timeline.db"


def open_timeline(settings: Settings, lock_timeout_seconds: float | None = None) -> Timeline:
    """Return the timelines' database; who is in the way is waited for, as `Timeline` says.

    Raises `ConfigError` if its driver is missing, its password cannot be read, or a newer release has changed it, and
    `database.Unavailable`.
    """
    prepare_private_directory(settings.data)
    try:
        return Timeline(*_place(settings), find_caps(settings), lock_timeout_seconds)
    except TooNew:
        raise ConfigError(
            say(
                "the timelines' database is of a newer release of Accueil: use that one, or restore a backup",
                "la base des fils est d'une version plus récente d'Accueil : prendre celle-ci, ou restaurer une sauvegarde",
            )
        ) from None


def has_timelines(settings: Settings) -> bool:
    """Return whether there is a database: whoever opens one that is not there makes it."""
    return bool(settings.timeline.url) or (settings.data / FILE).exists()


def require_timelines(settings: Settings) -> None:
    """Raise `ConfigError` if there is no database: who looks at nothing makes none, and is not told that nobody is known."""
    if not has_timelines(settings):
        raise ConfigError(
            say(
                f"no timelines in {settings.data} yet: accueil up, or accueil timeline, writes them",
                f"aucun fil dans {settings.data} encore : accueil up, ou accueil timeline, les écrit",
            )
            + other_directory_hint(settings.data)
        )


def open_reader(settings: Settings, connections: int) -> Reader:
    """Return the same database for this many readers at once. Raises `ConfigError` if its driver or password is missing."""
    return Reader(*_place(settings), find_caps(settings), connections=connections)


def find_sector(settings: Settings, timeline: Timeline, name: str) -> str:
    """Return in which sector a contact or pseudonym is known, else whose key made it, else the only one there is.

    Empty if it is known in several, or none of that can be told. Raises `database.Unavailable`.
    """
    with timeline.read_connection() as connection:
        known = [sector for sector in find_sectors(connection, name) if sector]
    if not known:
        known = find_key_sectors(settings, name)
    return known[0] if len(known) == 1 else ""


def find_caps(settings: Settings) -> LinkLimits:
    """Return how far a story may go, with the pseudonyms of what is blocked, by each sector's key that is here."""
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
            say(
                "timeline.url: the driver for PostgreSQL (psycopg) is not installed: in the clone of Accueil, run "
                "pip install '.[postgresql]'",
                "timeline.url : le pilote de PostgreSQL (psycopg) n'est pas installé : dans le clone d'Accueil, lancer "
                "pip install '.[postgresql]'",
            )
        ) from None


def _place(settings: Settings) -> tuple[str, str]:
    if not settings.timeline.url:
        return f"sqlite:///{settings.data.absolute() / FILE}", ""
    check_driver(settings)
    return settings.timeline.url, _read_password(settings)


def _read_password(settings: Settings) -> str:
    place = settings.timeline
    if not place.password_file:
        return place.password.get_secret_value()
    try:
        return place.password_file.read_text().strip()
    except OSError as error:
        raise ConfigError(f"timeline.password_file: {describe_os_error(error, place.password_file)}") from None
