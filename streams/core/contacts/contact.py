"""One contact: the row that its events fold to.

A row holds evidence, which only grows: when each thing first happened, and what was told about it. So the same events give
the same row in any order and however often they come. State, outcome and times are derived from the evidence.

Which sector a contact is of, and whose it is, only the source says that the contact's id names: what others tell of it, as a
survey does, is folded like all else, but takes it nowhere. If its source tells it in two sectors, since somebody changed a
setting or another service got the matter, it stays in the one that was told first, by the times of the events. Pseudonyms of
the other sector are strangers' there: they are kept apart, and linked with nobody.

All times are milliseconds since 1970 UTC, all durations milliseconds. A row is never changed once it is handed out.
"""

import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from models.events import Event
from models.identities import MAX_IDENTITIES, IdentityKind
from models.timestamps import milliseconds
from models.topics import Channel
from streams.core.contacts import queue_stay as queue_visit
from streams.core.contacts.case_event import CaseEvent, ContactState, add_case_event, latest_state_event, status
from streams.core.contacts.event_order import TYPE_INDEX, note
from streams.core.contacts.queue_stay import QueueStay, TimesToLive, add_evidence, stay_result, stay_times
from streams.core.figures.figure import Dimensions
from streams.core.rows import (
    FINGERPRINT_BYTES,
    MAX_DIMENSIONS_PER_ROW,
    Codec,
    Row,
    TooManyDimensions,
    fingerprint,
    intern_dimensions,
)
from streams.core.sla.clock import SlaClock, intern_parts

SEEN_EVENTS: Final = 32
"""How many event ids a row remembers."""
ERASED: Final = "personal_data.erased"
AssignedSector = tuple[bool, int, str]
"""Which sector a contact is of: whether none is known, when it was told first, and its name. The least of all that were told."""
UNASSIGNED_SECTOR: Final[AssignedSector] = (True, 0, "")


class Claim(Row):
    """What its own source told of a contact in one sector; empty: in none."""

    sector: str
    first_at: int
    """The time of the earliest event that named the sector."""
    identities: str


class Contact(Row, tag=1):
    """One contact. The tag is the version of the layout."""

    channel: Channel
    last_at: int
    """The latest event time seen."""
    seen: bytes
    """Marks of the events folded, sorted: of more than `SEEN_EVENTS` the smallest, which are the same in any order."""
    sector: str = ""
    """The one that its own source told first."""
    identities: str = ""
    """Pseudonyms, strongest first, separated by a space; none after an erasure."""
    stays: tuple[QueueStay, ...] = ()
    """Stays in queues, by number: of calls, and of visitors."""
    case_events: tuple[CaseEvent, ...] = ()
    """All else that happened, by type."""
    touched_at: int = 0
    """When a worker last changed the row, by its own clock; set by the worker, no part of what the events mean."""
    clocks: tuple[SlaClock, ...] = ()
    """What was promised, and what was told of that; set by the worker, as time goes by."""
    sector_at: int = 0
    """The time of the earliest event that named the sector."""
    claims: tuple[Claim, ...] = ()
    """By sector, if it was told in several: nearly none is."""
    event_order: int = -1
    """What its events told last, as `turns` has it: for whoever becomes its citizen; -1: nothing, or to an earlier release."""
    service_order: int = -1
    service: str = ""

    @property
    def citizen(self) -> str:
        """The strongest identity, or empty."""
        return self.identities.partition(" ")[0]

    @property
    def assigned_sector(self) -> AssignedSector:
        """By what it is of its sector. It only ever becomes less, and as long as it stays, its citizen only ever a stronger."""
        return not self.sector, self.sector_at, self.sector

    @property
    def dimensions(self) -> Dimensions:
        """Where it is: its last queue, or what its latest milestone told; what knows more goes first."""
        if self.stays:
            return self._last_visit.dimensions
        return max(self.own_events or self.case_events, key=_by_knowledge).dimensions

    @property
    def own_events(self) -> tuple[CaseEvent, ...]:
        """The milestones of its own channel: opinions of the contact, and that its person was erased, are not among them."""
        return tuple(
            told for told in self.case_events if told.dimensions.channel == self.channel and told.type != ERASED
        )

    @property
    def is_erased(self) -> bool:
        """Whether its person was erased: nobody is named any more, whatever is told of it."""
        for told in self.case_events:  # noqa: SIM110 - a generator costs more than the loop, and this is asked of every event
            if told.type == ERASED:
                return True
        return False

    @property
    def has_begun(self) -> bool:
        """Whether anything but that its person was erased is known of it."""
        if self.stays:
            return True
        for told in self.case_events:  # noqa: SIM110 - as above
            if told.type != ERASED:
                return True
        return False

    @property
    def began_at(self) -> int:
        """The earliest time of its own source's events; later than any time if only opinions or an erasure are known."""
        times = [] if self.channel is Channel.FEEDBACK else [told.first_at for told in self.own_events]
        for visit in self.stays:
            times += [at for at in stay_times(visit) if at is not None]
        return min(times, default=1 << 62)

    @property
    def last_own_event_at(self) -> int:
        """The latest time of what its own source told of it; what others say does not show how far that one is."""
        times = [told.last_at for told in self.own_events]
        for visit in self.stays:
            times += [at for at in stay_times(visit) if at is not None]
        return max(times, default=self.last_at)

    def status(self) -> tuple[ContactState, str]:
        """Return who has to act, and what became of it in one word, empty while that is open.

        A call that reached no queue is waiting; what never asked anybody to act is closed. The word is the outcome in the
        call's last queue; of the other channels it is known when they are closed.
        """
        stays = self.stays
        if not stays:
            return status(latest_state_event(self.case_events))
        if len(stays) == 1:  # as of nearly all calls
            story = stay_result(stays[0])
            outcome = story.outcome
            if outcome == "waiting":
                return ContactState.WAITING, ""
            return ContactState.IN_PROGRESS if story.finish == "in_progress" else ContactState.CLOSED, outcome
        outcome = stay_result(self._last_visit).outcome
        state = ContactState.CLOSED
        for visit in stays:
            story = stay_result(visit)
            if story.outcome == "waiting":
                state = ContactState.WAITING
            elif story.finish == "in_progress" and state is ContactState.CLOSED:
                state = ContactState.IN_PROGRESS
        return state, "" if outcome == "waiting" else outcome

    @property
    def _last_visit(self) -> QueueStay:
        """The one that began last. Numbers do not tell: those of queues that did not take a call are apart."""
        return max(self.stays, key=_by_beginning) if len(self.stays) > 1 else self.stays[0]

    @property
    def state(self) -> ContactState:
        """Who has to act."""
        return self.status()[0]

    @property
    def is_closed(self) -> bool:
        """Whether nobody has to act."""
        return self.state is ContactState.CLOSED

    @property
    def closed_at(self) -> int | None:
        """When it was closed; None while it is open."""
        if not self.is_closed:
            return None
        if self.stays:
            return max(max(story.outcome_at, story.finished_at) for story in map(stay_result, self.stays))
        return decisive.last_at if (decisive := latest_state_event(self.case_events)) else self.last_at


# --------------------------------------------------------------------------------------------------------------- folding
def fold(row: Contact | None, event: Event, at: int | None = None) -> Contact:
    """Return the contact with `event` added: a new row, or `row` itself if the event was folded before.

    `at` is the event's time, for who has it in milliseconds already. Of a contact with more than `SEEN_EVENTS` events, one that
    adds no evidence is taken for one folded before. Raises `rows.TooManyPlaces`.
    """
    if at is None:
        at = milliseconds(event.time)
    if row is None:
        after = Contact(event.channel, at, fingerprint(event.id))
    else:
        seen = _remember(row.seen, fingerprint(event.id))
        if seen is None:
            return row
        after = row.__copy__()
        after.seen = seen
        if at > after.last_at:
            after.last_at = at
        if event.channel is not after.channel:
            after.channel = _channel(row, event)
    sector, identities = event.sector, event.identities
    if (
        sector != after.sector
        or at < after.sector_at
        or (identities and identities != after.identities)
        or after.claims
    ):
        _claim(after, event, sector, identities, at)
    note(after, event.type, at, event.service)
    stays = add_evidence(after.stays, event, at)
    if stays is None:
        after.case_events = add_case_event(after.case_events, event, at)
        if event.type == ERASED:
            _take_identities(after)
    else:
        after.stays = stays
    return row if row is not None and len(after.seen) == _SEEN_BYTES and after == row else after


_SEEN_BYTES: Final = SEEN_EVENTS * FINGERPRINT_BYTES
_STRENGTH: Final = {kind.value: strength for strength, kind in enumerate(IdentityKind)}


def _remember(seen: bytes, new: bytes) -> bytes | None:
    """Return `seen` with `new` in its place, cut to the smallest; None if it is there already."""
    for index in range(0, len(seen), FINGERPRINT_BYTES):
        known = seen[index : index + FINGERPRINT_BYTES]
        if known >= new:
            return None if known == new else (seen[:index] + new + seen[index:])[:_SEEN_BYTES]
    return (seen + new)[:_SEEN_BYTES]


def _channel(row: Contact, event: Event) -> Channel:
    """Return the channel of a contact of which `event` tells another one: an erasure says so only while nothing else does."""
    is_erasure = event.type == ERASED
    if row.has_begun is is_erasure:
        return row.channel if is_erasure else event.channel
    return min(event.channel, row.channel, key=_by_weight)


def _by_weight(channel: Channel) -> tuple[bool, str]:
    """Order channels: feedback last, since it is about a contact of another one."""
    return channel is Channel.FEEDBACK, channel.value


def _claim(after: Contact, event: Event, sector: str, identities: str, at: int) -> None:
    """Note the sector and the identities that `event` tells of a contact, if its own source did."""
    names = event.subject.split(":", 2)
    if len(names) > 2 and names[1] != event.source:
        return
    if identities and after.case_events and after.is_erased:
        identities = ""
    if not (sector or identities):
        return
    if not after.claims and (sector == after.sector or not (after.sector or after.identities)):  # as nearly always
        if sector and (at < after.sector_at or not after.sector):
            after.sector_at = at
        after.sector = sys.intern(sector)
        if identities:
            after.identities = _unite(after.identities, identities)
        return
    claims = {claim.sector: claim for claim in after.claims}
    if not claims:
        claims[after.sector] = Claim(after.sector, after.sector_at, after.identities)
    known = claims.get(sector)
    if known is None and len(claims) >= MAX_DIMENSIONS_PER_ROW:
        raise TooManyDimensions
    first_at = min(at, known.first_at) if known else at
    identities = _unite(known.identities if known else "", identities)
    claims[sector] = Claim(sys.intern(sector), first_at if sector else 0, identities)
    _settle(after, claims)


def _settle(after: Contact, claims: dict[str, Claim]) -> None:
    """Have the contact be of the sector that was told first; what was told in none is known in each."""
    first = min(claims.values(), key=_by_time) if len(claims) > 1 else next(iter(claims.values()))
    after.sector, after.sector_at, after.identities = first.sector, first.first_at, first.identities
    after.claims = ()
    if len(claims) > 1:
        if nowhere := claims.get(""):
            after.identities = _unite(first.identities, nowhere.identities)
        after.claims = tuple(sorted(claims.values(), key=_by_sector))


def _take_identities(after: Contact) -> None:
    after.identities = ""
    if after.claims:
        _settle(
            after, {claim.sector: Claim(claim.sector, claim.first_at, "") for claim in after.claims if claim.sector}
        )


def _unite(known: str, told: str) -> str:
    """Return the identities of both, strongest first, at most `MAX_IDENTITIES`."""
    if known == told or not told:
        return known
    if known or " " in told:
        return " ".join(sorted({*known.split(), *told.split()}, key=_by_strength)[:MAX_IDENTITIES])
    return told


def _by_time(claim: Claim) -> AssignedSector:
    return not claim.sector, claim.first_at, claim.sector


def _by_sector(claim: Claim) -> str:
    return claim.sector


def _by_knowledge(told: CaseEvent) -> tuple[bool, int, int, str]:
    return told.type != ERASED, -told.dimensions.count(""), told.last_at, told.type


def _by_beginning(visit: QueueStay) -> tuple[int, int]:
    return stay_result(visit).queued_at, visit.number


def _by_strength(identity: str) -> tuple[int, str]:
    return _STRENGTH.get(identity.partition(":")[0], len(_STRENGTH)), identity


# ------------------------------------------------------------------------------------------------------------------- end
def forget(row: Contact, now_ms: int, ttl: TimesToLive) -> Contact:
    """Return `row` with the waits and conversations given up that outlived their time to live; else `row` itself.

    An event that tells their real end later still counts, in place of the giving up.
    """
    stays = tuple(queue_visit.forget(visit, now_ms, ttl) for visit in row.stays)
    if all(after is before for after, before in zip(stays, row.stays, strict=True)):
        return row
    after = row.__copy__()
    after.stays = stays
    return after


class RowRetention(NamedTuple):
    """How long the row of a closed contact is kept, so that an event told once more is known. Milliseconds."""

    closed: int
    """After its last event: longer than the retention of the source topics, so that these can be replayed."""
    touched: int
    """After its last change, by the worker's clock: longer than a source takes to repeat events after a failure."""


def expires_at(row: Contact, keep: RowRetention) -> int | None:
    """Return when the row may be tombstoned, None while the contact is open.

    A call that reached no queue counts as closed here: a switchboard does not report the end of such a call.

    Whoever drops the row has to refuse its events from then on, or they would be counted once more.
    """
    if row.channel is Channel.CALL and not row.stays:
        closed_at: int | None = row.last_at
    else:
        closed_at = row.closed_at
    if closed_at is None:
        return None
    return max(max(closed_at, row.last_at) + keep.closed, row.touched_at + keep.touched)


# -------------------------------------------------------------------------------------------------------------- evidence
_OF_CALLS: Final = {
    "queued_at": "call.queued",
    "answered_at": "call.answered",
    "abandoned_at": "call.abandoned",
    "left_at": "call.left_queue",
    "transferred_at": "call.transferred",
    "ended_at": "call.ended",
}
_OF_VISITORS: Final = {
    "queued_at": "visit.arrived",
    "answered_at": "visit.called",
    "abandoned_at": "visit.left",
    "ended_at": "visit.served",
}


def event_times(row: Contact) -> Iterator[tuple[str, int, str]]:
    """Yield what happened by a row, of which it notes turns: type of event, when it was first or last, and the service there."""
    for visit in row.stays:
        for field, kind in (_OF_VISITORS if visit.dimensions.channel == Channel.VISIT else _OF_CALLS).items():
            at = getattr(visit, field)
            if at is not None:
                yield kind, at, visit.dimensions.service
    for told in row.own_events:
        if told.type in TYPE_INDEX:
            for at in {told.first_at, told.last_at}:
                yield told.type, at, told.dimensions.service


# ----------------------------------------------------------------------------------------------------------------- bytes
_codec: Final = Codec(Contact)
encode: Final = _codec.encode


def decode(value: bytes) -> Contact:
    """Return the row of `encode`; what many rows have in common is one object for all of them.

    Raises `rows.UnknownVersion` for a row of another version, and `msgspec.DecodeError` for what is no row at all.
    """
    row = _codec.decode(value)
    _restore_turns(row)
    row.sector, row.service = sys.intern(row.sector), sys.intern(row.service)
    for claim in row.claims:
        claim.sector = sys.intern(claim.sector)
    for visit in row.stays:
        visit.dimensions = intern_dimensions(*visit.dimensions)
        if visit.queued_at == visit.placed_at:
            visit.placed_at = visit.queued_at
    for milestone in row.case_events:
        milestone.type = sys.intern(milestone.type)
        milestone.dimensions = intern_dimensions(*milestone.dimensions)
        milestone.detail = sys.intern(milestone.detail)
        if milestone.last_at == milestone.first_at:
            milestone.last_at = milestone.first_at
        if milestone.first_at == row.sector_at:
            row.sector_at = milestone.first_at
    if row.clocks:
        own_events = (milestone.first_at for milestone in row.case_events)
        intern_parts(row.clocks, (*own_events, *(visit.queued_at for visit in row.stays)))
    return row


def _restore_turns(row: Contact) -> None:
    """Note the turns of a row of an earlier release, as far as it tells them: what comes late must not pass for the last."""
    if row.event_order < 0:
        for kind, at, service in event_times(row):
            note(row, kind, at, service)
    if row.service_order == row.event_order:
        row.service_order = row.event_order
