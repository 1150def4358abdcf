"""What can be wrong with a calendar, or with what is asked of it."""

from typing import Any

from pydantic_core import PydanticCustomError


class CalendarError(ValueError):
    """A text that is no calendar; says why, in English, and in French in `french`."""

    def __init__(self, english: str, french: str) -> None:
        super().__init__(english)
        self.french = french


class BeyondCalendarError(ValueError):
    """The answer lies outside of the years that calendars know (`models.calendars.years.FIRST_YEAR` to `LAST_YEAR`)."""


def validation_error(kind: str, english: str, french: str, **values: Any) -> PydanticCustomError:
    """Return the error of a validator: its message is English, its context has `french`; `{name}` stands for a value."""
    said = {name: str(value) for name, value in values.items()}
    return PydanticCustomError(kind, english, {**said, "french": french.format(**said)})
