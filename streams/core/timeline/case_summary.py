"""Summaries of a citizen's contacts, made from their timeline entries, the open contacts first.

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
"""Time after the last entry at which an open call, visit or opinion counts as ended, in milliseconds. Sources do not report every
end."""
ENDS_NOT_REPORTED: Final = frozenset({Channel.CALL.value, Channel.VISIT.value, Channel.FEEDBACK.value})
"""Channels whose sources do not report every end. A contact without entries for `ASSUMED_ENDED_MS` counts as ended."""
_GIVEN: Final = "feedback.given"
_BOOKED: Final = frozenset({"appointment.booked", "appointment.moved"})
_ARRIVED: Final = frozenset({"letter.arrived"})
_SLA_PREFIX: Final = "sla."

_TYPE_RANK: Final = {kind.model_fields["type"].default: rank for rank, kind in enumerate(get_args(get_args(Event)[0]))}
PASSED_ON: Final = "passed_on"
"""Outcome of a contact that another service has now, for clients that see only the entries of some services."""

FindTargets = Callable[[Collection[str]], Mapping[str, Iterable[SlaTarget]]]
"""Function from contact ids to open SLA targets by contact id. Contacts may be left out."""
FindPassedOn = Callable[[Collection[str]], Collection[str]]
"""Function from contact ids to those contacts that another service has now, outside the given entries."""


class Verdict(NamedTuple):
    """Result of an SLA clock."""

    policy: str
    clock: str
    state: str
    """`met`, `breached` or `cancelled`."""
    at: int


class OpenTarget(NamedTuple):
    """An open SLA target."""

    policy: str
    clock: str
    state: TargetStatus
    due_at: int | None
    """The deadline; None as for `SlaTarget.due_at`."""
    at_risk_at: int | None


class Summary(NamedTuple):
    """Summary of one contact."""

    contact: str
    channel: str
    site: str
    service: str
    state: str
    outcome: str
    """Outcome in one word; empty while there is none. A call or visit in progress already has `answered`.

    `PASSED_ON` if another service has the contact now.
    """
    is_open: bool
    """True if the service or the citizen has to act; false for contacts closed, passed on, or assumed to have ended."""
    since: int
    """Time of the first entry."""
    last_at: int
    verdicts: tuple[Verdict, ...]
    """The latest result per policy and kind of SLA clock, in the order of their first results. A breach remains the result, even
    if the target was met later."""
    due: tuple[OpenTarget, ...]
    """Open SLA targets of an open contact, the next deadline first and those without a deadline last."""
    opinions: int
    """Number of opinions."""
    entries: int
    """Number of entries, including SLA entries and opinions."""
    starts_at: int | None
    """Start of an appointment; None for other contacts, or if it is unknown."""
    admitted_at: int | None
    """Receipt of a letter that was scanned later; else None."""
    scores: tuple[str, ...]
    """Opinions as `<scale>:<score>`, in the order of time."""


def summarise(
    entries: Iterable[Mapping[str, Any]],
    now: int,
    find: FindTargets = lambda _: {},
    find_passed_on: FindPassedOn = lambda _: (),
) -> list[Summary]:
    """Return the summaries of the contacts of these entries, which may be in any order.

    An entry maps the fields of `entries.Entry` to values; `happened_at` is in milliseconds. With the open contacts,
    `find_passed_on` and then `find` are called, at most once each. Open contacts come first, among them those with a breached
    or overdue SLA target; among equals, the latest last entry comes first.
    """
    by_contact: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        by_contact.setdefault(entry["contact"], []).append(entry)
    summaries = [_summarise_contact(contact, sort_entries(own), now) for contact, own in by_contact.items()]
    if is_open := [summary.contact for summary in summaries if summary.is_open]:
        passed_on = find_passed_on(is_open)
        summaries = [
            summary._replace(**_PASSED_ON) if summary.contact in passed_on else summary for summary in summaries
        ]
    if is_open := [summary.contact for summary in summaries if summary.is_open]:
        found = find(is_open)
        summaries = [summary._replace(due=_due(found.get(summary.contact, ()), now)) for summary in summaries]
    return sorted(summaries, key=_by_urgency)


_PASSED_ON: Final[Mapping[str, Any]] = {"state": ContactState.CLOSED.value, "outcome": PASSED_ON, "is_open": False}


def _by_urgency(summary: Summary) -> tuple[bool, bool, int, str]:
    is_late = summary.is_open and (
        any(verdict.state == ClockChangeKind.BREACHED for verdict in summary.verdicts)
        or any(due.state is TargetStatus.OVERDUE for due in summary.due)
    )
    return not summary.is_open, not is_late, -summary.last_at, summary.contact


def _summarise_contact(contact: str, entries: Sequence[Mapping[str, Any]], now: int) -> Summary:
    """Return the summary of one contact, given its sorted entries, with `due` left empty.

    SLA entries and opinions decide its state only if it has no other entries, as they may be written after its end.
    """
    events = [entry for entry in entries if entry["source"] != SLA_SOURCE] or entries
    own_events = [entry for entry in events if entry["channel"] != Channel.FEEDBACK] or events
    last, last_at = own_events[-1], entries[-1]["happened_at"]
    is_assumed_ended = last["channel"] in ENDS_NOT_REPORTED and now - last_at > ASSUMED_ENDED_MS
    return Summary(
        contact,
        last["channel"],
        last["site"],
        last["service"],
        last["state"],
        last["outcome"],
        last["state"] != ContactState.CLOSED and not is_assumed_ended,
        entries[0]["happened_at"],
        last_at,
        _verdicts(entries),
        (),
        sum(entry["type"] == _GIVEN for entry in entries),
        len(entries),
        _time_in_detail(entries, _BOOKED),
        _time_in_detail(entries, _ARRIVED),
        tuple(entry["detail"] for entry in entries if entry["type"] == _GIVEN and entry["detail"]),
    )


def _time_in_detail(entries: Sequence[Mapping[str, Any]], kinds: Container[str]) -> int | None:
    """Return the time in the detail of the last entry whose type is in `kinds` and that has a detail; None without one."""
    times = [entry["detail"] for entry in entries if entry["type"] in kinds and entry["detail"]]
    return milliseconds(datetime.fromisoformat(times[-1])) if times else None


def _due(targets: Iterable[SlaTarget], now: int) -> tuple[OpenTarget, ...]:
    due = (
        OpenTarget(target.policy, target.clock, target.status(now), target.due_at, target.at_risk_at)
        for target in targets
    )
    return tuple(sorted(due, key=_by_deadline))


def _by_deadline(due: OpenTarget) -> tuple[bool, int, str, str]:
    return due.due_at is None, due.due_at or 0, due.clock, due.policy


def _verdicts(entries: Iterable[Mapping[str, Any]]) -> tuple[Verdict, ...]:
    latest: dict[str, Verdict] = {}
    for entry in entries:
        if entry["type"].startswith(_SLA_PREFIX):
            policy, _, clock = entry["detail"].rpartition(":")
            verdict = Verdict(policy, clock, entry["type"].removeprefix(_SLA_PREFIX), entry["happened_at"])
            known = latest.setdefault(entry["detail"], verdict)
            if known.state != ClockChangeKind.BREACHED:
                latest[entry["detail"]] = verdict
    return tuple(latest.values())


def sort_entries(entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return entries sorted by time, then by the usual order of a channel's event types with SLA entries last, then by id.

    Some switchboards report whole seconds. Simultaneous entries of a call are therefore sorted so that the call leaves a queue
    before it enters the next one.
    """
    ordered = sorted(entries, key=entry_order)
    calls: dict[str, list[int]] = {}
    for position, entry in enumerate(ordered):
        if entry["type"] in _CALLS:
            calls.setdefault(entry["contact"], []).append(position)
    for positions in calls.values():
        own = [ordered[position] for position in positions]
        if len({entry["happened_at"] for entry in own}) < len(own):
            for position, entry in zip(positions, _sort_call(own), strict=True):
                ordered[position] = entry
    return ordered


class _At(IntEnum):
    """Location of a call."""

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
"""Event type → location of the call before and after it."""


def _sort_call(entries: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of a call with simultaneous ones in a possible order.

    The next entry starts at the call's current location and, if possible, leads to a location where another one starts.
    """
    location = _At.NOWHERE
    for _, simultaneous in groupby(entries, key=itemgetter("happened_at")):
        left: dict[str, deque[tuple[int, Mapping[str, Any]]]] = {}
        for number, entry in enumerate(simultaneous):
            left.setdefault(entry["type"], deque()).append((number, entry))
        while left:
            here = [kind for kind in left if _CALLS[kind][0] is location] or [*left]
            starts = {_CALLS[kind][0] for kind in left}
            leading = [kind for kind in here if _CALLS[kind][1] in starts] or here
            kind = min(leading, key=lambda candidate: left[candidate][0][0])
            _, entry = left[kind].popleft()
            if not left[kind]:
                del left[kind]
            location = _CALLS[kind][1]
            yield entry


def entry_order(entry: Mapping[str, Any]) -> tuple[int, int, str]:
    """Return a sort key: time, usual order of event types, id. `sort_entries` also reorders simultaneous entries of a call."""
    return entry["happened_at"], _TYPE_RANK.get(entry["type"], len(_TYPE_RANK)), entry["id"]
