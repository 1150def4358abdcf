"""Types of options for times, days and durations, such as `90m`, `7d` and `2026-11-25T08:00`."""

import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from math import inf
from typing import Any, Final

import click

from models.locale import _
from streams.cli.base import config_file
from streams.settings.loader import load

EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9998, 1, 1, tzinfo=UTC)
"""End of the accepted times, which begin with `EARLIEST`."""
_SPAN_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _seconds_of(value: Any) -> int | None:
    found = re.fullmatch(r"(\d+)([smhd])", str(value))
    return int(found[1]) * _SPAN_SECONDS[found[2]] if found else None


class DurationParam(click.ParamType):
    """Duration such as `90m`, `2h` or `7d`, converted to milliseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return milliseconds."""
        if (seconds := _seconds_of(value)) is None:
            self.fail(_("use 90m, 2h or 7d"), param, ctx)
        return seconds * 1000


class TimeParam(click.ParamType):
    """Time (`2026-11-25T08:00`) or duration before now (`90m`, `7d`), converted to milliseconds since 1970.

    A time without an offset is in `web.time_zone`, like the times in lists.
    """

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return milliseconds since 1970, 0 for times before 1970."""
        at = inf
        with suppress(ValueError, OverflowError):
            at = time.time() - seconds if (seconds := _seconds_of(value)) is not None else _moment_of(value, ctx)
        if not EARLIEST.timestamp() <= at <= LATEST.timestamp():
            self.fail(_("use 90m, 7d or 2026-11-25T08:00"), param, ctx)
        return max(int(at * 1000), 0)


class DayParam(click.DateTime):
    """Day (`2026-11-25`), converted to its midnight, without a time zone."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the midnight at the start of the day."""
        try:
            day: datetime = super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(_("use 2026-11-25"), param, ctx)
        return day


def _moment_of(value: Any, ctx: click.Context | None) -> float:
    time_at = datetime.fromisoformat(value)
    if time_at.tzinfo is None and ctx is not None:
        time_at = time_at.replace(tzinfo=load(config_file(ctx)).web.zone)
    return time_at.timestamp()
