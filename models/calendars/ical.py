"""Import of closures and extra openings from iCalendar (RFC 5545)."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

import icalendar
from pydantic import ValidationError

from models.calendars.errors import CalendarError
from models.calendars.local_time import instant_of
from models.calendars.rules import FIRST_YEAR, LAST_YEAR, DateRange
from models.calendars.spans import DAY_MINUTES, Span
from models.locale import _

_UNREADABLE: Final = (ValueError, AttributeError)
"""Errors of the library for malformed text: `AttributeError` for duplicate lines and misplaced components."""
_RECURRING: Final = ("RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")


def read_days(text: str, timezone: str) -> tuple[DateRange, ...]:
    """Return the date ranges of an iCalendar's events, for the closures or extra openings of a calendar.

    All-day events become ranges without hours. Timed events become hours in `timezone`. Cancelled events are skipped, and
    summaries are dropped. Raises `CalendarError` for a text that is not an iCalendar, and for unsupported events: recurring,
    without an end, with an unknown time zone, with seconds, in the second occurrence of a repeated local hour, or outside the
    years of `rules.FIRST_YEAR` to `rules.LAST_YEAR`.
    """
    try:
        calendars = icalendar.Calendar.from_ical(text, multiple=True)
    except _UNREADABLE:  # its message may hold any line
        calendars = []
    if not calendars or not all(isinstance(calendar, icalendar.Calendar) for calendar in calendars):
        raise CalendarError(_("not an iCalendar, or a damaged one"))
    events = chain.from_iterable(calendar.events for calendar in calendars)
    zone = ZoneInfo(timezone)
    # Error messages identify an event by its position: a UID may contain personal data.
    ranges = (_days_of(event, zone, nth) for nth, event in enumerate(events, 1) if event.get("STATUS") != "CANCELLED")
    return tuple(chain.from_iterable(ranges))


def _event_error(nth: int, problem: str) -> CalendarError:
    return CalendarError(_("event {nth} {problem}", nth=nth, problem=problem))


def _days_of(event: icalendar.Event, zone: ZoneInfo, nth: int) -> Iterator[DateRange]:
    if recurring := [key for key in _RECURRING if key in event]:
        raise _event_error(
            nth,
            _(
                "has {recurring}: recurring events are not supported, export each occurrence as an event",
                recurring=recurring[0],
            ),
        )
    try:
        begin, end = event.start, event.end
    except _UNREADABLE:
        raise _event_error(nth, _("has no DTSTART, or its end does not match it")) from None
    if isinstance(begin, datetime) and isinstance(end, datetime):
        begin, end = _local(event, "DTSTART", begin, zone, nth), _local(event, "DTEND", end, zone, nth)
    if begin >= end:
        raise _event_error(nth, _("does not end after it begins"))
    if isinstance(begin, datetime) and isinstance(end, datetime):
        yield from _hours_of(begin, end, nth)
    else:
        yield _days(begin, end - timedelta(1), nth)


def _local(event: icalendar.Event, key: str, at: datetime, zone: ZoneInfo, nth: int) -> datetime:
    """Return `at` as a local time in `zone`, without a time zone. A time without a zone is already local.

    Raises `CalendarError` for an unknown zone, for seconds, and for the second occurrence of a repeated local time.
    """
    zone_named = event[key].params.get("TZID") if key in event else None
    if at.tzinfo is None and zone_named:
        raise _event_error(nth, _("has an unknown time zone: {zone_named}", zone_named=zone_named))
    shown = (at.astimezone(zone) if at.tzinfo else at).replace(tzinfo=None)
    if shown.second or shown.microsecond:
        raise _event_error(nth, _("has seconds"))
    if at.tzinfo and instant_of(zone, shown.date(), shown.hour * 60 + shown.minute) != round(at.timestamp()) * 1000:
        raise _event_error(nth, _("means the second occurrence of the local time {shown}", shown=shown))
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
        raise _event_error(
            nth, _("is outside the years {first_year} to {last_year}", first_year=FIRST_YEAR, last_year=LAST_YEAR)
        ) from None
