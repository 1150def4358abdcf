"""SLA clocks: from what a contact's evidence says, and the time, to deadlines, and to what is to be told.

Whether a promise was kept is a function of evidence, policy and calendar. What was told of it is kept in the clock, so that each
thing is told once; and when more becomes known, what differs is told.

All times are milliseconds since 1970 UTC.
"""

import math
from collections.abc import Callable, Iterable
from enum import StrEnum
from operator import is_
from typing import NamedTuple

from models.calendars import BeyondCalendarError, Calendar, Unit
from models.calendars.compiled import TIME_UNITS
from models.policies import ClockKind, Policies, TargetTerms
from streams.core.sla.clock import ClockEnd, Pauses, SlaClock
from streams.core.sla.clock_intervals import ClockInterval


class ClockChangeKind(StrEnum):
    """What is told of a clock."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    MOVED = "moved"
    """The deadline is another one than was told: more became known, or policy or calendar changed."""
    AT_RISK = "at_risk"
    BREACHED = "breached"
    MET = "met"
    """What was promised was done: in time, or late if the deadline had passed."""
    CANCELLED = "cancelled"
    """Nobody waits for it any more."""


class ClockChange(NamedTuple):
    """One thing to tell of a clock."""

    kind: ClockChangeKind
    at: int
    """When it was so: of a deadline that passed the deadline, however late it is told."""
    clock: SlaClock
    """As it is after that."""


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
    """Return the clocks of a contact, of which `measured` is known, at `now`; and what is to be told, in the order of time.

    If what happened is known only until `known_until`, what was due later is not told yet: perhaps it was done in time. No clock
    is begun of what is over and `was_over` before: nothing was promised then.
    The tuple `known` itself comes back if nothing changed. Where no policy counts any more, a clock keeps its terms. After
    calendars changed, `renew`: else a deadline is computed anew only if what the contact contributes to it changed. A clock that
    stopped stays as it was judged, whatever policies and calendars say since, unless more becomes known of it.
    """
    if complete_until is None:
        complete_until = now
    by_name = {(clock.kind, clock.number): clock for clock in known}
    news: list[ClockChange] = []
    clocks: list[SlaClock] = []
    for clock_interval in measured:
        former = by_name.get((clock_interval.kind, clock_interval.number))
        if former is not None and _is_settled(former, clock_interval):
            clocks.append(former)
            continue
        terms = _find_terms(former, clock_interval, policies, now)
        if terms is None:
            continue
        is_over = former is None and clock_interval.ended_at is not None
        if is_over and had_ended is not None and had_ended(clock_interval.kind, clock_interval.number):
            continue
        clock = _measure(former, clock_interval, terms, policies, renew=renew)
        clocks.append(_pass_time(former, clock, now, complete_until, news))
    if len(clocks) == len(known) and all(map(is_, clocks, known)):
        return known, news
    news.sort(key=_by_time)
    return tuple(clocks), news


def advance_time(
    known: tuple[SlaClock, ...], now: int, complete_until: int
) -> tuple[tuple[SlaClock, ...], list[ClockChange]]:
    """Return the clocks at `now` of a contact to which nothing happened until `known_until`, and what is to be told, in order."""
    news: list[ClockChange] = []
    clocks = tuple(_pass_time(clock, clock, now, complete_until, news) for clock in known)
    news.sort(key=_by_time)
    return (clocks if news else known), news


def _by_time(news: ClockChange) -> int:
    return news.at


def _is_settled(former: SlaClock, clock_interval: ClockInterval) -> bool:
    """Return whether a clock stopped, and nothing else is known of it now."""
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


def _measure(
    former: SlaClock | None, clock_interval: ClockInterval, terms: TargetTerms, policies: Policies, *, renew: bool
) -> SlaClock:
    """Return the clock of a course with nothing told that `former` had not; `former` itself if it says the same."""
    number, dimensions, started_at, end, ended_at = (
        clock_interval.number,
        clock_interval.dimensions,
        clock_interval.started_at,
        clock_interval.end,
        clock_interval.ended_at,
    )
    pauses = _pauses(clock_interval, terms)
    calendar = policies.calendars.get(terms.calendar)
    if former is None:
        assert calendar is not None  # new terms are of a policy, which has one
        times = _times(started_at, pauses, terms, calendar)
        worked = _measure_work(clock_interval, calendar)
        return SlaClock(number, dimensions, terms, started_at, *times, pauses, end, ended_at, worked_ms=worked)
    times = former.deadline_at, former.at_risk_at
    moved = former.started_at != started_at or former.pauses != pauses or former.terms != terms
    if (moved or renew or not former.is_open) and calendar is not None:
        times = _times(started_at, pauses, terms, calendar)
    told = former.risk_reported_at, former.breach_reported_at
    is_as_judged = (former.started_at, former.ended_at, former.end) == (started_at, ended_at, end)
    worked = former.worked_ms if calendar is None and is_as_judged else _measure_work(clock_interval, calendar)
    clock = SlaClock(number, dimensions, terms, started_at, *times, pauses, end, ended_at, *told, worked)
    return former if clock == former else clock


def _measure_work(clock_interval: ClockInterval, calendar: Calendar | None) -> int | None:
    """Return the opening hours from start to end of what is written; None if it has no end, or none that is known."""
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
    """Return deadline and time of being at risk; None for what a pause that lasts put off."""
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
    """Return the same of a delay in days: it is at risk in the last part of the time that it takes without pauses."""
    amount = terms.target, terms.unit
    deadline_at = calendar.deadline(started_at, *amount, pauses, roll=terms.roll).at
    paused_at = pauses[-1][0] if pauses and pauses[-1][1] is None else None
    expected_at = deadline_at
    if expected_at is None:
        expected_at = calendar.deadline(started_at, *amount, pauses[:-1], roll=terms.roll).at
    assert expected_at is not None  # only the last pause lasts
    unpaused_at = calendar.add(started_at, *amount, roll=terms.roll) if pauses else expected_at
    at_risk_at = expected_at - round((unpaused_at - started_at) * (1 - terms.at_risk))
    return deadline_at, at_risk_at if paused_at is None or at_risk_at <= paused_at else None


def _pass_time(
    former: SlaClock | None, clock: SlaClock, now: int, complete_until: int, news: list[ClockChange]
) -> SlaClock:
    """Return the clock with all told of it that is known `now`, and add that to `news`; `former` is what was told."""
    if former is None:
        news.append(ClockChange(ClockChangeKind.STARTED, clock.started_at, clock))
    told = len(news)
    _tell_pauses(former, clock, news)
    if len(news) == told and former is not None and _has_moved(former, clock):
        is_put_off_no_more = former.deadline_at is None and former.is_open and not clock.is_open
        if not is_put_off_no_more:  # which is told with the end
            news.append(ClockChange(ClockChangeKind.MOVED, now, clock))  # a pause that never was is one reason
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
    _tell_end(former, clock, news)
    return clock


def _has_moved(former: SlaClock, clock: SlaClock) -> bool:
    """Return whether what was told of the deadline, or of being at risk, is not so any more."""
    risk_told = former.risk_reported_at is not None and clock.is_open
    return former.deadline_at != clock.deadline_at or (risk_told and former.at_risk_at != clock.at_risk_at)


def _tell_pauses(former: SlaClock | None, clock: SlaClock, news: list[ClockChange]) -> None:
    """Tell pauses; one that ends with the clock ends unsaid, one that begins where it had stopped begins so."""
    known, stopped_at = (former.pauses, former.ended_at) if former is not None else ((), None)
    told = {begin for begin, _ in known}
    ended = {end for _, end in known if end != stopped_at}
    for begin, end in clock.pauses:
        if begin not in told and begin != stopped_at:
            news.append(ClockChange(ClockChangeKind.PAUSED, begin, clock))
        if end is not None and end not in ended and end != clock.ended_at:
            news.append(ClockChange(ClockChangeKind.RESUMED, end, clock))


def _tell_end(former: SlaClock | None, clock: SlaClock, news: list[ClockChange]) -> None:
    end, ended_at = (ClockEnd.NONE, None) if former is None else (former.end, former.ended_at)
    if clock.ended_at is not None:
        if clock.ended_at != ended_at or clock.end is not end:
            news.append(
                ClockChange(
                    ClockChangeKind.MET if clock.end is ClockEnd.MET else ClockChangeKind.CANCELLED,
                    clock.ended_at,
                    clock,
                )
            )
    elif ended_at is not None and not any(begin <= ended_at <= (until or 0) for begin, until in clock.pauses):
        news.append(
            ClockChange(ClockChangeKind.RESUMED, ended_at, clock)
        )  # it was not the end; of a pause that is told by its own end
