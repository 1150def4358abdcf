"""Facts derived from the changes of a letter. Each fact is mapped alone, so that an invalid one does not affect the others."""

from datetime import datetime
from typing import Annotated, Final

import msgspec

from connectors.maarch.config import FOLLOWED_UP
from connectors.maarch.local_time import read_local, write_local


class Letter(msgspec.Struct, frozen=True, omit_defaults=True):
    """Requested columns of a row of `res_view_letterbox`; times are local."""

    res_id: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    creation_date: str
    category_id: str
    modification_date: str | None = None
    closing_date: str | None = None
    admission_date: str | None = None
    departure_date: str | None = None
    status: str | None = None
    destination: str | None = None
    type_id: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    alt_identifier: str | None = None
    case: str | None = None
    postage: str | None = None
    cost: str | None = None

    @property
    def is_outgoing(self) -> bool:
        """Whether the organisation sent the letter."""
        return self.category_id == "outgoing"

    @property
    def changed_at(self) -> datetime:
        """Local time of the last change, by the same rule as `api.CHANGED_AT`. Raises `ValueError` for an invalid time."""
        times = (self.creation_date, self.modification_date, self.closing_date)
        return max(read_local(time) for time in times if time)


class Sender(msgspec.Struct, frozen=True, omit_defaults=True):
    """Contact details of a sender."""

    email: str | None = None
    phone: str | None = None


class LetterFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact about a letter, complete in itself."""

    kind: str
    """`arrived`, `registered`, `assigned`, `acknowledged`, `status` or `sent`."""
    letter: Letter
    read_at: Annotated[datetime, msgspec.Meta(tz=True)]
    at: str = ""
    """Local time of the fact, where the letter has no column for it; otherwise empty."""
    was: str = ""
    """Previous status, for `status`; empty if none was known."""
    since: str = ""
    """Local time of the letter's last change when a status was found: the previous status for `status`, the current one for
    `assigned`.

    Empty for other kinds, and if no such status was known.
    """
    senders: tuple[Sender, ...] = ()


class LetterState(msgspec.Struct, frozen=True, array_like=True):
    """Last published state of a letter, to detect changes."""

    arrived: str = ""
    """Local time of receipt, otherwise of registration."""
    chrono: str = ""
    destination: str = ""
    acknowledged: str = ""
    """Local time of the first sent acknowledgement of receipt; empty if none is known."""
    status: str = ""
    since: str = ""
    """Local time of the letter's last change when this status was found."""
    sent: str = ""
    """Departure time, postage and cost of outgoing mail, joined by `|`; empty until all are known."""
    rules: int = 0
    """Value of `RULES` when this state was recorded; 0 for outgoing mail."""


RULES: Final = 1
"""Version of the meanings of statuses. Version 1: `FOLLOWED_UP` means closed."""
encode: Final = msgspec.json.encode
decode: Final = msgspec.json.Decoder(LetterFact).decode
"""Decode a fact. Raises `msgspec.DecodeError` and `UnicodeDecodeError`, whose texts hold no values."""


def compare(
    letter: Letter, known: LetterState | None, acknowledged: str, read_at: datetime
) -> tuple[list[LetterFact], LetterState]:
    """Return the facts about `letter` that are new since the state `known`, in order, and its new state.

    `known` is None for a new letter. `acknowledged` is the local time of the first acknowledgement of receipt; empty if unknown.
    The facts have no senders yet.
    """
    before = known or LetterState()
    if before.rules < 1 and before.status == FOLLOWED_UP:  # earlier versions did not publish it as closed
        before = msgspec.structs.replace(before, status="", since="")
    after = _new_state(letter, before, acknowledged)
    facts: list[LetterFact] = []

    def add(kind: str, at: str = "", was: str = "", since: str = "") -> None:
        facts.append(LetterFact(kind, letter, read_at, at, was, since))

    if after.arrived != before.arrived:
        add("arrived")
    if after.chrono != before.chrono:
        add("registered")
    if after.destination != before.destination:
        add("assigned", write_local(letter.changed_at) if known else letter.creation_date, since=after.since)
    if after.acknowledged != before.acknowledged:
        add("acknowledged", after.acknowledged)
    if after.status != before.status:
        add("status", after.since, was=before.status, since=before.since)
    if after.sent != before.sent:
        add("sent")
    return facts, after


def _new_state(letter: Letter, before: LetterState, acknowledged: str) -> LetterState:
    if letter.is_outgoing:
        sent = (letter.departure_date, letter.postage, letter.cost)
        return LetterState(sent="|".join(filter(None, sent))) if all(sent) else before
    status = letter.status or ""
    return LetterState(
        arrived=letter.admission_date or letter.creation_date,
        chrono=letter.alt_identifier or before.chrono,
        destination=letter.destination or before.destination,
        acknowledged=acknowledged or before.acknowledged,
        status=status,
        since=before.since if status == before.status else write_local(letter.changed_at),
        rules=RULES,
    )
