"""Units of delays."""

from enum import StrEnum


class Unit(StrEnum):
    """Unit of a delay: milliseconds for `opening_hours` and `elapsed`, else whole local days or months.

    With days and months, the day of the event does not count, and the delay ends at 24:00 of its last day (Code de procédure
    civile, articles 641 and 642).
    """

    OPENING_HOURS = "opening_hours"
    """Time while the service is open. A delay that begins while it is closed counts from the next opening."""
    ELAPSED = "elapsed"
    """All time."""
    WORKING_DAYS = "working_days"
    """*Jours ouvrés*: days with at least one opening."""
    BUSINESS_DAYS = "business_days"
    """*Jours ouvrables*: all days except weekly rest days and public holidays."""
    CALENDAR_DAYS = "calendar_days"
    """*Jours calendaires*: all days."""
    CLEAR_DAYS = "clear_days"
    """*Jours francs*: the last day does not count either, so the delay ends one day later. Always rolled."""
    MONTHS = "months"
    """*De quantième à quantième*: the same day of the month, or the month's last day if it is shorter (article 641)."""
