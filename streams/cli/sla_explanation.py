"""Explanation of an SLA clock: terms, steps, counted time and current state."""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Final

from models.calendars import BeyondCalendarError, Calendar, Unit
from models.calendars.compiled import TIME_UNITS
from models.calendars.rules import LAST_YEAR
from models.locale import N_, _
from models.policies import Policies
from streams.cli.output_tables import format_deadline, format_time, vocabulary_label
from streams.core.sla.clock import ClockEnd, Pauses, SlaClock
from streams.web.board.sla_targets import measure_working_time

UNITS: Final = {
    Unit.WORKING_DAYS: (N_("working day"), N_("working days")),
    Unit.BUSINESS_DAYS: (N_("business day"), N_("business days")),
    Unit.CALENDAR_DAYS: (N_("calendar day"), N_("calendar days")),
    Unit.CLEAR_DAYS: (N_("clear day"), N_("clear days")),
    Unit.MONTHS: (N_("month"), N_("months")),
}
"""Unit of days or months → singular and plural; their translations are the terms of French law."""

DEADLINE: Final = N_("deadline")


def describe_clock(
    clock: SlaClock, calendar: Calendar | None, zone: tzinfo, now: int, closures: Pauses = ()
) -> Iterator[str]:
    """Yield lines that explain a clock at `now` (milliseconds since 1970): terms, steps, counted time.

    `closures` are the pauses during which the case was closed, before it was reopened.
    """
    terms = clock.terms
    number = f" {clock.number}" if clock.number else ""
    since = _(" from {since}", since=terms.since) if terms.since else ""
    yield (
        f"{vocabulary_label('clock', clock.kind)}{number}{_(':')} {describe_amount(terms.target, terms.unit)}, "
        + _("policy")
        + f" {terms.policy}{since}, "
        + _("calendar")
        + f" {terms.calendar}"
    )
    steps = [*_steps(clock, closures), *([(now, _current_state(clock, calendar, now))] if clock.is_open else [])]
    for at, label in sorted(steps, key=lambda step: step[0]):
        future = _(" (to come)") if clock.is_open and at > now else ""
        time = format_time(at, zone)
        if label == _(DEADLINE):
            time = format_deadline(at, zone).ljust(len(time))
        yield f"  {time}  {label}{future}"
    until = clock.ended_at if clock.ended_at is not None else now
    if calendar is None:
        yield "  " + _("its calendar is no longer in the file")
        return
    for day, amount in calendar.elapsed_by_day(clock.started_at, until, terms.unit, clock.pauses):
        yield f"    {day:%Y-%m-%d}  {describe_counted(amount, terms.unit)}"
    total = calendar.counted(clock.started_at, until, terms.unit, clock.pauses)
    yield _("  counted: {amount}", amount=describe_counted(total, terms.unit))
    if clock.is_open and clock.deadline_at is None:
        yield _("  deadline: {deadline}", deadline=_pending_deadline(clock, calendar))


def explain_mismatch(clock: SlaClock, policies: Policies, zone: tzinfo) -> str:
    """Return why the terms or the deadline of a clock differ from the SLA file; empty if they do not."""
    terms = clock.terms
    if all(terms != other for other, _ in policies.sla_targets()):
        return _(
            "its policy is not in this file with these terms: another file, or an earlier version, set the deadline"
        )
    calendar = policies.calendars[terms.calendar]
    try:
        deadline = calendar.deadline(clock.started_at, terms.amount, terms.unit, clock.pauses, roll=terms.roll).at
    except BeyondCalendarError:
        deadline = None
    if deadline == clock.deadline_at:
        return ""
    other = format_deadline(deadline, zone) if deadline is not None else _("none yet")
    return _("by this file the deadline would be {other}: another file, or an earlier version, set it", other=other)


def _current_state(clock: SlaClock, calendar: Calendar | None, now: int) -> str:
    if clock.deadline_at is None:
        return _("now: paused") if clock.is_paused else _("now")
    if clock.deadline_at < now:
        state = _("now: overdue")
    elif clock.at_risk_at is not None and clock.at_risk_at < now:
        state = _("now: at risk")
    else:
        state = _("now: running")
    return f"{state}, {describe_distance(clock, calendar, now)}"


def describe_distance(clock: SlaClock, calendar: Calendar | None, now: int) -> str:
    """Return the time left or overdue of an open clock that has a deadline, in words: working time, as on the board.

    Elapsed time if the target is in elapsed time, or without a calendar.
    """
    assert clock.deadline_at is not None  # checked by callers
    begin, end = sorted((clock.deadline_at, now))
    if calendar is None or clock.terms.unit is Unit.ELAPSED:
        span = _seconds((end - begin) // 1000)
    elif (found := measure_working_time(calendar, begin, end)) is None:
        span = _("beyond {last_year}", last_year=LAST_YEAR)
    elif found.days:
        span = describe_amount(found.days, Unit.WORKING_DAYS)
    else:
        span = describe_amount(found.seconds, Unit.OPENING_HOURS)
    return _("late by {span}", span=span) if clock.deadline_at < now else _("{span} left", span=span)


def _pending_deadline(clock: SlaClock, calendar: Calendar) -> str:
    """Describe the deadline of a paused clock, which is not fixed yet, by the amount left."""
    terms = clock.terms
    try:
        left = calendar.deadline(clock.started_at, terms.amount, terms.unit, clock.pauses, roll=terms.roll).left
    except BeyondCalendarError:
        return _("after {last_year}", last_year=LAST_YEAR)
    amount = describe_counted(left, terms.unit)
    return _("{amount} after the citizen has acted", amount=amount)


def _steps(clock: SlaClock, closures: Pauses) -> Iterator[tuple[int, str]]:
    yield clock.started_at, _("started")
    for begin, end in clock.pauses:
        yield from _pause(begin, end, clock.ended_at, closures)
    if clock.at_risk_at is not None and (clock.ended_at is None or clock.at_risk_at < clock.ended_at):
        yield clock.at_risk_at, _("at risk")
    if clock.deadline_at is not None:
        yield clock.deadline_at, _(DEADLINE)
    if clock.ended_at is not None:
        if clock.end is ClockEnd.CANCELLED:
            yield clock.ended_at, _("cancelled")
        elif clock.is_breached:
            yield clock.ended_at, _("done, late")
        else:
            yield clock.ended_at, _("done in time")


def _pause(begin: int, end: int | None, ended_at: int | None, closures: Pauses) -> Iterator[tuple[int, str]]:
    """Yield time and text of the steps of a pause, including periods when the case was closed; none for the end of the clock."""
    waiting = _("paused: waiting for the citizen")
    closed = [(first, last) for first, last in closures if begin <= first and (end is None or first < end)]
    if not closed or closed[0][0] > begin:
        yield begin, waiting
    for first, last in closed:
        yield first, _("paused: closed")
        if last is not None and last != end:
            yield last, waiting
    if end is not None and end != ended_at:
        is_reopened = bool(closed) and closed[-1][1] == end
        yield end, _("resumed: reopened") if is_reopened else _("resumed")


def describe_amount(target: int, unit: Unit) -> str:
    """Format a target, in seconds for units of time, as in `40 h of opening` or `15 working days`."""
    if unit is Unit.ELAPSED:
        return _seconds(target)
    if unit is Unit.OPENING_HOURS:
        return _("{seconds} of opening", seconds=_seconds(target))
    return f"{target} {_(UNITS[unit][target > 1])}"


def describe_counted(amount: int, unit: Unit) -> str:
    """Format counted time: milliseconds as hours, minutes and seconds for units of time, else a number of days."""
    if unit in TIME_UNITS:
        return _seconds(amount // 1000)
    return _("{amount} d", amount=amount)


def _seconds(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (left, "s")]
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount) or "0 s"
