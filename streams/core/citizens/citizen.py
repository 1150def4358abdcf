"""One citizen: what the contacts of the last weeks add up to, whatever the channel.

A row holds evidence of each contact, which only grows, so the same entries give the same row in any order and however often
they come. What it contributes to figures is a function of the row, counted by civil day, week and four weeks. A citizen is a
pseudonym, the strongest that a contact tells: links between pseudonyms are not used, so that no merge rewrites what was counted.
Nor does an erasure: what was counted stays, though the contact leaves the row.

How things are counted, within one service, which stands for the matter:

* Handled: an agent ended it, or an answer or a decision did. Who gave up or was turned away was not.
* Recontact: after a contact was handled the citizen begins another one, other than an appointment, by the end of the Nth day
  after. `recontact_rate = followed / handled`.
* First-contact resolution: handled, not followed by a recontact, itself none, and not avoidable. What is handled at first
  contact is resolved, followed, or pending until the N days are over: `fcr_no_recontact = resolved / (resolved + followed)`.
* Avoidable: who calls, comes or writes while a letter, form or e-mail of theirs has had no response, or calls or comes within
  N days after an appointment that they missed. A call after one that was given up is told apart.
* Channel hopping: on which channel the next contact is, if it begins within N days after this one began.

First-contact resolution by the absence of a contact about the same issue within seven days: callcentrehelper.com, "First Call
(Contact) Resolution"; others go by surveys or by agents' word, so the formula has its name.

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
from streams.core.contacts.event_order import TYPE_INDEX, note, read, time_of_order
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
"""Who has more of them in some weeks is no one citizen: a switchboard, a social worker, a hostel. Nothing is counted of it."""
LONGEST_OPEN_DAYS: Final = 400
"""A matter that is open for longer is not waited for any more."""


class RecontactTerms(NamedTuple):
    """How is counted."""

    recontact_days: int = 7
    """So many days after a contact another one is a recontact."""
    zone: str = "Europe/Paris"
    """Whose civil days are counted by."""


class Known(Row):
    """What is known of one contact. Never changed once it is part of a row."""

    fingerprint: bytes
    """Stands for its contact id."""
    channel: str = ""
    service: str = ""
    service_order: int = -1
    """The last turn that told the service."""
    began_at: int | None = None
    responded_at: int | None = None
    """When somebody first told the citizen something of substance."""
    event_order: int = -1
    """The last one: when it last changed hands, and by which event."""
    withdrawn_at: int | None = None
    """When it became another citizen's: it counts nothing here, unless it comes back."""
    is_first: bool | None = None
    """Whether it was at first contact, once what was before it is not kept any more."""
    moved: AssignedSector | None = None
    """By what its last move was settled; None: none is known, or of an earlier release."""


class Citizen(Row, tag=1):
    """One citizen, or one contact of which no identity is known. The tag is the version of the layout."""

    terms: RecontactTerms
    """By which it was counted."""
    counted_from: int
    """First day of what may still change in the figures; what was counted of days before stands."""
    is_known: bool
    """Whether there is an identity."""
    contacts: tuple[Known, ...] = ()
    """By mark."""
    overflow_at: int | None = None
    """Latest time of anything told of it, if there are more contacts than one citizen has: they are not kept."""


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
_GIVEN_UP: Final = "call.abandoned"
_MISSED: Final = "appointment.missed"
_ENDS: Final = frozenset(
    {kind for kind, state in STATE_AFTER_EVENT.items() if state is ContactState.CLOSED}
    | {*_HANDLED, _GIVEN_UP, "call.left_queue", "visit.left"}
)
COUNTED_TYPES: Final = REATTRIBUTION_TYPES.union(TYPE_INDEX)
"""Types of entries that say something here."""


def add(row: Citizen, entry: Entry, at: int) -> Citizen:
    """Return `row` with what `entry` tells, of the time `at`: a new row, or `row` itself if that was known."""
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
            told = _learn(known, entry, at)
            if told is known:
                return row
            contacts = (*contacts[:index], told, *contacts[index + 1 :])
            break
    else:
        fresh = Known(own)
        told = _learn(fresh, entry, at)
        if told is fresh:
            return row
        contacts = (*contacts, told)
        if len(contacts) > 1:
            contacts = tuple(sorted(contacts, key=_by_mark))
    after = row.__copy__()
    after.contacts = contacts
    if len(contacts) > MAX_CONTACTS:
        after.contacts, after.overflow_at = (), max(at, *(_last_at(known) for known in contacts))
    return after


def _learn(known: Known, entry: Entry, at: int) -> Known:
    after = known.__copy__()
    if entry.type != WITHDRAWN:
        after.channel = entry.channel.value
    if isinstance(entry, Reattribution):
        _settle(after, entry, at)
        for one in entry.told:
            _note(after, *one)
    else:
        _note(after, entry.type, at, entry.service)
    return known if after == known else after


def _settle(known: Known, move: Reattribution, at: int) -> None:
    """Note whose it is, of which the last move decides: of one sector's none leads back, so there the withdrawal is it."""
    last = known.moved or UNASSIGNED_SECTOR
    is_gone = move.type == WITHDRAWN
    if move.assigned_sector < last:
        known.moved, known.withdrawn_at = move.assigned_sector, at if is_gone else None
    elif move.assigned_sector == last and is_gone:
        known.withdrawn_at = max(at, known.withdrawn_at or at)


def _note(known: Known, kind: str, at: int, service: str) -> None:
    if not note(known, kind, at, service):
        return
    if kind in _BEGINNINGS and (known.began_at is None or at < known.began_at):
        known.began_at = at
    if kind in _RESPONSES and (known.responded_at is None or at < known.responded_at):
        known.responded_at = at


def _by_mark(known: Known) -> bytes:
    return known.fingerprint


def _last_at(known: Known) -> int:
    return max(time_of_order(known.event_order), known.withdrawn_at or 0)


# ------------------------------------------------------------------------------------------------------------------ facts
Fact = tuple[int, str | None, int]
"""The day, the service (None: all of them), and the index in `layouts.CITIZENS` of what is counted."""

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
    """Return what tells the civil day of a time. All offsets in use are whole quarters of an hour."""
    place = ZoneInfo(zone)

    @lru_cache(20_000)
    def of_quarter(quarter: int) -> int:
        return datetime.fromtimestamp(quarter * 900, UTC).astimezone(place).toordinal()

    return lambda at: of_quarter(at // _QUARTER_MS)


class _Course(NamedTuple):
    """A contact as it went."""

    began_at: int
    fingerprint: bytes
    channel: str
    began_on: int
    ended_at: int
    """When it came to where it is."""
    ended_on: int
    end: str
    """By which type of event it did."""
    responded_at: int | None
    is_first: bool | None


def facts(row: Citizen) -> list[Fact]:
    """Return what a row contributes to the figures of `counted_from` and later; the same fact as often as it counts."""
    courses = _courses(row)
    told: list[Fact] = []
    if not row.is_known:
        told = [(one.began_on, service, _UNIDENTIFIED[one.channel]) for service, own in courses.items() for one in own]
    else:
        days = {one.began_on for own in courses.values() for one in own}
        told += [(on, None, _ACTIVE) for on in days]
        for service, own in courses.items():
            told += _facts_of_service(service, own, row.terms.recontact_days)
    return [fact for fact in told if fact[0] >= row.counted_from]


def _courses(row: Citizen) -> dict[str, list[_Course]]:
    """Return how the contacts went, by service."""
    day = day_of(row.terms.zone)
    courses: dict[str, list[_Course]] = {}
    for known in row.contacts:
        if known.began_at is not None and known.withdrawn_at is None:
            courses.setdefault(known.service, []).append(_follow(known, day))
    return courses


def _follow(known: Known, day: DayOf) -> _Course:
    assert known.began_at is not None
    at, kind = read(known.event_order)
    began_on, ended_on = day(known.began_at), day(at)
    return _Course(
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


def _facts_of_service(service: str, own: list[_Course], within: int) -> Iterator[Fact]:
    if len(own) == 1:
        yield own[0].began_on, service, _ACTIVE
    else:
        own.sort()
        for on in {one.began_on for one in own}:
            yield on, service, _ACTIVE
    for index, one in enumerate(own):
        earlier, later = own[:index], own[index + 1 :]
        reason = _find_reason(one, earlier, within)
        yield one.began_on, service, _BEGAN[one.channel, reason]
        is_hop = bool(earlier) and one.began_on - earlier[-1].began_on <= within
        yield one.began_on, service, _HOP[earlier[-1].channel if is_hop else NO_PREVIOUS_CHANNEL, one.channel]
        if one.end in _HANDLED:
            is_first = _is_first(one, earlier, reason, within)
            followed = any(next_.channel != Channel.APPOINTMENT and _came_within(next_, one, within) for next_ in later)
            yield one.ended_on, service, _HANDLED_AS[one.channel, is_first, followed]


def _is_first(one: _Course, earlier: Sequence[_Course], reason: str, within: int) -> bool:
    if one.is_first is not None:
        return one.is_first
    again = any(former.end in _HANDLED and _came_within(one, former, within) for former in earlier)
    return reason == OTHER_REASON and not again


def _came_within(one: _Course, former: _Course, within: int) -> bool:
    """Return whether `one` began after `former` had ended, and at the latest so many days after that day."""
    return one.began_at > former.ended_at and one.began_on - former.ended_on <= within


def _find_reason(one: _Course, earlier: Sequence[_Course], within: int) -> str:
    """Return why a contact would not have been needed: the first of `layouts.REASONS` that applies."""
    if not earlier:
        return OTHER_REASON
    for reason in RECONTACT_REASONS.get(one.channel, ()):
        if any(_REASONS[reason](one, former, earlier[-1], within) for former in earlier):
            return reason
    return OTHER_REASON


_Reason = Callable[[_Course, _Course, _Course, int], bool]
"""Whether a contact came because of a former one; the last one before it is given too."""


def _unanswered(channel: Channel) -> _Reason:
    def applies(one: _Course, former: _Course, _last: _Course, _within: int) -> bool:
        return former.channel == channel and (former.responded_at is None or former.responded_at > one.began_at)

    return applies


_REASONS: Final[dict[str, _Reason]] = {
    "letter_unanswered": _unanswered(Channel.MAIL),
    "form_unanswered": _unanswered(Channel.FORM),
    "email_unanswered": _unanswered(Channel.EMAIL),
    "no_show": lambda one, former, _, within: former.end == _MISSED and _came_within(one, former, within),
    "abandoned": lambda one, former, last, within: (
        former.end == _GIVEN_UP and last.began_at <= former.ended_at and _came_within(one, former, within)
    ),
}


def has_same_facts(before: Citizen, after: Citizen) -> bool:
    """Return whether it is plain that both contribute the same: what they know more says only who was at it."""
    return (
        len(before.contacts) == len(after.contacts)
        and before.terms == after.terms
        and all(
            one is other or _ends_alike(one, other) for one, other in zip(before.contacts, after.contacts, strict=True)
        )
    )


def _ends_alike(one: Known, other: Known) -> bool:
    return (
        one.fingerprint == other.fingerprint
        and one.began_at == other.began_at
        and one.service == other.service
        and one.responded_at == other.responded_at
        and one.withdrawn_at == other.withdrawn_at
        and (
            one.event_order == other.event_order
            or not (read(one.event_order)[1] in _ENDS or read(other.event_order)[1] in _ENDS)
        )
    )


# ------------------------------------------------------------------------------------------------------------ what is kept
MAX_LATE_DAYS: Final = 7
"""What is told so long after the end of four weeks, and of the days in which a recontact is one, still counts there."""


def close(row: Citizen, day: int) -> Citizen:
    """Return `row` as it counts the days after `day` only: what was counted until then stands."""
    after = row.__copy__()
    after.counted_from = max(row.counted_from, day + 1)
    return after


def erase(row: Citizen, erased: Container[bytes]) -> Citizen:
    """Return `row` without the contacts that have these marks; `row` itself if it has none of them.

    What it then contributes is less: it is to be closed first, or figures would tell whose contacts were erased.
    """
    kept = tuple(known for known in row.contacts if known.fingerprint not in erased)
    if len(kept) == len(row.contacts):
        return row
    after = row.__copy__()
    after.contacts = kept
    return after


def forget(row: Citizen, since: int) -> Citizen:
    """Return `row` as it counts days from `since` on, without what changes no figure of them; `row` itself if it is that."""
    day, within = day_of(row.terms.zone), row.terms.recontact_days
    if (
        since == row.counted_from
        and row.overflow_at is None
        and all(day(_last_at(one)) >= since for one in row.contacts)
    ):
        return row
    if row.overflow_at is not None:
        kept: tuple[Known, ...] = ()
        overflow_at = row.overflow_at if day(row.overflow_at) >= since else None
    else:
        overflow_at = None
        # What is yet to end is judged by what came before it began: at once, if that is not to be kept for so long.
        began = {
            known.fingerprint: day(known.began_at)
            for known in row.contacts
            if known.began_at is not None and _is_ahead(known, since, day)
        }
        row = _judge(row, {own for own, on in began.items() if on < since - MAX_LATE_DAYS})
        context = max(min([since, *began.values()]), since - MAX_LATE_DAYS) - within
        kept = tuple(known for known in row.contacts if _matters(known, since, context, day))
    if len(kept) == len(row.contacts) and overflow_at == row.overflow_at and since == row.counted_from:
        return row
    after = row.__copy__()
    after.counted_from, after.contacts, after.overflow_at = since, kept, overflow_at
    return after


def _judge(row: Citizen, marks: Container[bytes]) -> Citizen:
    """Return `row` with it noted of the contacts with these marks whether they were first; `row` itself if that is known."""
    to_judge = [known for known in row.contacts if known.fingerprint in marks and known.is_first is None]
    if not to_judge:
        return row
    courses, within, judged = _courses(row), row.terms.recontact_days, dict[bytes, Known]()
    for known in to_judge:
        own = sorted(courses[known.service])
        place = next(index for index, one in enumerate(own) if one.fingerprint == known.fingerprint)
        one, earlier = own[place], own[:place]
        judged[known.fingerprint] = told = known.__copy__()
        told.is_first = _is_first(one, earlier, _find_reason(one, earlier, within), within)
    after = row.__copy__()
    after.contacts = tuple(judged.get(known.fingerprint, known) for known in row.contacts)
    return after


def _is_open(known: Known, since: int, day: DayOf) -> bool:
    """Return whether a matter or an appointment is still to end, and was not forgotten."""
    if known.event_order < 0 or known.withdrawn_at is not None:
        return False
    _, kind = read(known.event_order)
    return kind in STATE_AFTER_EVENT and kind not in _ENDS and day(_last_at(known)) >= since - LONGEST_OPEN_DAYS


def _is_ahead(known: Known, since: int, day: DayOf) -> bool:
    return known.withdrawn_at is None and (_is_open(known, since, day) or day(_last_at(known)) >= since)


def _matters(known: Known, since: int, context: int, day: DayOf) -> bool:
    return day(_last_at(known)) >= context or _is_open(known, since, day)


def is_empty(row: Citizen) -> bool:
    """Return whether nothing is left that the row would be kept for."""
    return not row.contacts and row.overflow_at is None


# ------------------------------------------------------------------------------------------------------------------ bytes
_codec: Final = Codec(Citizen)
encode: Final = _codec.encode


def decode(value: bytes) -> Citizen:
    """Return the row of `encode`; what many rows have in common is one object for all of them.

    Raises `rows.UnknownVersion` for a row of another version, and `msgspec.DecodeError` for what is no row at all.
    """
    row = _codec.decode(value)
    row.terms = _share(row.terms)
    for known in row.contacts:
        known.channel, known.service = sys.intern(known.channel), sys.intern(known.service)
    return row


@lru_cache(64)
def _share(terms: RecontactTerms) -> RecontactTerms:
    return terms
