"""Definition of a calendar: time zone, opening hours, holidays and exceptions.

As TOML:

    timezone = "Europe/Paris"
    holidays = "FR-57"                          # or "FR", "FR-974", "BE" …; default: none
    rest_days = ["sunday"]                      # with holidays, the days that are not jours ouvrables
    roll_days = ["saturday", "sunday"]          # with holidays, the days on which a rolled delay cannot end
    closures = [
        2026-12-24,
        { from = 2026-08-10, to = 2026-08-14 },
        { on = 2026-12-31, hours = "12:00-24:00" },
    ]
    extra = [{ on = 2026-11-01, hours = ["09:00-12:00"] }]

    [[versions]]                                # the first version also applies before its first day
    from = 2026-01-01
    monday = ["08:30-12:00", "13:30-17:00"]

The service is closed on public holidays and in `closures`. `extra` adds openings, also on closed days.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from models.calendars.errors import CalendarError, validation_error
from models.calendars.public_holidays import public_holidays
from models.calendars.spans import WHOLE_DAY, Hours, Span, merge
from models.locale import _

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2100
"""Last year for which the library knows the holidays."""

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise validation_error("unknown_timezone", _("unknown time zone {name}", name=name)) from None
    return name


def _check_holidays(code: str) -> str:
    try:
        public_holidays(code, LAST_YEAR)
    except ValueError:
        raise validation_error("unknown_holidays", _("no holidays are known for {code}", code=code)) from None
    return code


def _check_rest(days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
    if set(days) == set(WEEKDAYS):
        raise validation_error("never_a_day", _("must not list all seven days"))
    return days


KnownDate = Annotated[date, Field(ge=date(FIRST_YEAR, 1, 1), le=date(LAST_YEAR, 12, 31))]
SomeWeekdays = Annotated[tuple[Weekday, ...], AfterValidator(_check_rest)]


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


_DAY: Final = TypeAdapter(KnownDate)


class _On(_Rules):
    on: KnownDate


class DateRange(_Rules):
    """Consecutive days, the last included: whole days, or the same hours of each day.

    A single day may be written as a date, or with `on` instead of `from` and `to`.
    """

    from_: KnownDate = Field(alias="from")
    to: KnownDate
    hours: Hours | None = None
    """Hours of each day in the range; None for whole days."""

    @model_validator(mode="before")
    @classmethod
    def _read_short_forms(cls, given: Any) -> Any:
        if isinstance(given, date | str):
            day = _DAY.validate_python(given)
            return {"from": day, "to": day}
        if not isinstance(given, Mapping):
            raise validation_error(
                "no_days", _("must be a day such as 2026-12-24, or a table with on, or with from and to")
            )
        if "on" not in given:
            return given
        if {"from", "to"} & given.keys():
            raise validation_error("on_and_from", _("needs either on, or from and to"))
        day = _On.model_validate({"on": given["on"]}).on
        return {"from": day, "to": day, **{key: value for key, value in given.items() if key != "on"}}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.to < self.from_:
            raise validation_error(
                "days_reversed", _("to ({to}) is before from ({first})", to=self.to, first=self.from_)
            )
        if self.hours == ():
            raise validation_error("no_hours", _("hours is empty"))
        return self

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Return the spans on each day of the range; one span of 24 hours without `hours`."""
        return self.hours or (WHOLE_DAY,)

    @property
    def is_whole(self) -> bool:
        """Return whether the range covers its days from 00:00 to 24:00, without or with `hours`."""
        return merge(self.spans) == [WHOLE_DAY]


class Version(_Rules):
    """Weekly opening hours, valid from a day until the next version."""

    from_: KnownDate = Field(date(FIRST_YEAR, 1, 1), alias="from")
    monday: Hours = ()
    tuesday: Hours = ()
    wednesday: Hours = ()
    thursday: Hours = ()
    friday: Hours = ()
    saturday: Hours = ()
    sunday: Hours = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not any(self.week):
            raise validation_error("never_opens", _("never opens"))
        return self

    @cached_property
    def week(self) -> tuple[tuple[Span, ...], ...]:
        """Return the opening spans of the seven weekdays, Monday first; an empty tuple for a closed day."""
        return tuple(getattr(self, day) for day in WEEKDAYS)


class CalendarRules(_Rules):
    """Definition of one calendar."""

    timezone: Annotated[str, AfterValidator(_check_zone)] = "Europe/Paris"
    """IANA name of the local time zone."""
    holidays: Annotated[str, AfterValidator(_check_holidays)] | None = None
    """Country or part of a country whose public holidays apply, as in `public_holidays`; None for no public holidays."""
    customary_holidays: bool = False
    """Whether days that are holidays only by local custom count as public holidays."""
    closures: tuple[DateRange, ...] = ()
    extra: tuple[DateRange, ...] = ()
    rest_days: SomeWeekdays = ("sunday",)
    """Weekly rest days, which are not *jours ouvrables* (Code du travail, article L3132-3)."""
    roll_days: SomeWeekdays = ("saturday", "sunday")
    """Weekdays on which a rolled delay cannot end (Code de procédure civile, article 642)."""
    versions: tuple[Version, ...] = Field(min_length=1)
    """Versions in the order of their first days."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(days.hours is None for days in self.extra):
            raise validation_error("extra_without_hours", _("extra needs hours"))
        begins = [version.from_ for version in self.versions]
        if begins != sorted(set(begins)):
            raise validation_error("versions_order", _("versions must be in the order of their first days"))
        return self


def read_rules(text: str) -> CalendarRules:
    """Return the calendar rules of a TOML text.

    Raises `CalendarError` for invalid TOML, and pydantic's `ValidationError`, with the path of each key, for invalid rules.
    """
    try:
        return CalendarRules.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CalendarError(_("not valid TOML: {error}", error=error)) from None
