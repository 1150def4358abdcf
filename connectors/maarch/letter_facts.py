"""What a letter of Maarch says that is new, one fact at a time: one that cannot be used takes no others with it."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from connectors.maarch.local_time import read_local, write_local
from connectors.maarch.statuses import FOLLOWED_UP

Kind = Literal["arrived", "registered", "assigned", "acknowledged", "status", "sent"]


class Letter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row of `res_view_letterbox`, as far as it is asked for; times are local."""

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
        """Whether it was written by the house."""
        return self.category_id == "outgoing"

    @property
    def changed_at(self) -> datetime:
        """When it changed last, local, by the same rule as `api.CHANGED_AT`. Raises `ValueError`."""
        times = (self.creation_date, self.modification_date, self.closing_date)
        return max(read_local(time) for time in times if time)


class Sender(msgspec.Struct, frozen=True, omit_defaults=True):
    """How whoever sent a letter is reached."""

    email: str | None = None
    phone: str | None = None


class LetterFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact about a letter, which stands for itself."""

    kind: str
    """One of `Kind`."""
    letter: Letter
    read_at: Annotated[datetime, msgspec.Meta(tz=True)]
    at: str = ""
    """When it happened, local, if the letter itself does not say so."""
    was: str = ""
    """Of a status, the one before."""
    since: str = ""
    """Since when that was known, local; of an assignment, since when the present status is."""
    senders: tuple[Sender, ...] = ()


class LetterState(msgspec.Struct, frozen=True, array_like=True):
    """What was told of a letter last: what is there again is no news."""

    arrived: str = ""
    chrono: str = ""
    destination: str = ""
    acknowledged: str = ""
    status: str = ""
    since: str = ""
    """When the status was found, local."""
    sent: str = ""
    rules: int = 0
    """By which `RULES` it was compared last."""


RULES: Final = 1
"""Raised where a status gets another meaning. 1: `FOLLOWED_UP` is closed."""
encode: Final = msgspec.json.encode
decode: Final = msgspec.json.Decoder(LetterFact).decode
"""Raises `msgspec.DecodeError` and `UnicodeDecodeError`, whose texts hold no values."""


def compare(
    letter: Letter, known: LetterState | None, acknowledged: str, read_at: datetime
) -> tuple[list[LetterFact], LetterState]:
    """Return what `letter` says that is not `known`, in order, and what is known then.

    `acknowledged` is when the first acknowledgement of receipt was sent, local; empty if that is not known.
    """
    before = known or LetterState()
    if before.rules < 1 and before.status == FOLLOWED_UP:  # it was not reported as closed
        before = msgspec.structs.replace(before, status="", since="")
    after = _look_at(letter, before, acknowledged)
    facts: list[LetterFact] = []

    def tell(kind: Kind, at: str = "", was: str = "", since: str = "") -> None:
        facts.append(LetterFact(kind, letter, read_at, at, was, since))

    if after.arrived != before.arrived:
        tell("arrived")
    if after.chrono != before.chrono:
        tell("registered")
    if after.destination != before.destination:
        tell("assigned", write_local(letter.changed_at) if known else letter.creation_date, since=after.since)
    if after.acknowledged != before.acknowledged:
        tell("acknowledged", after.acknowledged)
    if after.status != before.status:
        tell("status", after.since, was=before.status, since=before.since)
    if after.sent != before.sent:
        tell("sent")
    return facts, after


def _look_at(letter: Letter, before: LetterState, acknowledged: str) -> LetterState:
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
