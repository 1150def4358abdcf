"""What `accueil sla` says of a clock: its terms, its life step by step, what was counted, and how it stands now."""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Final

from models.calendars import BeyondCalendarError, Calendar, Unit
from models.calendars.compiled import TIME_UNITS
from models.calendars.rules import LAST_YEAR
from models.policies import Policies
from streams.cli.output_tables import format_deadline, format_time, vocabulary_label
from streams.core.sla.clock import ClockEnd, Pauses, SlaClock
from streams.locale.i18n import say
from streams.web.board.sla_targets import WorkingTime, measure_working_time

UNITS: Final = {
    Unit.WORKING_DAYS: (("working day", "jour ouvré"), ("working days", "jours ouvrés")),
    Unit.BUSINESS_DAYS: (("business day", "jour ouvrable"), ("business days", "jours ouvrables")),
    Unit.CALENDAR_DAYS: (("calendar day", "jour calendaire"), ("calendar days", "jours calendaires")),
    Unit.CLEAR_DAYS: (("clear day", "jour franc"), ("clear days", "jours francs")),
    Unit.MONTHS: (("month", "mois"), ("months", "mois")),
}
"""What is counted in days or months, one and several of it, in English and as French law calls it."""

DEADLINE: Final = ("deadline", "échéance")


def describe_clock(
    clock: SlaClock, calendar: Calendar | None, zone: tzinfo, now: int, closures: Pauses = ()
) -> Iterator[str]:
    """Yield lines that explain a clock as it is at `now`, milliseconds since 1970: its terms, its life, what was counted.

    `closures` are those of its pauses in which the matter was closed, before it was opened again.
    """
    terms = clock.terms
    number = f" {clock.number}" if clock.number else ""
    since = say(f" from {terms.since}", f" du {terms.since}") if terms.since else ""
    yield (
        f"{vocabulary_label('clock', clock.kind)}{number}{say(':', ' :')} {describe_amount(terms.target, terms.unit)}, "
        + say("policy", "règle")
        + f" {terms.policy}{since}, "
        + say("calendar", "calendrier")
        + f" {terms.calendar}"
    )
    told = [*_life(clock, closures), *([(now, _stand(clock, calendar, now))] if clock.is_open else [])]
    for at, what in sorted(told, key=lambda step: step[0]):
        to_come = say(" (to come)", " (à venir)") if clock.is_open and at > now else ""
        time = format_time(at, zone)
        if what == say(*DEADLINE):
            time = format_deadline(at, zone).ljust(len(time))
        yield f"  {time}  {what}{to_come}"
    until = clock.ended_at if clock.ended_at is not None else now
    if calendar is None:
        yield "  " + say("its calendar is no longer in the file", "son calendrier n'est plus dans le fichier")
        return
    for day, amount in calendar.elapsed_by_day(clock.started_at, until, terms.unit, clock.pauses):
        yield f"    {day:%Y-%m-%d}  {describe_counted(amount, terms.unit)}"
    total = calendar.counted(clock.started_at, until, terms.unit, clock.pauses)
    yield f"  {say('counted:', 'compté :')} {describe_counted(total, terms.unit)}"
    if clock.is_open and clock.deadline_at is None:
        yield f"  {say('deadline:', 'échéance :')} {_put_off(clock, calendar)}"


def explain_mismatch(clock: SlaClock, policies: Policies, zone: tzinfo) -> str:
    """Return why the deadline was not made by the file as it is now; empty if it may have been."""
    terms = clock.terms
    if all(terms != other for other, _ in policies.sla_targets()):
        return say(
            "its policy is not in this file, or not with these terms: another one, or this one as it was, made the deadline",
            "sa règle n'est pas dans ce fichier, ou pas avec ces termes : l'échéance vient d'un autre, ou de celui-ci avant",
        )
    calendar = policies.calendars[terms.calendar]
    try:
        deadline = calendar.deadline(clock.started_at, terms.amount, terms.unit, clock.pauses, roll=terms.roll).at
    except BeyondCalendarError:
        deadline = None
    if deadline == clock.deadline_at:
        return ""
    other = format_deadline(deadline, zone) if deadline is not None else say("none yet", "aucune encore")
    return say(
        f"by this file the deadline would be another one ({other}): another file, or this one as it was, made it",
        f"avec ce fichier l'échéance serait une autre ({other}) : elle vient d'un autre, ou de celui-ci avant",
    )


def _stand(clock: SlaClock, calendar: Calendar | None, now: int) -> str:
    """Return how an open clock stands."""
    if clock.deadline_at is None:
        return say("now: paused", "maintenant : en pause") if clock.is_paused else say("now", "maintenant")
    if clock.deadline_at < now:
        state = say("now: overdue", "maintenant : en retard")
    elif clock.at_risk_at is not None and clock.at_risk_at < now:
        state = say("now: at risk", "maintenant : à risque")
    else:
        state = say("now: running", "maintenant : en cours")
    return f"{state}, {describe_distance(clock, calendar, now)}"


def describe_distance(clock: SlaClock, calendar: Calendar | None, now: int) -> str:
    """Return how much time an open clock has left, or by how much it is late: in its own unit, and in working time."""
    assert clock.deadline_at is not None  # who asks has seen it
    begin, end = sorted((clock.deadline_at, now))
    if calendar is None or clock.terms.unit is Unit.ELAPSED:
        span = _seconds((end - begin) // 1000)
    else:
        found = measure_working_time(calendar, begin, end)
        if found is None:
            span = say(f"beyond {LAST_YEAR}", f"au-delà de {LAST_YEAR}")
        else:
            span = _describe_both(_measure(clock.terms.unit, calendar, begin, end, found), found)
    return (
        say(f"late by {span}", f"en retard de {span}")
        if clock.deadline_at < now
        else say(f"{span} left", f"reste {span}")
    )


def _measure(unit: Unit, calendar: Calendar, begin: int, end: int, found: WorkingTime) -> tuple[int, Unit]:
    """Return a span in the unit of a clock; of months and clear days, which have no parts, in calendar days."""
    if unit is Unit.OPENING_HOURS:
        return found.seconds, unit
    unit = unit if unit in {Unit.WORKING_DAYS, Unit.BUSINESS_DAYS} else Unit.CALENDAR_DAYS
    return calendar.between(begin - 1, end, unit), unit  # as `measure_working_time` has it


def _describe_both(own: tuple[int, Unit], found: WorkingTime) -> str:
    """Return a span in its own unit, and in working time if that is another; what is less than a day, in hours of opening."""
    amount, unit = own
    opened = describe_amount(found.seconds, Unit.OPENING_HOURS)
    working = describe_amount(found.days, Unit.WORKING_DAYS) if found.days else opened
    if not amount or unit is Unit.WORKING_DAYS or working == describe_amount(amount, unit):
        return working
    return f"{describe_amount(amount, unit)} ({working})"


def _put_off(clock: SlaClock, calendar: Calendar) -> str:
    """Return what is known of a deadline that is none yet."""
    terms = clock.terms
    try:
        left = calendar.deadline(clock.started_at, terms.amount, terms.unit, clock.pauses, roll=terms.roll).left
    except BeyondCalendarError:
        return say(f"after {LAST_YEAR}", f"après {LAST_YEAR}")
    amount = describe_counted(left, terms.unit)
    return say(f"{amount} after the citizen has acted", f"{amount} après que l'usager aura agi")


def _life(clock: SlaClock, closures: Pauses) -> Iterator[tuple[int, str]]:
    yield clock.started_at, say("started", "début")
    for begin, end in clock.pauses:
        yield from _pause(begin, end, clock.ended_at, closures)
    if clock.at_risk_at is not None and (clock.ended_at is None or clock.at_risk_at < clock.ended_at):
        yield clock.at_risk_at, say("at risk", "à risque")
    if clock.deadline_at is not None:
        yield clock.deadline_at, say(*DEADLINE)
    if clock.ended_at is not None:
        if clock.end is ClockEnd.CANCELLED:
            yield clock.ended_at, say("nobody waits any more", "plus personne n'attend")
        elif clock.is_breached:
            yield clock.ended_at, say("done, late", "fait, en retard")
        else:
            yield clock.ended_at, say("done in time", "fait à temps")


def _pause(begin: int, end: int | None, ended_at: int | None, closures: Pauses) -> Iterator[tuple[int, str]]:
    """Yield the steps of a pause, in which it may be closed for a while, or all the time."""
    asked = say("paused: the citizen has to act", "pause : l'usager doit agir")
    closed = [(first, last) for first, last in closures if begin <= first and (end is None or first < end)]
    if not closed or closed[0][0] > begin:
        yield begin, asked
    for first, last in closed:
        yield first, say("paused: it was closed", "pause : c'était clos")
        if last is not None and last != end:
            yield last, asked
    if end is not None and end != ended_at:
        is_opened = bool(closed) and closed[-1][1] == end
        yield end, say("resumed: opened again", "reprise : rouvert") if is_opened else say("resumed", "reprise")


def describe_amount(target: int, unit: Unit) -> str:
    """Return a target in words: `40 h of opening`, `15 working days`."""
    if unit is Unit.ELAPSED:
        return _seconds(target)
    if unit is Unit.OPENING_HOURS:
        return say(f"{_seconds(target)} of opening", f"{_seconds(target)} d'ouverture")
    return f"{target} {say(*UNITS[unit][target > 1])}"


def describe_counted(amount: int, unit: Unit) -> str:
    """Return what was counted: of time units a time, else days."""
    if unit in TIME_UNITS:
        return _seconds(amount // 1000)
    return say(f"{amount} d", f"{amount} j")


def _seconds(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (left, "s")]
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount) or "0 s"
