"""Extras of `accueil up --demo`: a token of the API, and the phone number of a simulated citizen with a timeline."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from connectors.sdk.files import replace
from connectors.sdk.keys import load_key
from models.identities import IdentityKind, normalise_phone
from models.roles import Role
from models.timestamps import milliseconds
from models.topics import DAY_MS
from streams.access.permissions import Operation
from streams.access.tokens import Token, digest, find, make_secret
from streams.runtime.timeline_database import open_reader
from streams.runtime.token_changes import EXPIRES_DAYS, RATE_PER_MINUTE, audited_token_change, open_tokens
from streams.settings.schema import Settings
from streams.timeline.database import Unavailable
from streams.timeline.reader import TimelineSnapshot

SECTOR: Final = "demonstration"
"""Sector of the connectors of the simulated systems."""
NAME: Final = "demo"
"""Prefix of the token's name."""
CITIZENS: Final = "citizens.tsv"
"""File next to the settings of the simulated systems: one citizen per line, which begins with the phone number and a tab."""
MAX_CANDIDATES: Final = 50
"""Maximum number of phone numbers to examine, those with the most links; some are shared landlines.

Also the maximum number of entries that are read for each."""


def make_token(settings: Settings) -> Path:
    """Return the path of a file with a valid token for a data protection officer; create or renew the token if needed."""
    tokens, path = open_tokens(settings), settings.data / "access" / "demo-token"
    now = milliseconds(datetime.now(UTC))
    with tokens.changing():
        known = tokens.list()
        if path.exists() and find(known, path.read_text().strip(), now):
            return path
        secret, until = make_secret(), now + EXPIRES_DAYS * DAY_MS
        names = {token.name for token in known if token.revoked_at is not None}
        name = next(name for number in range(1, len(names) + 2) if (name := f"{NAME}-{number}") not in names)
        with audited_token_change(settings, tokens, Operation.ADD_TOKEN, name):
            if not tokens.rotate(name, digest(secret), until):
                tokens.add(
                    Token(
                        name=name,
                        sha256=digest(secret),
                        role=Role.DPO,
                        sectors=(SECTOR,),
                        rate_per_minute=RATE_PER_MINUTE,
                        created_at=now,
                        expires_at=until,
                    )
                )
        replace(path, f"{secret}\n".encode())
    return path


def find_number(settings: Settings, systems: Path) -> str:
    """Return the phone number of a simulated citizen with contacts on several channels, in French notation.

    It is also written to `access/demo-number`, for requests to the API of the demo. Empty if there is no such citizen yet, or if
    the database does not answer. `systems` is the directory of the simulated systems.
    """
    try:
        lines = (systems / CITIZENS).read_text().splitlines()
        with closing(open_reader(settings, 1)) as reader, reader.read_snapshot() as snapshot:
            pseudonyms = {*_find_phones(snapshot)}
    except (FileNotFoundError, Unavailable):  # the simulation has not written it yet, or there is no database yet
        return ""
    key = load_key(settings.data / "connectors" / "keys", SECTOR)
    # Later citizens have fewer contacts: it takes longer until a second person uses the number, which would then be shared.
    for phone in (line.partition("\t")[0] for line in reversed(lines) if pseudonyms):
        if key.pseudonym(IdentityKind.PHONE, normalise_phone(phone) or "") in pseudonyms:
            number = " ".join(phone[start : start + 2] for start in range(0, len(phone), 2))
            replace(settings.data / "access" / "demo-number", f"{number}\n".encode())
            return number
    return ""


def _find_phones(snapshot: TimelineSnapshot) -> Iterator[str]:
    """Yield phone pseudonyms that lead to exactly one citizen, who used several channels."""
    for phone in snapshot.find_linked(IdentityKind.PHONE, MAX_CANDIDATES):
        resolved = snapshot.resolve_identities(phone)
        entries = snapshot.read(resolved.identities, MAX_CANDIDATES)
        if resolved.is_own and len({entry["channel"] for entry in entries}) > 1:
            yield phone
