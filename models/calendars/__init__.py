"""Calendars: opening hours, working days and deadlines. Pure functions of their arguments; imports only `models`.

Instants are milliseconds since 1970 (UTC), as in `streams.core`. Local time is in the calendar's time zone.
`models.calendars.ical` reads iCalendar.
"""

from models.calendars.compiled import Calendar, Deadline, OpeningChange, Pause
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
    "read_rules",
]
