"""What `accueil up --demo` has ready for whoever tries it: a token, and by what somebody with a story is found."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from connectors.sdk.files import replace
from connectors.sdk.keys import load_key
from models.identities import IdentityKind, normalise, normalise_phone
from models.timestamps import milliseconds
from streams.access.permissions import Operation, Role
from streams.access.tokens import Token, digest, find, make_secret
from streams.cli.tokens import DAY_MS, EXPIRES_DAYS, RATE_PER_MINUTE, audited_token_change, open_tokens
from streams.runtime.timeline_database import open_reader
from streams.settings.schema import Settings
from streams.timeline.database import Unavailable
from streams.timeline.reader import TimelineSnapshot

SECTOR: Final = "demonstration"
"""As the simulated systems' connectors have it."""
NAME: Final = "demo"
CITIZENS: Final = "citizens.tsv"
"""Beside the settings of the simulated systems: number, address and case of each of their citizens, a line each."""
LOOKED_AT: Final = 50
"""So many numbers with the most contacts: a family's landline is several people's."""


def make_token(settings: Settings) -> Path:
    """Return the file that holds a valid token of the data protection officer, which is made once.

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
    """By what a simulated citizen is found who came by several channels."""

    phone: str
    """As people write it."""
    email: str
    """Empty if his story does not know it, as `case`."""
    case: str


def find_citizen(settings: Settings, systems: Path) -> Citizen | None:
    """Return somebody with a story, and with an address and a case if any is known so; None if there is nobody yet.

    Who was kept before comes first, so that a demo that is started again names the same one.
    """
    try:
        lines = (systems / CITIZENS).read_text().splitlines()
    except FileNotFoundError:
        return None  # the simulation is about to write it
    key, before = load_key(settings.data / "connectors" / "keys", SECTOR), _read_kept(settings)
    lines.sort(key=lambda line: line.partition("\t")[0] != before)
    kept = [key.pseudonym(IdentityKind.PHONE, normalise_phone(before) or "")] if before else []
    reader = open_reader(settings, 1)
    try:
        with reader.read_snapshot() as snapshot:
            stories = dict(_find_stories(snapshot, kept))
    except Unavailable:
        return None
    finally:
        reader.close()

    def is_of(kind: IdentityKind, value: str, known: Collection[str]) -> bool:
        return bool(value) and key.pseudonym(kind, normalise(kind, value, settings.api.region) or "") in known

    best: Citizen | None = None
    for line in lines if stories else ():
        phone, email, case = line.split("\t")
        known = stories.get(key.pseudonym(IdentityKind.PHONE, normalise_phone(phone) or ""))
        if known is None:
            continue
        found = Citizen(
            " ".join(phone[start : start + 2] for start in range(0, len(phone), 2)),
            email if is_of(IdentityKind.EMAIL, email, known) else "",
            case if is_of(IdentityKind.CASE, case, known) else "",
        )
        if all(found):
            return found
        best = max(best or found, found, key=lambda one: sum(map(bool, one)))
    return best


def is_one_citizen(settings: Settings, phone: str) -> bool:
    """Return whether the number still leads to one citizen's story. True if that cannot be found out now.

    It may have been erased, or a contact may have told it with a case or an account that nothing links to this citizen's.
    """
    key = load_key(settings.data / "connectors" / "keys", SECTOR)
    pseudonym = key.pseudonym(IdentityKind.PHONE, normalise_phone(phone) or "")
    reader = open_reader(settings, 1)
    try:
        with reader.read_snapshot() as snapshot:
            story = snapshot.resolve_identities(pseudonym)
            return story.is_own and bool(snapshot.read(story.identities, 1))
    except Unavailable:
        return True
    finally:
        reader.close()


def save_demo_citizen(settings: Settings, citizen: Citizen) -> None:
    """Write by what somebody is found who does not exist, for who tries the API beside the demo: a file for each."""
    for name, value in zip(("number", "email", "case"), citizen, strict=True):
        replace(settings.data / "access" / f"demo-{name}", f"{value}\n".encode())


def _read_kept(settings: Settings) -> str:
    """Return the number that was kept last, as `CITIZENS` has it; empty if none was."""
    try:
        return (settings.data / "access" / "demo-number").read_text().strip().replace(" ", "")
    except FileNotFoundError:
        return ""


def _find_stories(snapshot: TimelineSnapshot, kept: Collection[str]) -> Iterator[tuple[str, Collection[str]]]:
    """Yield numbers, those `kept` among them, that lead to one citizen, each with all by which that one is known."""
    for phone in {*kept, *snapshot.find_linked(IdentityKind.PHONE, LOOKED_AT)}:
        story = snapshot.resolve_identities(phone)
        entries = snapshot.read(story.identities, LOOKED_AT)
        if story.is_own and len({entry["channel"] for entry in entries}) > 1:
            yield phone, story.identities.keys()
