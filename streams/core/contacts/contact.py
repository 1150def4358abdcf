"""Row of a contact, folded from its events; decides its sector, identities and channel, and whether an event is a duplicate.

A row holds evidence that only grows, such as first times and the data of events. The same events therefore give the same row in
any order, with or without duplicates. State, outcome and times are derived from the evidence.

Only events of the source in the contact's id set its sector and identities. Events of other sources, such as surveys, are folded
without them. If the source names two sectors, because a setting changed or another service took the case, the sector with the
earliest event time is assigned. Pseudonyms of another sector are stored separately in `claims` and linked to no citizen.

All times are milliseconds since 1970 UTC, all durations milliseconds. A row is immutable once it is returned. This module is
longer than others because the row, its fold and its encoding share private rules.
"""

import sys
from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from models.events import Event
from models.identities import MAX_IDENTITIES, identity_rank
from models.timestamps import milliseconds
from models.topics import Channel
from streams.core.contacts import stay_outcome
from streams.core.contacts.case_event import CaseEvent, ContactState, add_case_event, latest_state_event, status
from streams.core.contacts.event_order import TYPE_INDEX, add_event_order
from streams.core.contacts.queue_stay import TIME_FIELDS, QueueStay, add_evidence, stay_times
from streams.core.contacts.stay_outcome import TimesToLive, stay_result
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
"""Maximum number of event id fingerprints in a row."""
ERASED: Final = "personal_data.erased"
RETRACTED: Final = "contact.retracted"
REASON_SET: Final = "contact.reason_set"
REASON_BY_RULE: Final = "contact.reason_set:rule"
"""Type of the case event of a reason that a rule set."""
REMOVALS: Final = frozenset({ERASED, RETRACTED})
"""Event types after which a contact has no identities, and no timeline entries but this event's."""
_ERASURES: Final = frozenset({ERASED})
_NO_PROGRESS: Final = REMOVALS | {REASON_SET, REASON_BY_RULE}
"""Types of case events that say nothing about the contact's begin, state and dimensions."""
AssignedSector = tuple[bool, int, str]
"""Sort key of a contact's sector: whether it is unknown, the earliest event time that names it, its name. The least key wins."""
UNASSIGNED_SECTOR: Final[AssignedSector] = (True, 0, "")


class Claim(Row):
    """Identities that the contact's source published in one sector."""

    sector: str
    """Empty for events without a sector."""
    first_at: int
    """Earliest time of an event that names `sector`; 0 without a sector."""
    identities: str


class Contact(Row, tag=1):
    """Row of one contact. The tag is the row version."""

    channel: Channel
    last_at: int
    """Latest event time."""
    seen: bytes
    """Fingerprints of the folded events, sorted: the smallest `SEEN_EVENTS`, which do not depend on the order of events."""
    sector: str = ""
    """Assigned sector: the sector with the earliest event of the contact's source."""
    identities: str = ""
    """The strongest `MAX_IDENTITIES` pseudonyms, strongest first, separated by a space; empty after an erasure."""
    stays: tuple[QueueStay, ...] = ()
    """Queue stays of a call or a visitor, sorted by number."""
    case_events: tuple[CaseEvent, ...] = ()
    """All events that concern no queue stay, including opinions and erasures: one `CaseEvent` per type, sorted by type."""
    touched_at: int = 0
    """Time of the last change of the row by the worker's clock. Set by the worker."""
    clocks: tuple[SlaClock, ...] = ()
    """SLA clocks, with the changes already published. Set by the worker as time passes."""
    sector_at: int = 0
    """Earliest time of an event that names `sector`; 0 without a sector."""
    claims: tuple[Claim, ...] = ()
    """Identities by sector, if the source named several sectors, which is rare."""
    event_order: int = -1
    """Event order of the latest event (`contacts.event_order`), for the reattribution to another citizen.

    -1 without an event that has one. `decode` derives it for rows of an earlier release."""
    service_order: int = -1
    """Event order of the latest event that names a service; -1 without one."""
    service: str = ""
    """The service that the event of `service_order` names; empty without one."""

    @property
    def citizen(self) -> str:
        """Return the contact's strongest identity, which names its citizen; empty without an identity."""
        return self.identities.partition(" ")[0]

    @property
    def assigned_sector(self) -> AssignedSector:
        """Return the sort key of `sector`. It only decreases; while it is constant, identities only become stronger."""
        return not self.sector, self.sector_at, self.sector

    @property
    def dimensions(self) -> Dimensions:
        """Return the dimensions of the last queue stay; without one, of the case event with the most complete dimensions.

        Case events of the contact's own channel come before opinions and erasures.
        """
        if self.stays:
            return self._last_stay.dimensions
        return max(self.own_events or self.case_events, key=_by_completeness).dimensions

    @property
    def own_events(self) -> tuple[CaseEvent, ...]:
        """Return the case events of the contact's channel, without removals and reasons.

        Opinions are part of it only if the contact has no other channel.
        """
        return tuple(
            event
            for event in self.case_events
            if event.dimensions.channel == self.channel and event.type not in _NO_PROGRESS
        )

    @property
    def is_erased(self) -> bool:
        """Return whether the contact's personal data was erased. It then ignores identities of later events."""
        return _has_event(self.case_events, _ERASURES)

    @property
    def is_retracted(self) -> bool:
        """Return whether the source retracted the contact. It then counts nowhere, and ignores later events of its source."""
        # It then has only removals and opinions, and the retraction is the first of these by type.
        return bool(self.case_events) and self.case_events[0].type == RETRACTED

    @property
    def is_removed(self) -> bool:
        """Return whether the contact is erased or retracted."""
        return _has_event(self.case_events, REMOVALS)

    @property
    def has_begun(self) -> bool:
        """Return whether the contact has any event except removals and reasons."""
        return bool(self.stays) or any(event.type not in _NO_PROGRESS for event in self.case_events)

    @property
    def began_at(self) -> int:
        """Return the earliest event time of the contact's source, except removals and reasons; 2**62 if it has no other one."""
        times = [] if self.channel is Channel.FEEDBACK else [event.first_at for event in self.own_events]
        for stay in self.stays:
            times += [at for at in stay_times(stay) if at is not None]
        return min(times, default=1 << 62)

    @property
    def last_own_event_at(self) -> int:
        """Return the latest event time of the contact's source, except removals and reasons; `last_at` without one.

        Events of other sources do not show that source's progress.
        """
        times = [event.last_at for event in self.own_events]
        for stay in self.stays:
            times += [at for at in stay_times(stay) if at is not None]
        return max(times, default=self.last_at)

    def status(self) -> tuple[ContactState, str]:
        """Return the state, and the outcome in one word, empty without one.

        A call that reached no queue is waiting. A contact without an event that requires action is closed. The outcome of a
        call or visit is that of its last queue stay: `answered` already while the conversation lasts. Other channels have one
        when they are closed.
        """
        stays = self.stays
        if not stays:
            return status(latest_state_event(self.case_events))
        if len(stays) == 1:  # nearly all calls
            result = stay_result(stays[0])
            outcome = result.outcome
            if outcome == "waiting":
                return ContactState.WAITING, ""
            return ContactState.IN_PROGRESS if result.finish == "in_progress" else ContactState.CLOSED, outcome
        outcome = stay_result(self._last_stay).outcome
        state = ContactState.CLOSED
        for stay in stays:
            result = stay_result(stay)
            if result.outcome == "waiting":
                state = ContactState.WAITING
            elif result.finish == "in_progress" and state is ContactState.CLOSED:
                state = ContactState.IN_PROGRESS
        return state, "" if outcome == "waiting" else outcome

    @property
    def _last_stay(self) -> QueueStay:
        """Return the queue stay that began last. Its number may not be the highest: refused entries have their own numbers."""
        return max(self.stays, key=_by_start) if len(self.stays) > 1 else self.stays[0]

    @property
    def state(self) -> ContactState:
        """Return the contact's state, as in `status`."""
        return self.status()[0]

    @property
    def is_closed(self) -> bool:
        """Return whether the contact's state is closed, as in `status`."""
        return self.state is ContactState.CLOSED

    @property
    def closed_at(self) -> int | None:
        """Return the time of the event that closed the contact, or of its last event if none did; None while it is open."""
        if not self.is_closed:
            return None
        if self.stays:
            return max(max(result.outcome_at, result.finished_at) for result in map(stay_result, self.stays))
        return decisive.last_at if (decisive := latest_state_event(self.case_events)) else self.last_at


def _has_event(case_events: tuple[CaseEvent, ...], types: frozenset[str]) -> bool:
    for event in case_events:  # noqa: SIM110 - runs for every event, and a generator costs more than the loop
        if event.type in types:
            return True
    return False


# --------------------------------------------------------------------------------------------------------------- folding
def fold(row: Contact | None, event: Event, at: int | None = None) -> Contact:  # noqa: C901 - runs for every event
    """Return the row with `event` added: a new row, or `row` itself for a duplicate.

    `at` is the event's time in milliseconds, if the caller has it. In a row with `SEEN_EVENTS` fingerprints, an event that adds
    no evidence counts as a duplicate. Raises `rows.TooManyDimensions`.
    """
    if at is None:
        at = milliseconds(event.time)
    if row is None:
        after = Contact(event.channel, at, fingerprint(event.id))
    else:
        seen = _add_fingerprint(row.seen, fingerprint(event.id))
        if seen is None:
            return row
        after = row.__copy__()
        after.seen = seen
        if at > after.last_at:
            after.last_at = at
        if event.channel is not after.channel and not row.is_retracted:
            after.channel = _channel(row, event)
    sector, identities = event.sector, event.identities
    if (
        sector != after.sector
        or at < after.sector_at
        or (identities and identities != after.identities)
        or after.claims
    ):
        _add_claim(after, event, sector, identities, at)
    add_event_order(after, event.type, at, event.service)
    if (
        after.case_events
        and after.case_events[0].type == RETRACTED  # as in `is_retracted`
        and event.type not in REMOVALS
        and not _is_opinion(event.type, event.channel, after)
    ):
        return after
    stays = add_evidence(after.stays, event, at)
    if stays is None:
        after.case_events = add_case_event(after.case_events, event, at)
        if event.type in REMOVALS:
            _erase_identities(after)
            if event.type == RETRACTED or after.is_retracted:
                _drop_evidence(after)
    else:
        after.stays = stays
    return row if row is not None and len(after.seen) == _SEEN_BYTES and after == row else after


_SEEN_BYTES: Final = SEEN_EVENTS * FINGERPRINT_BYTES


def _add_fingerprint(seen: bytes, new: bytes) -> bytes | None:
    """Return `seen` with `new` inserted in order, cut to the smallest `SEEN_EVENTS`; None if it contains `new`."""
    for index in range(0, len(seen), FINGERPRINT_BYTES):
        known = seen[index : index + FINGERPRINT_BYTES]
        if known >= new:
            return None if known == new else (seen[:index] + new + seen[index:])[:_SEEN_BYTES]
    return (seen + new)[:_SEEN_BYTES]


def _channel(row: Contact, event: Event) -> Channel:
    """Return the channel of a contact after an event of another channel.

    A removal or reason decides only while the contact has not begun.
    """
    is_no_progress = event.type in _NO_PROGRESS
    if row.has_begun is is_no_progress:
        return row.channel if is_no_progress else event.channel
    return min(event.channel, row.channel, key=_by_weight)


def _by_weight(channel: Channel) -> tuple[bool, str]:
    """Return a sort key that puts feedback last: it is about a contact of another channel."""
    return channel is Channel.FEEDBACK, channel.value


def _add_claim(after: Contact, event: Event, sector: str, identities: str, at: int) -> None:
    """Add the event's sector and identities to the row `after`, unless the event comes from another source than the contact's.

    Once the contact is erased or retracted, identities are ignored. Raises `rows.TooManyDimensions` for too many sectors.
    """
    names = event.subject.split(":", 2)
    if len(names) > 2 and names[1] != event.source:
        return
    if identities and after.case_events and after.is_removed:
        identities = ""
    if not (sector or identities):
        return
    if not after.claims and (sector == after.sector or not (after.sector or after.identities)):  # nearly always
        if sector and (at < after.sector_at or not after.sector):
            after.sector_at = at
        after.sector = sys.intern(sector)
        if identities:
            after.identities = _merge_identities(after.identities, identities)
        return
    claims = {claim.sector: claim for claim in after.claims}
    if not claims:
        claims[after.sector] = Claim(after.sector, after.sector_at, after.identities)
    known = claims.get(sector)
    if known is None and len(claims) >= MAX_DIMENSIONS_PER_ROW:
        raise TooManyDimensions
    first_at = min(at, known.first_at) if known else at
    identities = _merge_identities(known.identities if known else "", identities)
    claims[sector] = Claim(sys.intern(sector), first_at if sector else 0, identities)
    _assign_sector(after, claims)


def _assign_sector(after: Contact, claims: dict[str, Claim]) -> None:
    """Set sector, identities and claims of the row `after`: the sector in `claims` with the earliest event is assigned.

    Identities without a sector belong to every sector.
    """
    first = min(claims.values(), key=_by_time) if len(claims) > 1 else next(iter(claims.values()))
    after.sector, after.sector_at, after.identities = first.sector, first.first_at, first.identities
    after.claims = ()
    if len(claims) > 1:
        if without_sector := claims.get(""):
            after.identities = _merge_identities(first.identities, without_sector.identities)
        after.claims = tuple(sorted(claims.values(), key=attrgetter("sector")))


def _erase_identities(after: Contact) -> None:
    after.identities = ""
    if after.claims:
        _assign_sector(
            after, {claim.sector: Claim(claim.sector, claim.first_at, "") for claim in after.claims if claim.sector}
        )


def _drop_evidence(after: Contact) -> None:
    """Remove the evidence of the contact's own source from the retracted row `after`; its channel is that of the retraction."""
    after.channel = next(Channel(event.dimensions.channel) for event in after.case_events if event.type == RETRACTED)
    after.stays = ()
    after.case_events = tuple(
        event
        for event in after.case_events
        if event.type in REMOVALS or _is_opinion(event.type, Channel(event.dimensions.channel), after)
    )


def _is_opinion(kind: str, channel: Channel, row: Contact) -> bool:
    """Return whether an event of `channel` is an opinion about the contact, and not an event of its own source."""
    return channel is Channel.FEEDBACK and row.channel is not Channel.FEEDBACK and kind not in _NO_PROGRESS


def _merge_identities(known: str, new: str) -> str:
    """Return all identities of both, strongest first, at most `MAX_IDENTITIES`."""
    if known == new or not new:
        return known
    if known or " " in new:
        return " ".join(sorted({*known.split(), *new.split()}, key=identity_rank)[:MAX_IDENTITIES])
    return new


def _by_time(claim: Claim) -> AssignedSector:
    return not claim.sector, claim.first_at, claim.sector


def _by_completeness(event: CaseEvent) -> tuple[bool, int, int, str]:
    return event.type not in _NO_PROGRESS, -event.dimensions.count(""), event.last_at, event.type


def _by_start(stay: QueueStay) -> tuple[int, int]:
    return stay_result(stay).queued_at, stay.number


# ------------------------------------------------------------------------------------------------------------------- end
def forget(row: Contact, now_ms: int, ttl: TimesToLive) -> Contact:
    """Return `row` with the waits and conversations ended that exceed their time to live, else `row` itself.

    A later event with the real end replaces the assumed end.
    """
    stays = tuple(stay_outcome.forget(stay, now_ms, ttl) for stay in row.stays)
    if all(after is before for after, before in zip(stays, row.stays, strict=True)):
        return row
    after = row.__copy__()
    after.stays = stays
    return after


# -------------------------------------------------------------------------------------------------------------- evidence
_STAY_FIELDS: Final = {
    channel.value: tuple((kind, field) for kind, field in TIME_FIELDS.items() if kind.startswith(f"{channel}."))
    for channel in (Channel.CALL, Channel.VISIT)
}


def event_times(row: Contact) -> Iterator[tuple[str, int, str]]:
    """Yield type, time and service of the row's known events that have an event order.

    Of several events of one type, the first and the last are known; in a queue stay only the first.
    """
    for stay in row.stays:
        for kind, field in _STAY_FIELDS[stay.dimensions.channel]:
            at = getattr(stay, field)
            if at is not None:
                yield kind, at, stay.dimensions.service
    for event in row.own_events:
        if event.type in TYPE_INDEX:
            for at in {event.first_at, event.last_at}:
                yield event.type, at, event.dimensions.service


# ----------------------------------------------------------------------------------------------------------------- bytes
_codec: Final = Codec(Contact)
encode: Final = _codec.encode


def decode(value: bytes) -> Contact:
    """Return the decoded row. Values that rows have in common are shared objects, which saves memory.

    Raises `rows.UnknownRowVersion` and `msgspec.DecodeError`, as `rows.Codec.decode` does.
    """
    row = _codec.decode(value)
    _restore_event_order(row)
    row.sector, row.service = sys.intern(row.sector), sys.intern(row.service)
    for claim in row.claims:
        claim.sector = sys.intern(claim.sector)
    for stay in row.stays:
        stay.dimensions = intern_dimensions(*stay.dimensions)
        if stay.queued_at == stay.placed_at:
            stay.placed_at = stay.queued_at
    for event in row.case_events:
        event.type = sys.intern(event.type)
        event.dimensions = intern_dimensions(*event.dimensions)
        event.detail = sys.intern(event.detail)
        if event.last_at == event.first_at:
            event.last_at = event.first_at
        if event.first_at == row.sector_at:
            row.sector_at = event.first_at
    if row.clocks:
        event_times_ = (event.first_at for event in row.case_events)
        intern_parts(row.clocks, (*event_times_, *(stay.queued_at for stay in row.stays)))
    return row


def _restore_event_order(row: Contact) -> None:
    """Set the event order of an earlier release's row from its evidence, so that a late event does not count as the latest."""
    if row.event_order < 0:
        for kind, at, service in event_times(row):
            add_event_order(row, kind, at, service)
    if row.service_order == row.event_order:
        row.service_order = row.event_order
