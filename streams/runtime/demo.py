"""Extras of `accueil up --demo`: a token of the API, and the identities of a simulated citizen with a timeline."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from connectors.sdk.files import replace
from connectors.sdk.keys import load_key
from models.identities import IdentityKind, normalise, normalise_phone
from models.roles import Role
from models.timestamps import milliseconds
from streams.access.permissions import Operation
from streams.access.tokens import Token, digest, find, make_secret
from streams.runtime.timeline_database import open_reader
from streams.runtime.token_changes import DAY_MS, EXPIRES_DAYS, RATE_PER_MINUTE, audited_token_change, open_tokens
from streams.settings.schema import Settings
from streams.timeline.database import Unavailable
from streams.timeline.reader import TimelineSnapshot

SECTOR: Final = "demonstration"
"""Sector of the connectors of the simulated systems."""
NAME: Final = "demo"
"""Prefix of the token's name."""
CITIZENS: Final = "citizens.tsv"
"""File next to the settings of the simulated systems, with phone number, e-mail address and case of one citizen per line."""
MAX_CANDIDATES: Final = 50
"""Number of phone numbers to examine, those with the most contacts, since several citizens may share a landline."""


def make_token(settings: Settings) -> Path:
    """Return the file with a valid token for the data protection officer; create or renew the token if needed.

    Raises `OperatorError` and `TokensError`.
    """
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


class Citizen(NamedTuple):
    """Identities of a simulated citizen who has used several channels."""

    phone: str
    """French notation, in groups of two digits."""
    email: str
    """Empty if it is not in the citizen's timeline."""
    case: str
    """Empty if it is not in the citizen's timeline."""


def find_citizen(settings: Settings, systems: Path) -> Citizen | None:
    """Return a citizen with a timeline, preferably with an e-mail address and a case.

    None if there is none yet, or if the database does not answer. `systems` is the directory of the simulated systems.
    """
    try:
        lines = (systems / CITIZENS).read_text().splitlines()
    except FileNotFoundError:
        return None  # the simulation has not written it yet
    key = load_key(settings.data / "connectors" / "keys", SECTOR)
    reader = open_reader(settings, 1)
    try:
        with reader.read_snapshot() as snapshot:
            identities = dict(_find_identities(snapshot))
    except Unavailable:
        return None
    finally:
        reader.close()

    def is_known(kind: IdentityKind, value: str, known: Collection[str]) -> bool:
        return bool(value) and key.pseudonym(kind, normalise(kind, value, settings.api.region) or "") in known

    best: Citizen | None = None
    for line in lines if identities else ():
        phone, email, case = line.split("\t")
        known = identities.get(key.pseudonym(IdentityKind.PHONE, normalise_phone(phone) or ""))
        if known is None:
            continue
        found = Citizen(
            " ".join(phone[start : start + 2] for start in range(0, len(phone), 2)),
            email if is_known(IdentityKind.EMAIL, email, known) else "",
            case if is_known(IdentityKind.CASE, case, known) else "",
        )
        if all(found):
            return found
        best = max(best or found, found, key=lambda citizen: sum(map(bool, citizen)))
    return best


def save_number(settings: Settings, citizen: Citizen) -> None:
    """Write the phone number of the simulated citizen to `access/demo-number`, for requests to the API of the demo."""
    replace(settings.data / "access" / "demo-number", f"{citizen.phone}\n".encode())


def _find_identities(snapshot: TimelineSnapshot) -> Iterator[tuple[str, Collection[str]]]:
    """Yield phone pseudonyms that lead to exactly one citizen, who used several channels, and all identities of that citizen."""
    for phone in snapshot.find_linked(IdentityKind.PHONE, MAX_CANDIDATES):
        resolved = snapshot.resolve_identities(phone)
        entries = snapshot.read(resolved.identities, MAX_CANDIDATES)
        if resolved.is_own and len({entry["channel"] for entry in entries}) > 1:
            yield phone, resolved.identities.keys()
