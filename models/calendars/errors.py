"""Errors of calendars, with messages in English and French."""

from typing import Any

from pydantic_core import PydanticCustomError


class CalendarError(ValueError):
    """An invalid calendar text. The message is English; `french` has the French message."""

    def __init__(self, english: str, french: str) -> None:
        super().__init__(english)
        self.french = french


class BeyondCalendarError(ValueError):
    """The result is outside the supported years (`models.calendars.rules.FIRST_YEAR` to `LAST_YEAR`)."""


def validation_error(kind: str, english: str, french: str, **values: Any) -> PydanticCustomError:
    """Return a validator's error with the English message, and the French one as `french` in its context.

    `values` replace `{name}` in both messages.
    """
    texts = {name: str(value) for name, value in values.items()}
    return PydanticCustomError(kind, english, {**texts, "french": french.format(**texts)})
