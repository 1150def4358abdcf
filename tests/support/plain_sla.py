"""Independent computation of the SLA targets of a simulated month and their results.

It uses the facts of the month, the SLA file and the plain calendar, but no code of policies, calendars or SLA clocks.
"""

import math
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import accumulate
from typing import Any, Final, NamedTuple

from connectors.simulator.actions import ActionKind
from connectors.simulator.case_tallies import DimensionKey
from connectors.simulator.office_hours import midnight
from tests.support.expected_history import CLOSES, GOES_ON, SlaItem
from tests.support.plain_calendar import MINUTE, PlainCalendar, TooShortError
from tests.support.simulated_workers import milliseconds

QUEUE_CHANNELS: Final = ("call", "visit")
WRITTEN_CHANNELS: Final = ("mail", "email", "form")
QUEUE_REPORT_DELAY_MS: Final = 1_500
WRITTEN_REPORT_DELAY_MS: Final = 90_000
"""Delay within which sources report events, in milliseconds; no deadline counts as passed earlier (`worker.news_seconds`)."""
TIME_UNITS: Final = ("elapsed", "opening_hours")
"""Units with a target in seconds."""

Spans = tuple[tuple[int, int | None], ...]
"""Start and end in milliseconds since 1970; end None if it continues."""

_ACKNOWLEDGES: Final = frozenset(
    {ActionKind.LETTER_ACKNOWLEDGED, ActionKind.EMAIL_ACKNOWLEDGED, ActionKind.FORM_TAKEN_UP}
)
_ANSWERS: Final = frozenset({ActionKind.LETTER_ANSWERED, ActionKind.EMAIL_ANSWERED, ActionKind.FORM_DECIDED})
_RESPONDS: Final = _ANSWERS | {ActionKind.CORRECTION_REQUESTED}
_STATE_AFTER: Final = {**dict.fromkeys(CLOSES, "closed"), **GOES_ON}


class PlainSlaTarget(NamedTuple):
    """One SLA target of a contact, as of a moment."""

    policy: str
    kind: str
    place: DimensionKey
    contact: str
    calendar: str
    unit: str
    started_at: int
    deadline_at: int | None
    """None while paused before the deadline is known."""
    at_risk_at: int | None
    ended_at: int | None
    is_completed: bool
    """Of an ended target: whether it was completed, in time or not. Otherwise the contact no longer waits."""
    known_until: int
    """Time up to which actions are known."""
    worked_ms: int | None
    """Opening hours from start to end, of completed targets on written channels."""

    @property
    def is_open(self) -> bool:
        """Whether the target can still be met."""
        return self.ended_at is None

    @property
    def is_breached(self) -> bool:
        """Whether the deadline passed before the end, or has passed so far."""
        until = self.known_until if self.ended_at is None else self.ended_at
        return self.deadline_at is not None and self.deadline_at < until

    @property
    def state(self) -> str:
        """State of the target; of an open one, the label in `contact_sla_open_items`."""
        if self.is_open:
            if self.deadline_at is None:
                return "paused"
            if self.is_breached:
                return "overdue"
            return "at_risk" if self.at_risk_at is not None and self.at_risk_at < self.known_until else "running"
        if self.is_completed:
            return "late" if self.is_breached else "met"
        return "cancelled_late" if self.is_breached else "cancelled"

    @property
    def is_due(self) -> bool:
        """Whether it has a future deadline, as far as known."""
        return self.state in ("running", "at_risk")


class PlainSlaFile:
    """An SLA file with its calendars, minute by minute for some days from the day before `first`."""

    def __init__(self, text: str, first: date, days: int) -> None:
        file = tomllib.loads(text)
        self.calendars = {name: PlainCalendar(table, first, days) for name, table in file["calendars"].items()}
        self._opened = {name: [0, *accumulate(calendar.open)] for name, calendar in self.calendars.items()}
        """Calendar → how many minutes it was open before each."""
        self.versions: Sequence[dict[str, Any]] = file["policy"]
        self.names = tuple(dict.fromkeys(version["name"] for version in self.versions))

    def in_force(self, at: int, open_until: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the version of each policy for contacts that arrived at `at` and waited until then, in the order of the
        file.
        """
        for name in self.names:
            own = sorted((version for version in self.versions if version["name"] == name), key=_begins)
            begun = [
                version
                for version in own
                if _begins(version) <= at or (version.get("open_contacts") and _begins(version) <= (open_until or at))
            ]
            yield from begun[-1:]

    def find(self, place: DimensionKey, at: int, open_until: int | None = None) -> dict[str, Any] | None:
        """Return the first of these versions that applies to `place`; None if none does."""
        return next((version for version in self.in_force(at, open_until) if applies_to(version, place)), None)

    def sla_targets(self, sla_items: Iterable[SlaItem], now: datetime) -> list[PlainSlaTarget]:
        """Return all SLA targets of the items, as of `now`."""
        return [target for item in sla_items for target in self._targets(item, milliseconds(now))]

    def opened_ms(self, calendar: str, begin: int, end: int) -> int:
        """Return the opening hours within a span."""
        return self._opened_before(calendar, end) - self._opened_before(calendar, begin)

    def _opened_before(self, calendar: str, at: int) -> int:
        minute, rest = divmod(at - self.calendars[calendar].begin, MINUTE)
        assert minute >= 0, "before the known days"
        return self._opened[calendar][minute] * MINUTE + self.calendars[calendar].open[minute] * rest

    def working_time(self, calendar: str, begin: int, end: int) -> dict[str, int]:
        """Return the working time within a span: whole working days, and seconds to the minute.

        A span that begins at midnight begins with the day that ends then.
        """
        days = self.calendars[calendar].between(begin - 1, end, "working_days")
        return {"days": days, "seconds": self.opened_ms(calendar, begin, end) // MINUTE * 60}

    def _targets(self, item: SlaItem, now: int) -> Iterator[PlainSlaTarget]:
        started_at = milliseconds(item.came_at)
        closed = _spans(item, "closed")
        idle = _spans(item, "closed", "pending_citizen")
        for kind, ended_at, is_completed in _ends(item, closed):
            version = self.find(item.place, started_at, ended_at or now)
            rule = version and version["clocks"].get(kind)
            if not version or not rule:
                continue
            stands_still = idle if "pending_citizen" in rule.get("pause", ["pending_citizen"]) else closed
            pauses = [(begin, end) for begin, end in stands_still if ended_at is None or begin < ended_at]
            name = rule.get("calendar") or version["calendar"]
            calendar, is_queued = self.calendars[name], item.place[0] in QUEUE_CHANNELS
            deadline_at, at_risk_at = _deadline(rule, calendar, started_at, pauses)
            worked_ms = None
            if is_completed and ended_at is not None and not is_queued:
                worked_ms = self.opened_ms(name, started_at, ended_at)
            yield PlainSlaTarget(
                policy=version["name"],
                kind=kind,
                place=item.place,
                contact=item.contact,
                calendar=name,
                unit=rule["unit"],
                started_at=started_at,
                deadline_at=deadline_at,
                at_risk_at=at_risk_at,
                ended_at=ended_at,
                is_completed=is_completed,
                known_until=now - (QUEUE_REPORT_DELAY_MS if is_queued else WRITTEN_REPORT_DELAY_MS),
                worked_ms=worked_ms,
            )


def clock_kinds_at(version: dict[str, Any], place: DimensionKey) -> list[str]:
    """Return the clocks of a version that apply to a place: `answer` for queues, all others for written channels."""
    return [kind for kind in version["clocks"] if (kind == "answer") == (place[0] in QUEUE_CHANNELS)]


def applies_to(version: dict[str, Any], place: DimensionKey) -> bool:
    """Return whether a version applies to contacts at a place."""
    dimensions = dict(zip(("channel", "site", "service", "reason"), place, strict=True))
    match = version.get("match", {})
    return all(dimensions[name] in ([value] if isinstance(value, str) else value) for name, value in match.items())


def _begins(version: dict[str, Any]) -> int:
    return milliseconds(midnight(version["from"])) if "from" in version else 0


def _ends(item: SlaItem, closed: Spans) -> Iterator[tuple[str, int | None, bool]]:
    """Yield each kind of possible target, the time of its end (None: not yet), and whether it was completed then."""
    if item.place[0] in QUEUE_CHANNELS:
        at, how = item.steps[0] if item.steps else (None, "")
        yield "answer", at and milliseconds(at), how == "answered"
        return

    def first(action_kinds: frozenset[ActionKind]) -> int | None:
        return min((milliseconds(at) for at, kind in item.steps if kind in action_kinds), default=None)

    closed_at = closed[-1][0] if closed and closed[-1][1] is None else None
    responded_at = _earliest(first(_RESPONDS), closed_at)
    for kind, at in (
        ("acknowledge", _earliest(first(_ACKNOWLEDGES), responded_at)),
        ("first_response", responded_at),
        ("announced", _earliest(first(_ANSWERS), closed_at)),
        ("resolution", closed_at),
    ):
        yield kind, at, at is not None


def _earliest(*times: int | None) -> int | None:
    return min((at for at in times if at is not None), default=None)


def _spans(item: SlaItem, *states: str) -> Spans:
    """Return the spans in which a case was in one of these states; a state re-entered immediately counts as one span."""
    found: list[tuple[int, int | None]] = []
    for time, kind in item.steps:
        state, at = (
            _STATE_AFTER.get(ActionKind(kind)) if item.place[0] in WRITTEN_CHANNELS else None,
            milliseconds(time),
        )
        if state is None:
            continue
        is_lasting = bool(found) and found[-1][1] is None
        if state in states and not is_lasting:
            found.append((at, None))
        elif state not in states and is_lasting:
            begin, _ = found.pop()
            found += [(begin, at)] if begin < at else []
    return tuple(found)


def _deadline(
    rule: dict[str, Any], calendar: PlainCalendar, started_at: int, pauses: Sequence[tuple[int, int | None]]
) -> tuple[int | None, int | None]:
    """Return the deadline, and the time from which it is at risk: after a share of the target, or in the last part of days."""
    target, unit, roll, share = rule["target"], rule["unit"], rule.get("roll", False), rule.get("at_risk", 0.8)
    if unit in TIME_UNITS:
        parts = (target * 1000, math.ceil(target * 1000 * share))
        at, risk_at = (calendar.deadline(started_at, part, unit, pauses)[0] for part in parts)
        return at, risk_at
    at, _ = calendar.deadline(started_at, target, unit, pauses, roll=roll)
    whole, _ = calendar.deadline(started_at, target, unit, [], roll=roll)
    assert whole is not None  # no pause applies
    return at, None if at is None else at - round((whole - started_at) * (1 - share))


def next_change(calendar: PlainCalendar, at: int) -> int | None:
    """Return when the calendar next opens or closes; None if not within the known days."""
    try:
        return calendar.next_change(at)[0]
    except TooShortError:
        return None
