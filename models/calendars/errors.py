"""Errors of calendars, with messages in the user's language."""

from pydantic_core import PydanticCustomError


class CalendarError(ValueError):
    """An invalid calendar text."""


class BeyondCalendarError(ValueError):
    """The result is outside the supported years (`models.calendars.rules.FIRST_YEAR` to `LAST_YEAR`)."""


def validation_error(kind: str, message: str) -> PydanticCustomError:
    """Return a validator's error of type `kind`; its context has the `message`, which is already translated."""
    return PydanticCustomError(kind, "{message}", {"message": message})
