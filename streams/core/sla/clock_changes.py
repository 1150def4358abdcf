"""Update of SLA clocks; decides their deadlines, and whether a target is at risk, met or breached.

The result of a clock is a function of evidence, policy and calendar. The clock stores the reported changes, so that each change
is reported once. When late events change the result, the differences are reported.

All times are milliseconds since 1970 UTC.
"""

import math
from collections.abc import Callable, Iterable
from enum import StrEnum
from operator import attrgetter, is_
from typing import NamedTuple

from models.calendars import BeyondCalendarError, Calendar, Unit
from models.calendars.compiled import TIME_UNITS
from models.policies import ClockKind, Policies, TargetTerms
from streams.core.sla.clock import ClockEnd, Pauses, SlaClock
from streams.core.sla.clock_intervals import ClockInterval


class ClockChangeKind(StrEnum):
    """Kinds of changes of an SLA clock."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    MOVED = "moved"
    """The deadline, or a time at risk already reported, changed: by a late event, or a change of policy or calendar."""
    AT_RISK = "at_risk"
    BREACHED = "breached"
    MET = "met"
    """The target was met, in time or late."""
    CANCELLED = "cancelled"
    """The target no longer applies."""


class ClockChange(NamedTuple):
    """One change of an SLA clock to report."""

    kind: ClockChangeKind
    at: int
    """Time at which the change took effect: the deadline for a breach, even if it is reported later. For `MOVED`, the time of the
    report."""
    clock: SlaClock
    """The clock after the change."""


def advance(
    known: tuple[SlaClock, ...],
    measured: Iterable[ClockInterval],
    policies: Policies,
    now: int,
    complete_until: int | None = None,
    *,
    renew: bool = False,
    had_ended: Callable[[ClockKind, int], bool] | None = None,
) -> tuple[tuple[SlaClock, ...], list[ClockChange]]:
    """Return a contact's clocks at `now`, given its clock intervals `measured`, and the changes to report, sorted by time.

    * Events are known only up to `complete_until`. Deadlines after it are not reported yet, as they may have been met.
    * A new clock that has already ended is not started if `had_ended` is true: it had no SLA target before its end.
    * The tuple `known` itself is returned if nothing changed.
    * A clock keeps its terms if no policy applies any more.
    * With `renew`, after a change of calendars, all deadlines of open clocks are recomputed; else only after other changes.
    * An ended clock ignores changes of policies and calendars, unless its interval changes.
    """
    if complete_until is None:
        complete_until = now
    by_name = {(clock.kind, clock.number): clock for clock in known}
    news: list[ClockChange] = []
    clocks: list[SlaClock] = []
    for clock_interval in measured:
        former = by_name.get((clock_interval.kind, clock_interval.number))
        if former is not None and _is_final(former, clock_interval):
            clocks.append(former)
            continue
        terms = _find_terms(former, clock_interval, policies, now)
        if terms is None:
            continue
        is_over = former is None and clock_interval.ended_at is not None
        if is_over and had_ended is not None and had_ended(clock_interval.kind, clock_interval.number):
            continue
        clock = _update_clock(former, clock_interval, terms, policies, renew=renew)
        clocks.append(_report_changes(former, clock, now, complete_until, news))
    if len(clocks) == len(known) and all(map(is_, clocks, known)):
        return known, news
    news.sort(key=attrgetter("at"))
    return tuple(clocks), news


def advance_time(
    known: tuple[SlaClock, ...], now: int, complete_until: int
) -> tuple[tuple[SlaClock, ...], list[ClockChange]]:
    """Return the clocks at `now` of a contact without new events up to `complete_until`, and the changes, sorted by time.

    The tuple `known` itself is returned if nothing changed.
    """
    news: list[ClockChange] = []
    clocks = tuple(_report_changes(clock, clock, now, complete_until, news) for clock in known)
    news.sort(key=attrgetter("at"))
    return (clocks if news else known), news


def cancel(known: tuple[SlaClock, ...], now: int) -> list[ClockChange]:
    """Return the cancellations, at `now`, of the open clocks of a retracted contact."""
    changes = []
    for clock in known:
        if clock.is_open:
            cancelled = clock.__copy__()
            cancelled.end, cancelled.ended_at = ClockEnd.CANCELLED, now
            changes.append(ClockChange(ClockChangeKind.CANCELLED, now, cancelled))
    return changes


def _is_final(former: SlaClock, clock_interval: ClockInterval) -> bool:
    """Return whether a clock has ended and its interval is unchanged."""
    return (
        former.ended_at is not None
        and former.ended_at == clock_interval.ended_at
        and former.end is clock_interval.end
        and former.started_at == clock_interval.started_at
        and former.dimensions == clock_interval.dimensions
        and former.pauses == _pauses(clock_interval, former.terms)
    )


def _pauses(clock_interval: ClockInterval, terms: TargetTerms) -> Pauses:
    return clock_interval.pauses if terms.pauses else clock_interval.closures


def _find_terms(
    former: SlaClock | None, clock_interval: ClockInterval, policies: Policies, now: int
) -> TargetTerms | None:
    still_open_at = now if clock_interval.ended_at is None else clock_interval.ended_at
    found = policies.find(*clock_interval.dimensions, clock_interval.started_at, still_open_at).get(clock_interval.kind)
    return former.terms if found is None and former is not None else found


def _update_clock(
    former: SlaClock | None, clock_interval: ClockInterval, terms: TargetTerms, policies: Policies, *, renew: bool
) -> SlaClock:
    """Return the clock of an interval with the reports of `former`; `former` itself if it is equal."""
    _, number, dimensions, started_at, _, _, end, ended_at = clock_interval
    pauses = _pauses(clock_interval, terms)
    calendar = policies.calendars.get(terms.calendar)
    if former is None:
        assert calendar is not None  # the SLA file has the calendar of every policy
        times = _times(started_at, pauses, terms, calendar)
        worked = _measure_work(clock_interval, calendar)
        return SlaClock(number, dimensions, terms, started_at, *times, pauses, end, ended_at, worked_ms=worked)
    times = former.deadline_at, former.at_risk_at
    moved = former.started_at != started_at or former.pauses != pauses or former.terms != terms
    if (moved or renew or not former.is_open) and calendar is not None:
        times = _times(started_at, pauses, terms, calendar)
    reported = former.risk_reported_at, former.breach_reported_at
    is_same_interval = (former.started_at, former.ended_at, former.end) == (started_at, ended_at, end)
    worked = former.worked_ms if calendar is None and is_same_interval else _measure_work(clock_interval, calendar)
    clock = SlaClock(number, dimensions, terms, started_at, *times, pauses, end, ended_at, *reported, worked)
    return former if clock == former else clock


def _measure_work(clock_interval: ClockInterval, calendar: Calendar | None) -> int | None:
    """Return the opening hours from start to end in milliseconds.

    Returns None for queue clocks, for clocks that are not met, and without a calendar that covers the interval.
    """
    if (
        clock_interval.kind is ClockKind.ANSWER
        or clock_interval.end is not ClockEnd.MET
        or clock_interval.ended_at is None
        or calendar is None
    ):
        return None
    try:
        return calendar.between(
            clock_interval.started_at, max(clock_interval.started_at, clock_interval.ended_at), Unit.OPENING_HOURS
        )
    except BeyondCalendarError:
        return None


def _times(started_at: int, pauses: Pauses, terms: TargetTerms, calendar: Calendar) -> tuple[int | None, int | None]:
    """Return `deadline_at` and `at_risk_at`, each None while a current pause postpones it.

    Both are None beyond the years of the calendar.
    """
    try:
        if terms.unit in TIME_UNITS:
            target = terms.amount
            at_risk = math.ceil(target * terms.at_risk)
            return (
                calendar.deadline(started_at, target, terms.unit, pauses).at,
                calendar.deadline(started_at, at_risk, terms.unit, pauses).at,
            )
        return _times_of_days(started_at, pauses, terms, calendar)
    except BeyondCalendarError:
        return None, None


def _times_of_days(
    started_at: int, pauses: Pauses, terms: TargetTerms, calendar: Calendar
) -> tuple[int | None, int | None]:
    """Return `deadline_at` and `at_risk_at` as in `_times`, for a target in days or months.

    `at_risk_at` is before the deadline by a share of the unpaused delay.
    """
    amount = terms.target, terms.unit
    deadline_at = calendar.deadline(started_at, *amount, pauses, roll=terms.roll).at
    paused_at = pauses[-1][0] if pauses and pauses[-1][1] is None else None
    expected_at = deadline_at
    if expected_at is None:
        expected_at = calendar.deadline(started_at, *amount, pauses[:-1], roll=terms.roll).at
    assert expected_at is not None  # only the last pause can have no end
    unpaused_at = calendar.add(started_at, *amount, roll=terms.roll) if pauses else expected_at
    at_risk_at = expected_at - round((unpaused_at - started_at) * (1 - terms.at_risk))
    return deadline_at, at_risk_at if paused_at is None or at_risk_at <= paused_at else None


def _report_changes(
    former: SlaClock | None, clock: SlaClock, now: int, complete_until: int, news: list[ClockChange]
) -> SlaClock:
    """Add the changes since `former`, the clock as reported, to `news`. Return the clock with these reports."""
    if former is None:
        news.append(ClockChange(ClockChangeKind.STARTED, clock.started_at, clock))
    before = len(news)
    _report_pauses(former, clock, news)
    if len(news) == before and former is not None and _has_moved(former, clock):
        ended_in_pause = former.deadline_at is None and former.is_open and not clock.is_open
        if not ended_in_pause:  # then the end reports the deadline
            news.append(ClockChange(ClockChangeKind.MOVED, now, clock))
    until = complete_until if clock.ended_at is None else clock.ended_at
    risk_at, deadline_at = clock.at_risk_at, clock.deadline_at
    at_risk = risk_at is not None and risk_at < until and risk_at != clock.risk_reported_at
    breached = deadline_at is not None and deadline_at < until and deadline_at != clock.breach_reported_at
    if at_risk or breached:
        clock = clock.__copy__()
        if at_risk and risk_at is not None:
            clock.risk_reported_at = risk_at
            news.append(ClockChange(ClockChangeKind.AT_RISK, risk_at, clock))
        if breached and deadline_at is not None:
            clock.breach_reported_at = deadline_at
            news.append(ClockChange(ClockChangeKind.BREACHED, deadline_at, clock))
    _report_end(former, clock, news)
    return clock


def _has_moved(former: SlaClock, clock: SlaClock) -> bool:
    """Return whether the deadline, or a reported risk, changed."""
    risk_reported = former.risk_reported_at is not None and clock.is_open
    return former.deadline_at != clock.deadline_at or (risk_reported and former.at_risk_at != clock.at_risk_at)


def _report_pauses(former: SlaClock | None, clock: SlaClock, news: list[ClockChange]) -> None:
    """Report the begin and end of pauses, except a begin or end at the same time as the clock's former or new end."""
    known, stopped_at = (former.pauses, former.ended_at) if former is not None else ((), None)
    begun = {begin for begin, _ in known}
    ended = {end for _, end in known if end != stopped_at}
    for begin, end in clock.pauses:
        if begin not in begun and begin != stopped_at:
            news.append(ClockChange(ClockChangeKind.PAUSED, begin, clock))
        if end is not None and end not in ended and end != clock.ended_at:
            news.append(ClockChange(ClockChangeKind.RESUMED, end, clock))


def _report_end(former: SlaClock | None, clock: SlaClock, news: list[ClockChange]) -> None:
    end, ended_at = (ClockEnd.NONE, None) if former is None else (former.end, former.ended_at)
    if clock.ended_at is not None:
        if clock.ended_at != ended_at or clock.end is not end:
            kind = ClockChangeKind.MET if clock.end is ClockEnd.MET else ClockChangeKind.CANCELLED
            news.append(ClockChange(kind, clock.ended_at, clock))
    elif ended_at is not None and not any(begin <= ended_at <= (until or 0) for begin, until in clock.pauses):
        # The clock was reopened. If a pause covers the former end, the end of the pause is reported instead.
        news.append(ClockChange(ClockChangeKind.RESUMED, ended_at, clock))
