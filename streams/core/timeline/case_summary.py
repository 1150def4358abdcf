"""How a contact stands, by its timeline entries: what a citizen's matters are, the open ones first.

All times are milliseconds since 1970 UTC.
"""

from collections import deque
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple, get_args

from models.events import Event
from models.sla import SLA_SOURCE
from models.timestamps import milliseconds
from models.topics import Channel
from streams.core.contacts.case_event import ContactState
from streams.core.sla.clock_changes import ClockChangeKind
from streams.core.sla.open_targets import SlaTarget, TargetStatus

ASSUMED_ENDED_MS: Final = 12 * 3_600_000
"""A call or visit of which nothing was heard for so long is over: its source does not tell every end."""
_ENDED_UNSAID: Final = frozenset({Channel.CALL.value, Channel.VISIT.value, Channel.FEEDBACK.value})
_GIVEN: Final = "feedback.given"
_BOOKED: Final = frozenset({"appointment.booked", "appointment.moved"})
_ARRIVED: Final = frozenset({"letter.arrived"})
_PROMISE: Final = "sla."

_TURN: Final = {kind.model_fields["type"].default: turn for turn, kind in enumerate(get_args(get_args(Event)[0]))}
PASSED_ON: Final = "passed_on"
"""Outcome of what another service has now, for who is shown only what concerns some."""

FindTargets = Callable[[Collection[str]], Mapping[str, Iterable[SlaTarget]]]
"""Returns, of these contacts, what is promised to them and still to be kept."""
FindPassedOn = Callable[[Collection[str]], Collection[str]]
"""Returns which of these contacts other services have now than those whose entries are given."""


class Verdict(NamedTuple):
    """What became of something that was promised."""

    policy: str
    clock: str
    state: str
    """`met`, `breached` or `cancelled`."""
    at: int


class OpenTarget(NamedTuple):
    """What is promised and still to be kept."""

    policy: str
    clock: str
    state: TargetStatus
    due_at: int | None
    """None while the citizen has to act."""
    at_risk_at: int | None


class Summary(NamedTuple):
    """One contact, as its entries tell it."""

    contact: str
    channel: str
    site: str
    service: str
    state: str
    outcome: str
    """Empty while that is open; `PASSED_ON` if others have it now."""
    is_open: bool
    """Whether the service or the citizen still has to act."""
    since: int
    """When the first of the entries happened."""
    last_at: int
    promises: tuple[Verdict, ...]
    """In order; of each clock what was told last, but what was broken stays so, though it was done in the end."""
    due: tuple[OpenTarget, ...]
    """The next deadline first, then those of which none is known while the citizen has to act."""
    opinions: int
    """How many were given of it."""
    entries: int
    starts_at: int | None
    """Of an appointment: when it is; None if that was not told."""
    admitted_at: int | None
    """Of a letter that was scanned later than it came: when it came."""
    scores: tuple[str, ...]
    """The opinions that were told, `<scale>:<score>`, in order."""


def _find_nothing(_: Collection[str]) -> Mapping[str, Iterable[SlaTarget]]:
    return {}


def _sift_nothing(_: Collection[str]) -> Collection[str]:
    return ()


def summarise(
    entries: Iterable[Mapping[str, Any]],
    now: int,
    find: FindTargets = _find_nothing,
    sift: FindPassedOn = _sift_nothing,
) -> list[Summary]:
    """Return the contacts of these entries, whatever their order; `sift` and then `find` are asked once, for the open ones.

    Open ones first, of these the ones that are late by a promise; then those of which was heard last.
    """
    by_contact: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        by_contact.setdefault(entry["contact"], []).append(entry)
    summaries = [_sum_up(contact, sort_entries(told), now) for contact, told in by_contact.items()]
    if is_open := [one.contact for one in summaries if one.is_open]:
        elsewhere = sift(is_open)
        summaries = [one._replace(**_ELSEWHERE) if one.contact in elsewhere else one for one in summaries]
    if is_open := [one.contact for one in summaries if one.is_open]:
        found = find(is_open)
        summaries = [one._replace(due=_due(found.get(one.contact, ()), now)) for one in summaries]
    return sorted(summaries, key=_by_urgency)


_ELSEWHERE: Final[Mapping[str, Any]] = {"state": ContactState.CLOSED.value, "outcome": PASSED_ON, "is_open": False}


def _by_urgency(one: Summary) -> tuple[bool, bool, int, str]:
    is_late = one.is_open and (
        any(told.state == ClockChangeKind.BREACHED for told in one.promises)
        or any(due.state is TargetStatus.OVERDUE for due in one.due)
    )
    return not one.is_open, not is_late, -one.last_at, one.contact


def _sum_up(contact: str, told: Sequence[Mapping[str, Any]], now: int) -> Summary:
    """Sum up one contact; how it stands is told by what happened, not by a promise, which may be judged after the end."""
    happened = [entry for entry in told if entry["source"] != SLA_SOURCE] or told
    of_itself = [entry for entry in happened if entry["channel"] != Channel.FEEDBACK] or happened
    last, last_at = of_itself[-1], told[-1]["happened_at"]
    unsaid = last["channel"] in _ENDED_UNSAID and now - last_at > ASSUMED_ENDED_MS
    return Summary(
        contact,
        last["channel"],
        last["site"],
        last["service"],
        last["state"],
        last["outcome"],
        last["state"] != ContactState.CLOSED and not unsaid,
        told[0]["happened_at"],
        last_at,
        _verdicts(told),
        (),
        sum(entry["type"] == _GIVEN for entry in told),
        len(told),
        _tell_time(told, _BOOKED),
        _tell_time(told, _ARRIVED),
        tuple(entry["detail"] for entry in told if entry["type"] == _GIVEN and entry["detail"]),
    )


def _tell_time(told: Sequence[Mapping[str, Any]], kinds: Container[str]) -> int | None:
    """Return the time that is the detail of the last of these entries of one of `kinds`; None if none has one."""
    times = [entry["detail"] for entry in told if entry["type"] in kinds and entry["detail"]]
    return milliseconds(datetime.fromisoformat(times[-1])) if times else None


def _due(promises: Iterable[SlaTarget], now: int) -> tuple[OpenTarget, ...]:
    due = (OpenTarget(one.policy, one.clock, one.status(now), one.due_at, one.at_risk_at) for one in promises)
    return tuple(sorted(due, key=_by_deadline))


def _by_deadline(due: OpenTarget) -> tuple[bool, int, str, str]:
    return due.due_at is None, due.due_at or 0, due.clock, due.policy


def _verdicts(told: Iterable[Mapping[str, Any]]) -> tuple[Verdict, ...]:
    latest: dict[str, Verdict] = {}
    for entry in told:
        if entry["type"].startswith(_PROMISE):
            policy, _, clock = entry["detail"].rpartition(":")
            told_now = Verdict(policy, clock, entry["type"].removeprefix(_PROMISE), entry["happened_at"])
            known = latest.setdefault(entry["detail"], told_now)
            if known.state != ClockChangeKind.BREACHED:
                latest[entry["detail"]] = told_now
    return tuple(latest.values())


def sort_entries(entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return entries by time, then as things of a channel happen one after the other, then promises.

    A switchboard may tell whole seconds: a call that left a queue and came into the next within one has left before it came.
    """
    told = sorted(entries, key=entry_order)
    before: dict[str, Mapping[str, Any]] = {}
    tied = set[str]()
    for entry in told:
        if entry["channel"] == Channel.CALL:
            last = before.get(entry["contact"], _NOTHING)
            if last["happened_at"] == entry["happened_at"] and _CALLS.keys() >= {last["type"], entry["type"]}:
                tied.add(entry["contact"])
            before[entry["contact"]] = entry
    places: dict[str, list[int]] = {contact: [] for contact in tied}
    for place, entry in enumerate(told if tied else ()):
        if entry["contact"] in tied and entry["type"] in _CALLS:
            places[entry["contact"]].append(place)
    for own in places.values():
        for place, entry in zip(own, _follow([told[place] for place in own]), strict=True):
            told[place] = entry
    return told


class _At(IntEnum):
    """Where a call is."""

    NOWHERE = 0
    QUEUE = 1
    AGENT = 2


_CALLS: Final = {
    "call.queued": (_At.NOWHERE, _At.QUEUE),
    "call.answered": (_At.QUEUE, _At.AGENT),
    "call.abandoned": (_At.QUEUE, _At.NOWHERE),
    "call.left_queue": (_At.QUEUE, _At.NOWHERE),
    "call.transferred": (_At.AGENT, _At.NOWHERE),
    "call.ended": (_At.AGENT, _At.NOWHERE),
}
"""Type → from where to where a call goes by it."""
_NOTHING: Final[Mapping[str, Any]] = {"happened_at": None, "type": ""}


def _follow(told: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield what is told of a call, in order: of what happened at once what can come next, and leads to where the rest begins."""
    place = _At.NOWHERE
    for _, at_once in groupby(told, key=itemgetter("happened_at")):
        left: dict[str, deque[tuple[int, Mapping[str, Any]]]] = {}
        for number, entry in enumerate(at_once):
            left.setdefault(entry["type"], deque()).append((number, entry))
        while left:
            here = [kind for kind in left if _CALLS[kind][0] is place] or [*left]
            starts = {_CALLS[kind][0] for kind in left}
            leading = [kind for kind in here if _CALLS[kind][1] in starts] or here
            kind = min(leading, key=lambda one: left[one][0][0])
            _, entry = left[kind].popleft()
            if not left[kind]:
                del left[kind]
            place = _CALLS[kind][1]
            yield entry


def entry_order(entry: Mapping[str, Any]) -> tuple[int, int, str]:
    """Return by what to sort entries of which each contact has one at a time, as `put_in_order` does."""
    return entry["happened_at"], _TURN.get(entry["type"], len(_TURN)), entry["id"]
