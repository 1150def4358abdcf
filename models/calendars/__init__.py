"""Calendars: when a service is open, which days count, and when a delay ends. Pure; no clock.

Instants are milliseconds since 1970 (UTC), as in `streams.core`; local time is that of the calendar's own zone.
`models.calendars.ical` reads and writes iCalendar.
"""

from models.calendars.compiled import Calendar, Deadline, OpeningChange, Pause, compile_calendar
from models.calendars.errors import BeyondCalendarError, CalendarError
from models.calendars.rules import CalendarRules, DateRange, Version, read_rules
from models.calendars.units import Unit

__all__ = [
    "BeyondCalendarError",
    "Calendar",
    "CalendarError",
    "CalendarRules",
    "DateRange",
    "Deadline",
    "OpeningChange",
    "Pause",
    "Unit",
    "Version",
    "compile_calendar",
    "read_rules",
]
