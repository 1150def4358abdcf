"""In what a delay is counted."""

from enum import StrEnum


class Unit(StrEnum):
    """The unit of a delay. `opening_hours` and `elapsed` are counted in milliseconds, all others in whole local days or months.

    In days and months the day of the event does not count, and the delay ends at 24:00 of its last day: Code de procédure
    civile, articles 641 and 642.
    """

    OPENING_HOURS = "opening_hours"
    """Time during which it is open; what comes while it is closed begins at the next opening."""
    ELAPSED = "elapsed"
    """Time."""
    WORKING_DAYS = "working_days"
    """*Jours ouvrés*: days on which it opens, however shortly."""
    BUSINESS_DAYS = "business_days"
    """*Jours ouvrables*: all days but those of weekly rest and public holidays."""
    CALENDAR_DAYS = "calendar_days"
    """*Jours calendaires*: all days."""
    CLEAR_DAYS = "clear_days"
    """*Jours francs*: the last day does not count either, so that the delay ends a day later; and it is always rolled."""
    MONTHS = "months"
    """*De quantième à quantième*: the day of the same number, or the last of the month if it has none such (article 641)."""
