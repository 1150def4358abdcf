"""Closures and openings as iCalendar (RFC 5545): read from what others publish, written for what others read."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Final
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import icalendar
from pydantic import ValidationError

from models.calendars.compiled import Calendar
from models.calendars.errors import CalendarError
from models.calendars.local_time import instant_of
from models.calendars.rules import FIRST_YEAR, LAST_YEAR, DateRange
from models.calendars.spans import DAY_MINUTES, Span

PRODID: Final = "-//Accueil//Calendars//EN"
_UNREADABLE: Final = (ValueError, AttributeError)
"""What the library raises; the second for lines that are there twice, and for parts in each other's place."""
_RECURRING: Final = ("RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")


def read_days(text: str, timezone: str) -> tuple[DateRange, ...]:
    """Return the days that the events of an iCalendar cover, to be the closures or the extra openings of a calendar.

    Events of whole days become days without hours, timed ones the hours they have in `timezone`, cancelled ones nothing.
    What they are called is not kept. Raises `CalendarError` if the text is no iCalendar, or has an event that cannot be told
    so: one that recurs, has no end, an unknown time zone or seconds, or begins or ends in the second of two hours that
    clocks show alike.
    """
    try:
        calendars = icalendar.Calendar.from_ical(text, multiple=True)
    except _UNREADABLE:  # its message may hold any line
        calendars = []
    if not calendars or not all(isinstance(one, icalendar.Calendar) for one in calendars):
        raise CalendarError("no iCalendar, or a broken one", "pas un iCalendar, ou un iCalendar abîmé")
    events = chain.from_iterable(calendar.events for calendar in calendars)
    zone = ZoneInfo(timezone)
    # An event is told by its place, not by its UID, in which there may be anything.
    told = (_days_of(event, zone, nth) for nth, event in enumerate(events, 1) if not _is_cancelled(event))
    return tuple(chain.from_iterable(told))


def write_openings(calendar: Calendar, year: int, name: str, written_at: datetime) -> str:
    """Return the openings of a local year as an iCalendar, each an event in UTC; `name` tells calendars apart."""
    times = (tuple(_as_utc(at) for at in opening) for opening in calendar.openings(year))
    return _write(times, name, "Open / Ouvert", written_at)


def write_closures(calendar: Calendar, year: int, name: str, written_at: datetime) -> str:
    """Return the days of a local year on which it does not open as an iCalendar, each row of them an event.

    `name` tells calendars apart.
    """
    begin, end = date(year, 1, 1), date(year + 1, 1, 1)
    open_days = {_as_utc(at).astimezone(calendar.zone).date() for at, _ in calendar.openings(year)}
    times: list[tuple[date, date]] = []
    for nth in range((end - begin).days):
        day = begin + timedelta(nth)
        if day in open_days:
            continue
        if times and times[-1][1] == day:
            times[-1] = (times[-1][0], day + timedelta(1))
        else:
            times.append((day, day + timedelta(1)))
    return _write(times, name, "Closed / Fermé", written_at)


def _write(times: Iterable[tuple[date, ...]], name: str, summary: str, written_at: datetime) -> str:
    made = icalendar.Calendar()
    made.add("PRODID", PRODID)
    made.add("VERSION", "2.0")
    for begin, end in times:
        event = icalendar.Event()
        event.add("UID", str(uuid5(NAMESPACE_URL, f"{name} {summary} {begin.isoformat()}")))
        event.add("DTSTAMP", written_at)
        event.add("DTSTART", begin)
        event.add("DTEND", end)
        event.add("SUMMARY", summary)
        made.add_component(event)
    return bytes(made.to_ical()).decode()


def _refuse(nth: int, english: str, french: str) -> CalendarError:
    return CalendarError(f"event {nth} {english}", f"l'événement {nth} {french}")


def _is_cancelled(event: icalendar.Event) -> bool:
    return bool(event.get("STATUS") == "CANCELLED")


def _days_of(event: icalendar.Event, zone: ZoneInfo, nth: int) -> Iterator[DateRange]:
    if recurring := [key for key in _RECURRING if key in event]:
        raise _refuse(
            nth,
            f"has {recurring[0]}: only single events can be read, have it written day by day",
            f"a {recurring[0]} : seuls des événements simples peuvent être lus, faites-le écrire jour par jour",
        )
    try:
        begin, end = event.start, event.end
    except _UNREADABLE:
        raise _refuse(
            nth, "has no DTSTART, or one that does not fit its end", "est sans DTSTART, ou sa fin n'y correspond pas"
        ) from None
    if isinstance(begin, datetime) and isinstance(end, datetime):
        begin, end = _local(event, "DTSTART", begin, zone, nth), _local(event, "DTEND", end, zone, nth)
    if begin >= end:
        raise _refuse(nth, "does not end after it begins", "ne finit pas après son début")
    if isinstance(begin, datetime) and isinstance(end, datetime):
        yield from _hours_of(begin, end, nth)
    else:
        yield _days(begin, end - timedelta(1), nth)


def _local(event: icalendar.Event, key: str, at: datetime, zone: ZoneInfo, nth: int) -> datetime:
    """Return the local time; one without a zone is meant to be that already."""
    zone_named = event[key].params.get("TZID") if key in event else None
    if at.tzinfo is None and zone_named:
        raise _refuse(nth, f"names no time zone: {zone_named}", f"ne nomme pas un fuseau horaire : {zone_named}")
    shown = (at.astimezone(zone) if at.tzinfo else at).replace(tzinfo=None)
    if shown.second or shown.microsecond:
        raise _refuse(nth, "has seconds", "a des secondes")
    if at.tzinfo and instant_of(zone, shown.date(), shown.hour * 60 + shown.minute) != round(at.timestamp()) * 1000:
        raise _refuse(
            nth,
            f"means the second time at which clocks show {shown}",
            f"désigne la seconde fois où il est {shown}",
        )
    return shown


def _hours_of(begin: datetime, end: datetime, nth: int) -> Iterator[DateRange]:
    day, last = begin.date(), end.date()
    while day <= last:
        span = Span(
            begin.hour * 60 + begin.minute if day == begin.date() else 0,
            end.hour * 60 + end.minute if day == last else DAY_MINUTES,
        )
        if span.begin < span.end:
            yield _days(day, day, nth, (span,))
        day += timedelta(1)


def _days(first: date, last: date, nth: int, hours: tuple[Span, ...] | None = None) -> DateRange:
    try:
        return DateRange.model_validate({"from": first, "to": last, "hours": hours})
    except ValidationError:
        raise _refuse(
            nth,
            f"lies outside of the years {FIRST_YEAR} to {LAST_YEAR}",
            f"est hors des années {FIRST_YEAR} à {LAST_YEAR}",
        ) from None


def _as_utc(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1000, UTC)
