"""Row of a citizen: the contacts of the last weeks on all channels, and their contribution to the figures.

A row holds evidence of each contact that only grows, so the same entries give the same row in any order, with or without
duplicates. Its contribution to the figures of civil days, weeks and four weeks is a function of the row. A citizen is one
pseudonym, the strongest of a contact. Links between pseudonyms are not used, so merges never change figures. Neither do
erasures: the contact leaves the row, but the figures keep it.

Definitions, each within one service, which stands for the citizen's request:

* Handled: ended by an agent, an answer or a decision. Abandoned and refused contacts are not handled.
* Recontact: after a handled contact, the citizen begins another one, except an appointment, by the end of the Nth day after it.
  `recontact_rate = followed / handled`.
* First-contact resolution: a handled contact that is neither a recontact nor avoidable, and is not followed by a recontact.
  A contact handled at first contact is resolved, followed, or pending until N days have passed:
  `fcr_no_recontact = resolved / (resolved + followed)`.
* Avoidable: the citizen calls, visits or writes while an earlier letter, form or e-mail has no response, or calls or visits
  within N days after a missed appointment. A call after an abandoned call is counted separately.
* Channel hopping: the channel of the next contact, if it begins within N days after this one began.

Source of the first-contact resolution by the absence of a contact about the same issue within seven days:
callcentrehelper.com, "First Call (Contact) Resolution". Other methods use surveys or agents' reports, so the figure's name
says which formula it uses.

All times are milliseconds since 1970 UTC, days are ordinals of civil days.
"""

import sys
from collections.abc import Callable, Container, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from models.topics import Channel
from streams.core.citizens.reattribution import REATTRIBUTION_TYPES, WITHDRAWN, Reattribution
from streams.core.contacts.case_event import STATE_AFTER_EVENT, ContactState
from streams.core.contacts.contact import UNASSIGNED_SECTOR, AssignedSector
from streams.core.contacts.event_order import TYPE_INDEX, add_event_order, decode_event_order, time_of_order
from streams.core.figures.figure_schemas import (
    CITIZENS,
    CONTACT_CHANNELS,
    NO_PREVIOUS_CHANNEL,
    OTHER_REASON,
    RECONTACT_REASONS,
    handled_count_name,
)
from streams.core.rows import Codec, Row, fingerprint
from streams.core.timeline.entries import Entry

MAX_CONTACTS: Final = 100
"""Maximum number of contacts of one citizen. An identity with more is shared (a switchboard, a social worker, a hostel), and
counts in no figure."""
LONGEST_OPEN_DAYS: Final = 400
"""Maximum age of the last event of an open case or appointment that stays in the row, in days before `counted_from`."""


class RecontactTerms(NamedTuple):
    """Parameters of the figures of citizens."""

    recontact_days: int = 7
    """Number of days after a contact within which another one is a recontact."""
    zone: str = "Europe/Paris"
    """IANA time zone of the civil days."""


class CitizenContact(Row):
    """Evidence of one contact of a citizen. Immutable once it is part of a row."""

    fingerprint: bytes
    """Fingerprint of the contact id."""
    channel: str = ""
    service: str = ""
    service_order: int = -1
    """Event order of the latest event that names the service; -1 without one."""
    began_at: int | None = None
    responded_at: int | None = None
    """Time of the first response of substance to the citizen; None without one."""
    event_order: int = -1
    """Event order of the latest event; -1 without one."""
    withdrawn_at: int | None = None
    """Time at which the contact was reattributed to another citizen, else None. It then counts in no figure here."""
    is_first: bool | None = None
    """Whether it is a first contact; None until the earlier contacts leave the row, while it follows from them."""
    moved: AssignedSector | None = None
    """`Reattribution.assigned_sector` of its last reattribution; None without one, and in rows of an earlier release."""


class Citizen(Row, tag=1):
    """Row of one citizen, or of one contact without an identity. The tag is the row version."""

    terms: RecontactTerms
    """Parameters with which the row was counted in the figures."""
    counted_from: int
    """First day whose figures may still change; figures of earlier days are final."""
    is_known: bool
    """Whether the row belongs to an identity; false for a row of one contact without an identity."""
    contacts: tuple[CitizenContact, ...] = ()
    """Contacts, sorted by fingerprint."""
    overflow_at: int | None = None
    """Latest event time of a row whose contacts exceeded `MAX_CONTACTS` and were deleted; None for other rows."""


# --------------------------------------------------------------------------------------------------------------- evidence
_BEGINNINGS: Final = frozenset(
    {"letter.arrived", "email.received", "form.submitted", "appointment.booked"}
    | {kind for kind in TYPE_INDEX if kind.partition(".")[0] in ("call", "visit")}
)
_RESPONSES: Final = frozenset(
    {"letter.answered", "letter.closed", "email.answered", "form.correction_requested", "form.decided"}
)
_HANDLED: Final = frozenset(
    {
        *("letter.answered", "letter.closed", "email.answered", "form.decided", "appointment.attended"),
        *("call.transferred", "call.ended", "visit.served"),
    }
)
_ABANDONED: Final = "call.abandoned"
_MISSED: Final = "appointment.missed"
_ENDS: Final = frozenset(
    {kind for kind, state in STATE_AFTER_EVENT.items() if state is ContactState.CLOSED}
    | {*_HANDLED, _ABANDONED, "call.left_queue", "visit.left"}
)
COUNTED_TYPES: Final = REATTRIBUTION_TYPES.union(TYPE_INDEX)
"""Types of the timeline entries that the figures of citizens use."""


def add(row: Citizen, entry: Entry, at: int) -> Citizen:
    """Return `row` with the evidence of `entry`, whose time is `at`: a new row, or `row` itself if nothing changes.

    More than `MAX_CONTACTS` contacts are all deleted from the new row; then only `overflow_at` changes.
    """
    if row.overflow_at is not None:
        if at <= row.overflow_at:
            return row
        after = row.__copy__()
        after.overflow_at = at
        return after
    own = fingerprint(entry.contact)
    contacts = row.contacts
    for index, known in enumerate(contacts):
        if known.fingerprint == own:
            changed = _add_entry(known, entry, at)
            if changed is known:
                return row
            contacts = (*contacts[:index], changed, *contacts[index + 1 :])
            break
    else:
        empty = CitizenContact(own)
        changed = _add_entry(empty, entry, at)
        if changed is empty:
            return row
        contacts = (*contacts, changed)
        if len(contacts) > 1:
            contacts = tuple(sorted(contacts, key=_by_fingerprint))
    after = row.__copy__()
    after.contacts = contacts
    if len(contacts) > MAX_CONTACTS:
        after.contacts, after.overflow_at = (), max(at, *(_last_at(known) for known in contacts))
    return after


def _add_entry(known: CitizenContact, entry: Entry, at: int) -> CitizenContact:
    after = known.__copy__()
    if entry.type != WITHDRAWN:
        after.channel = entry.channel.value
    if isinstance(entry, Reattribution):
        _apply_reattribution(after, entry, at)
        for event in entry.events:
            _add_event(after, *event)
    else:
        _add_event(after, entry.type, at, entry.service)
    return known if after == known else after


def _apply_reattribution(known: CitizenContact, move: Reattribution, at: int) -> None:
    """Set or clear `withdrawn_at`. The reattribution with the least `assigned_sector` is the last one.

    Within one sector a contact never returns to a former citizen, so a withdrawal is final there.
    """
    last = known.moved or UNASSIGNED_SECTOR
    is_withdrawal = move.type == WITHDRAWN
    if move.assigned_sector < last:
        known.moved, known.withdrawn_at = move.assigned_sector, at if is_withdrawal else None
    elif move.assigned_sector == last and is_withdrawal:
        known.withdrawn_at = max(at, known.withdrawn_at or at)


def _add_event(known: CitizenContact, kind: str, at: int, service: str) -> None:
    if not add_event_order(known, kind, at, service):
        return
    if kind in _BEGINNINGS and (known.began_at is None or at < known.began_at):
        known.began_at = at
    if kind in _RESPONSES and (known.responded_at is None or at < known.responded_at):
        known.responded_at = at


def _by_fingerprint(known: CitizenContact) -> bytes:
    return known.fingerprint


def _last_at(known: CitizenContact) -> int:
    return max(time_of_order(known.event_order), known.withdrawn_at or 0)


# ------------------------------------------------------------------------------------------------------------------ facts
Fact = tuple[int, str | None, int]
"""Day, service (None: all services), and index of the count in `figure_schemas.CITIZENS`."""

_INDEX: Final = CITIZENS.index
_ACTIVE: Final = _INDEX["active"]
_UNIDENTIFIED: Final = {channel.value: _INDEX[f"unidentified_{channel}"] for channel in CONTACT_CHANNELS}
_BEGAN: Final = {
    (channel.value, reason): _INDEX[f"began_{channel}_{reason}"]
    for channel in CONTACT_CHANNELS
    for reason in (*RECONTACT_REASONS.get(channel, ()), OTHER_REASON)
}
_HOP: Final = {
    (str(former), channel.value): _INDEX[f"hop_{former}_{channel}"]
    for channel in CONTACT_CHANNELS
    for former in (*CONTACT_CHANNELS, NO_PREVIOUS_CHANNEL)
}
_HANDLED_AS: Final = {
    (channel.value, first, followed): _INDEX[handled_count_name(channel, is_first=first, is_followed=followed)]
    for channel in CONTACT_CHANNELS
    for first in (True, False)
    for followed in (True, False)
}
_QUARTER_MS: Final = 900_000
DayOf = Callable[[int], int]


@lru_cache(16)
def day_of(zone: str) -> DayOf:
    """Return a function from a time to the ordinal of its civil day in `zone`.

    It caches results per quarter of an hour, which divides all UTC offsets in use.
    """
    tzinfo = ZoneInfo(zone)

    @lru_cache(20_000)
    def of_quarter(quarter: int) -> int:
        return datetime.fromtimestamp(quarter * 900, UTC).astimezone(tzinfo).toordinal()

    return lambda at: of_quarter(at // _QUARTER_MS)


class _History(NamedTuple):
    """History of one contact, with civil days."""

    began_at: int
    fingerprint: bytes
    channel: str
    began_on: int
    ended_at: int
    """Time of the latest event."""
    ended_on: int
    end: str
    """Type of the latest event."""
    responded_at: int | None
    is_first: bool | None


def facts(row: Citizen) -> list[Fact]:
    """Return the row's contribution to the figures from `counted_from` on. A fact that counts n times is returned n times."""
    histories = _histories(row)
    found: list[Fact] = []
    if not row.is_known:
        found = [
            (history.began_on, service, _UNIDENTIFIED[history.channel])
            for service, own in histories.items()
            for history in own
        ]
    else:
        days = {history.began_on for own in histories.values() for history in own}
        found += [(on, None, _ACTIVE) for on in days]
        for service, own in histories.items():
            found += _facts_of_service(service, own, row.terms.recontact_days)
    return [fact for fact in found if fact[0] >= row.counted_from]


def _histories(row: Citizen) -> dict[str, list[_History]]:
    """Return service → histories of its contacts, without withdrawn contacts and those whose beginning is unknown."""
    day = day_of(row.terms.zone)
    histories: dict[str, list[_History]] = {}
    for known in row.contacts:
        if known.began_at is not None and known.withdrawn_at is None:
            histories.setdefault(known.service, []).append(_history_of(known, day))
    return histories


def _history_of(known: CitizenContact, day: DayOf) -> _History:
    assert known.began_at is not None
    at, kind = decode_event_order(known.event_order)
    began_on, ended_on = day(known.began_at), day(at)
    return _History(
        known.began_at,
        known.fingerprint,
        known.channel,
        began_on,
        at,
        ended_on,
        kind,
        known.responded_at,
        known.is_first,
    )


def _facts_of_service(service: str, own: list[_History], within: int) -> Iterator[Fact]:
    if len(own) == 1:
        yield own[0].began_on, service, _ACTIVE
    else:
        own.sort()
        for on in {history.began_on for history in own}:
            yield on, service, _ACTIVE
    for index, history in enumerate(own):
        earlier, later = own[:index], own[index + 1 :]
        reason = _find_reason(history, earlier, within)
        yield history.began_on, service, _BEGAN[history.channel, reason]
        is_hop = bool(earlier) and history.began_on - earlier[-1].began_on <= within
        yield history.began_on, service, _HOP[earlier[-1].channel if is_hop else NO_PREVIOUS_CHANNEL, history.channel]
        if history.end in _HANDLED:
            is_first = _is_first(history, earlier, reason, within)
            followed = any(next_.channel != Channel.APPOINTMENT and _follows(next_, history, within) for next_ in later)
            yield history.ended_on, service, _HANDLED_AS[history.channel, is_first, followed]


def _is_first(history: _History, earlier: Sequence[_History], reason: str, within: int) -> bool:
    if history.is_first is not None:
        return history.is_first
    is_recontact = any(former.end in _HANDLED and _follows(history, former, within) for former in earlier)
    return reason == OTHER_REASON and not is_recontact


def _follows(history: _History, former: _History, within: int) -> bool:
    """Return whether a contact began after `former` had ended, and at most `within` days later."""
    return history.began_at > former.ended_at and history.began_on - former.ended_on <= within


def _find_reason(history: _History, earlier: Sequence[_History], within: int) -> str:
    """Return the first of the channel's `RECONTACT_REASONS` that applies to the contact; `OTHER_REASON` if none does."""
    if not earlier:
        return OTHER_REASON
    for reason in RECONTACT_REASONS.get(history.channel, ()):
        if any(_REASONS[reason](history, former, earlier[-1], within) for former in earlier):
            return reason
    return OTHER_REASON


_Reason = Callable[[_History, _History, _History, int], bool]
"""Predicate of a contact, a former contact, the last former contact and the recontact days: whether the former is the reason."""


def _unanswered(channel: Channel) -> _Reason:
    def applies(history: _History, former: _History, _last: _History, _within: int) -> bool:
        return former.channel == channel and (former.responded_at is None or former.responded_at > history.began_at)

    return applies


_REASONS: Final[dict[str, _Reason]] = {
    "letter_unanswered": _unanswered(Channel.MAIL),
    "form_unanswered": _unanswered(Channel.FORM),
    "email_unanswered": _unanswered(Channel.EMAIL),
    "no_show": lambda history, former, _, within: former.end == _MISSED and _follows(history, former, within),
    "abandoned": lambda history, former, last, within: (
        former.end == _ABANDONED and last.began_at <= former.ended_at and _follows(history, former, within)
    ),
}


def has_same_facts(before: Citizen, after: Citizen) -> bool:
    """Return True only if both rows contribute the same facts. False may be wrong: this is a quick check before `facts`."""
    return (
        len(before.contacts) == len(after.contacts)
        and before.terms == after.terms
        and all(old is new or _has_same_end(old, new) for old, new in zip(before.contacts, after.contacts, strict=True))
    )


def _has_same_end(old: CitizenContact, new: CitizenContact) -> bool:
    return (
        old.fingerprint == new.fingerprint
        and old.began_at == new.began_at
        and old.service == new.service
        and old.responded_at == new.responded_at
        and old.withdrawn_at == new.withdrawn_at
        and (
            old.event_order == new.event_order
            or not (decode_event_order(old.event_order)[1] in _ENDS or decode_event_order(new.event_order)[1] in _ENDS)
        )
    )


# -------------------------------------------------------------------------------------------------------------- retention
MAX_LATE_DAYS: Final = 7
"""Number of days that figures of four weeks stay open for late events, after the period and its recontact days."""


def close(row: Citizen, day: int) -> Citizen:
    """Return a copy of `row` with the figures up to and including `day` final: it contributes only to later days."""
    after = row.__copy__()
    after.counted_from = max(row.counted_from, day + 1)
    return after


def erase(row: Citizen, erased: Container[bytes]) -> Citizen:
    """Return `row` without the contacts with these fingerprints; `row` itself if it has none of them.

    The row then contributes less. The caller must `close` it first, or changed figures would reveal the erased contacts.
    """
    remaining = tuple(known for known in row.contacts if known.fingerprint not in erased)
    if len(remaining) == len(row.contacts):
        return row
    after = row.__copy__()
    after.contacts = remaining
    return after


def forget(row: Citizen, since: int) -> Citizen:
    """Return `row` with the figures before the day `since` (an ordinal) final, without contacts that no later figure needs.

    Returns `row` itself if nothing changes.
    """
    day, within = day_of(row.terms.zone), row.terms.recontact_days
    if (
        since == row.counted_from
        and row.overflow_at is None
        and all(day(_last_at(known)) >= since for known in row.contacts)
    ):
        return row
    if row.overflow_at is not None:
        remaining: tuple[CitizenContact, ...] = ()
        overflow_at = row.overflow_at if day(row.overflow_at) >= since else None
    else:
        overflow_at = None
        # Whether an open contact is a first contact depends on earlier contacts. Decide it now if those leave the row before
        # the contact ends.
        began = {
            known.fingerprint: day(known.began_at)
            for known in row.contacts
            if known.began_at is not None and _may_still_count(known, since, day)
        }
        row = _decide_first_contacts(row, {own for own, on in began.items() if on < since - MAX_LATE_DAYS})
        context = max(min([since, *began.values()]), since - MAX_LATE_DAYS) - within
        remaining = tuple(known for known in row.contacts if _is_needed(known, since, context, day))
    if len(remaining) == len(row.contacts) and overflow_at == row.overflow_at and since == row.counted_from:
        return row
    after = row.__copy__()
    after.counted_from, after.contacts, after.overflow_at = since, remaining, overflow_at
    return after


def _decide_first_contacts(row: Citizen, fingerprints: Container[bytes]) -> Citizen:
    """Return `row` with `is_first` set for the contacts with these fingerprints; `row` itself if all have it."""
    undecided = [known for known in row.contacts if known.fingerprint in fingerprints and known.is_first is None]
    if not undecided:
        return row
    histories, within, decided = _histories(row), row.terms.recontact_days, dict[bytes, CitizenContact]()
    for known in undecided:
        own = sorted(histories[known.service])
        position = next(index for index, history in enumerate(own) if history.fingerprint == known.fingerprint)
        history, earlier = own[position], own[:position]
        decided[known.fingerprint] = changed = known.__copy__()
        changed.is_first = _is_first(history, earlier, _find_reason(history, earlier, within), within)
    after = row.__copy__()
    after.contacts = tuple(decided.get(known.fingerprint, known) for known in row.contacts)
    return after


def _is_open(known: CitizenContact, since: int, day: DayOf) -> bool:
    """Return whether a case or an appointment is open, and its last event is at most `LONGEST_OPEN_DAYS` old."""
    if known.event_order < 0 or known.withdrawn_at is not None:
        return False
    _, kind = decode_event_order(known.event_order)
    return kind in STATE_AFTER_EVENT and kind not in _ENDS and day(_last_at(known)) >= since - LONGEST_OPEN_DAYS


def _may_still_count(known: CitizenContact, since: int, day: DayOf) -> bool:
    return known.withdrawn_at is None and (_is_open(known, since, day) or day(_last_at(known)) >= since)


def _is_needed(known: CitizenContact, since: int, context: int, day: DayOf) -> bool:
    return day(_last_at(known)) >= context or _is_open(known, since, day)


def is_empty(row: Citizen) -> bool:
    """Return whether the row has neither contacts nor an overflow, so that it can be deleted."""
    return not row.contacts and row.overflow_at is None


# ------------------------------------------------------------------------------------------------------------------ bytes
_codec: Final = Codec(Citizen)
encode: Final = _codec.encode


def decode(value: bytes) -> Citizen:
    """Return the decoded row. Values that rows have in common are shared objects, which saves memory.

    Raises `rows.UnknownRowVersion` for a row of another version, and `msgspec.DecodeError` for any other value.
    """
    row = _codec.decode(value)
    row.terms = _share(row.terms)
    for known in row.contacts:
        known.channel, known.service = sys.intern(known.channel), sys.intern(known.service)
    return row


@lru_cache(64)
def _share(terms: RecontactTerms) -> RecontactTerms:
    return terms
