"""What `accueil up --demo` has ready for whoever tries it: a token, and the number of somebody with a story."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from connectors.sdk.files import replace
from connectors.sdk.keys import load_key
from models.identities import IdentityKind, normalise_phone
from streams.access.permissions import Operation, Role
from streams.access.tokens import Token, digest, find, make_secret, milliseconds
from streams.settings import Settings
from streams.timeline.reading import Reading
from streams.timeline.store import Unavailable
from streams.timelines import open_reader
from streams.tokens_cli import DAY_MS, EXPIRES_DAYS, RATE_PER_MINUTE, open_tokens, recording

SECTOR: Final = "demonstration"
"""As the simulated systems' connectors have it."""
NAME: Final = "demo"
RANGES: Final = "telephone-ranges.txt"
"""Beside the settings of the simulated systems: how the numbers of their citizens begin, a line each."""
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
        with recording(settings, tokens, Operation.ADD_TOKEN, name):
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


def find_number(settings: Settings, systems: Path) -> str | None:
    """Return the telephone number of a simulated citizen who came by several channels; None if there is none yet."""
    reader = open_reader(settings, 1)
    try:
        with reader.look() as reading:
            wanted = next(_find_stories(reading), "")
    except Unavailable:
        return None
    finally:
        reader.close()
    if not wanted:
        return None
    key = load_key(settings.data / "connectors" / "keys", SECTOR)
    for number in _numbers(systems / RANGES):
        if key.pseudonym(IdentityKind.PHONE, normalise_phone(number) or "") == wanted:
            return " ".join(number[start : start + 2] for start in range(0, len(number), 2))
    return None


def keep_number(settings: Settings, number: str) -> Path:
    """Return the file that holds the number of somebody who does not exist, for who tries the API beside the demo."""
    path = settings.data / "access" / "demo-number"
    replace(path, f"{number}\n".encode())
    return path


def _find_stories(reading: Reading) -> Iterator[str]:
    for phone in reading.find_linked(IdentityKind.PHONE, LOOKED_AT):
        story = reading.tell_story(phone)
        entries = reading.read(story.identities, LOOKED_AT)
        if story.is_own and len({entry["channel"] for entry in entries}) > 1:
            yield phone


def _numbers(ranges: Path) -> Iterator[str]:
    for beginning in ranges.read_text().split():
        missing = 10 - len(beginning)
        yield from (f"{beginning}{number:0{missing}}" for number in range(10**missing))
