"""Sample calendars, and conversion between instants and local times."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.calendars import Calendar, CalendarRules

HOUR = 3_600_000
OFFICE = ["08:30-12:00", "13:30-17:00"]
WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), OFFICE)
ALWAYS = dict.fromkeys((*WEEK, "saturday", "sunday"), "00:00-24:00")


def make(**changes: Any) -> Calendar:
    rules = {"timezone": "Europe/Paris", "holidays": "FR", "versions": [WEEK]} | changes
    return Calendar(CalendarRules.model_validate(rules))


def at(text: str, zone: str = "Europe/Paris", *, fold: int = 0) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def show(instant: int | None, zone: str = "Europe/Paris") -> str:
    assert instant is not None
    return datetime.fromtimestamp(instant / 1000, ZoneInfo(zone)).replace(tzinfo=None).isoformat(timespec="minutes")
