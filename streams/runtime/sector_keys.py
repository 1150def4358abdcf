"""Sectors with a pseudonym key on this machine; the first connector of a sector creates its key."""

import re
from contextlib import suppress
from typing import Final

from connectors.sdk.errors import KeyFileError
from connectors.sdk.keys import load_key
from models.identities import IdentityKind
from models.locale import _
from streams.runtime.instance_lock import other_directory_hint
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings

USUAL: Final = "general"
"""Default sector of the connectors."""

IDENTITY_KINDS: Final = [kind.value for kind in IdentityKind if kind is not IdentityKind.AGENT]


def list_sectors(settings: Settings) -> list[str]:
    """Return the sorted names of the sectors with a key."""
    return sorted(path.stem for path in (settings.data / "connectors" / "keys").glob("*.key"))


def find_key_sectors(settings: Settings, name: str) -> list[str]:
    """Return the sector whose key made the pseudonym `name`; all sectors for a contact, or if no readable key made it."""
    known, made_by = list_sectors(settings), re.match(rf"(?:{'|'.join(IdentityKind)}):([0-9a-f]+)-", name)
    own: list[str] = []
    with suppress(KeyFileError, OSError):  # this account may not be allowed to read the keys
        keys = [load_key(settings.data / "connectors" / "keys", sector) for sector in known] if made_by else []
        own = [key.sector for key in keys if made_by and key.key_id == made_by[1]]
    return own or known


def find_default(settings: Settings) -> str:
    """Return the default sector: the only one with a key, or `USUAL` while no sector has a key.

    Raises `OperatorError` if there are several, since a guess could search a citizen, or give access, in the wrong sector.
    """
    known = list_sectors(settings)
    if len(known) > 1:
        names = ", ".join(known)
        raise OperatorError(_("there are several sectors: name one with --sector: {names}", names=names))
    return known[0] if known else USUAL


def choose_sector(settings: Settings, named: str | None) -> str:
    """Return the sector `named`, or that of `find_default`. Raises `OperatorError` if it has no key, or without a default."""
    sector, known = named or find_default(settings), list_sectors(settings)
    if sector in known:
        return sector
    if not known:
        raise OperatorError(
            _(
                "no sector has a key in {data} yet: its connectors create it when they start, and no citizen "
                "is known until then",
                data=settings.data,
            )
            + other_directory_hint()
        )
    names = ", ".join(known)
    raise OperatorError(_("no sector {sector} here: {names}; --sector names one", sector=sector, names=names))
