"""Independent calendar implementation for comparison, which walks minute by minute and shares no code with `models.calendars`.

A calendar is given as its TOML table. At the end of summer time, the local clock of this implementation stands still for an hour
instead of going back. Each minute thus has one local time, which never decreases.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

MINUTE: Final = 60_000
NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Pauses = Sequence[tuple[int, int | None]]


class TooShortError(Exception):
    """The result lies outside the computed minutes."""


def easter(year: int) -> date:
    """Return Easter Sunday by the rule of Oudin (1940), as published by the US Naval Observatory."""
    century, golden = year // 100, year % 19
    epact = (century - century // 4 - (century - (century - 17) // 25) // 3 + 19 * golden + 15) % 30
    epact -= (epact // 28) * (1 - (epact // 28) * (29 // (epact + 1)) * ((21 - golden) // 11))
    weekday = (year + year // 4 + epact + 2 - century + century // 4) % 7
    month = 3 + (epact - weekday + 40) // 44
    return date(year, month, epact - weekday + 28 - 31 * (month // 4))


def french_holidays(year: int, code: str = "FR") -> set[date]:
    """Return the public holidays: Code du travail, L3133-1; Alsace-Moselle: L3134-13; abolition of slavery: L3422-2."""
    fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)]
    after_easter = [1, 39, 50]
    if code in {"FR-57", "FR-67", "FR-68"}:
        fixed.append((12, 26))
        after_easter.append(-2)
    of_abolition = {
        "FR-971": (5, 27),
        "FR-972": (5, 22),
        "FR-973": (6, 10),
        "FR-974": (12, 20),
        "FR-976": (4, 27),
        "FR-977": (10, 9),
        "FR-978": (5, 28),
    }
    fixed += [of_abolition[code]] if code in of_abolition else []
    return {date(year, *month_day) for month_day in fixed} | {easter(year) + timedelta(n) for n in after_easter}


def is_in(minute: int, hours: Any) -> bool:
    """Return whether a minute of the day lies in one of the spans `HH:MM-HH:MM`."""
    for text in [hours] if isinstance(hours, str) else hours:
        begin, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
        if begin <= minute < end:
            return True
    return False


class PlainCalendar:
    """Calendar computed for `days` days from the day before `first`; instants are milliseconds since 1970."""

    def __init__(self, calendar: dict[str, Any], first: date, days: int) -> None:
        self.calendar = calendar
        self.holidays: set[date] = set()
        if calendar.get("holidays"):
            for year in range(first.year - 1, first.year + 3):
                self.holidays |= french_holidays(year, calendar["holidays"])
        zone = ZoneInfo(calendar["timezone"])
        begin = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
        self.begin = int(begin.timestamp()) * 1000
        self.open: list[bool] = []
        self.day: list[date] = []
        self.ends: list[tuple[int, date]] = []
        """Ends of the days, in order."""
        self.worked: set[date] = set()
        shown = datetime(1970, 1, 1)  # noqa: DTZ001 - local clock time
        plan: list[bool] = []
        for nth in range(days * 1440):
            seconds = self.begin // 1000 + nth * 60
            shown = max(shown, datetime.fromtimestamp(seconds, zone).replace(tzinfo=None))
            today = shown.date()
            if not self.day or self.day[-1] != today:
                if self.day:
                    self.ends.append((seconds * 1000, self.day[-1]))
                plan = [self._opens(today, minute) for minute in range(1440)]
            self.day.append(today)
            self.open.append(plan[shown.hour * 60 + shown.minute])
            if self.open[-1]:
                self.worked.add(today)
        self.end = self.begin + len(self.open) * MINUTE

    def _opens(self, day: date, minute: int) -> bool:
        if any(self._covers(entry, day, minute) for entry in self.calendar.get("extra", [])):
            return True
        if day in self.holidays or any(self._covers(entry, day, minute) for entry in self.calendar.get("closures", [])):
            return False
        valid = self.calendar["versions"][0]
        for version in self.calendar["versions"]:
            if version["from"] <= day:
                valid = version
        return is_in(minute, valid.get(NAMES[day.weekday()], []))

    @staticmethod
    def _covers(entry: Any, day: date, minute: int) -> bool:
        if isinstance(entry, date):
            return day == entry
        return entry["from"] <= day <= entry["to"] and ("hours" not in entry or is_in(minute, entry["hours"]))

    def _minutes(self, begin: int) -> Iterator[tuple[int, int]]:
        """Yield index and first instant of each minute from `begin` on."""
        if begin < self.begin:
            raise TooShortError
        for nth in range((begin - self.begin) // MINUTE, len(self.open)):
            yield nth, max(begin, self.begin + nth * MINUTE)
        raise TooShortError

    def day_of(self, at: int) -> date:
        return self.day[next(self._minutes(at))[0]]

    # ---------------------------------------------------------------------------------------------------- running time
    def pieces(self, begin: int, pauses: Pauses) -> Iterator[tuple[int, int, int]]:
        """Yield index, begin and end of the parts of minutes with a running clock; stops at a pause without an end."""
        for nth, at in self._minutes(begin):
            end = self.begin + (nth + 1) * MINUTE
            for pause_begin, pause_end in pauses:
                if pause_begin >= end:
                    break
                if pause_end is not None and pause_end <= at:
                    continue
                if at < pause_begin:
                    yield nth, at, pause_begin
                if pause_end is None:
                    return
                at = min(pause_end, end)
            if at < end:
                yield nth, at, end

    def kinds(self, unit: str) -> Any:
        """Return the predicate for the days that count in `unit`."""
        rest = self.calendar.get("rest_days", ["sunday"])
        return {
            "working_days": lambda day: day in self.worked,
            "business_days": lambda day: day not in self.holidays and NAMES[day.weekday()] not in rest,
        }.get(unit, lambda _: True)

    def counting_ends(self, started_at: int, unit: str, pauses: Pauses) -> Iterator[tuple[int, date]]:
        """Yield the ends of days that count; None if the clock never runs again."""
        event, counts = self.day_of(started_at), self.kinds(unit)
        for end, day in self.ends:
            if day <= event or not counts(day):
                continue
            if any(begin < end and (until is None or end <= until) for begin, until in pauses):
                continue
            yield end, day

    # --------------------------------------------------------------------------------------------------------- queries
    def deadline(
        self, started_at: int, target: int, unit: str, pauses: Pauses, *, roll: bool = False
    ) -> tuple[int | None, int]:
        if unit in {"opening_hours", "elapsed"}:
            return self._deadline_of_time(started_at, target, unit, pauses)
        event = self.day_of(started_at)
        if unit == "months":
            target = (self.months_later(event, target) - event).days
        if unit == "clear_days":
            target, roll = target + 1, True
        forever = next((begin for begin, end in pauses if end is None), None)
        left = target
        for end, day in self.counting_ends(started_at, unit, pauses):
            left -= 1
            if left == 0:
                return (self._rolled(day) if roll else end), 0
        if forever is not None and forever < self.end:
            return None, left
        raise TooShortError

    def _deadline_of_time(self, started_at: int, target: int, unit: str, pauses: Pauses) -> tuple[int | None, int]:
        for nth, begin, end in self.pieces(started_at, pauses):
            if unit == "elapsed" or self.open[nth]:
                if end - begin >= target:
                    return begin + target, 0
                target -= end - begin
        return None, target

    def _rolled(self, day: date) -> int:
        weekdays = self.calendar.get("roll_days", ["saturday", "sunday"])
        for end, later in self.ends:
            closed = any(
                all(self._covers(entry, later, minute) for minute in range(1440))
                for entry in self.calendar.get("closures", [])
            )
            if later >= day and not closed and later not in self.holidays and NAMES[later.weekday()] not in weekdays:
                return end
        raise TooShortError

    @staticmethod
    def months_later(day: date, months: int) -> date:
        year, month = day.year, day.month
        for _ in range(months):
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        return date(year, month, min(day.day, monthrange(year, month)[1]))

    def counted(self, started_at: int, until: int, unit: str, pauses: Pauses) -> dict[date, int]:
        """Return the counted time by local day: milliseconds, or 1 for a counted day."""
        if until > self.end:
            raise TooShortError
        found: dict[date, int] = {}
        if unit in {"opening_hours", "elapsed"}:
            for nth, begin, end in self.pieces(started_at, pauses):
                if begin >= until:
                    break
                if unit == "elapsed" or self.open[nth]:
                    found[self.day[nth]] = found.get(self.day[nth], 0) + min(end, until) - begin
        else:
            for end, day in self.counting_ends(started_at, unit, pauses):
                if end <= until:
                    found[day] = 1
        return found

    def between(self, begin: int, end: int, unit: str) -> int:
        if unit != "months":
            counted = sum(self.counted(begin, end, unit, []).values())
            return max(counted - 1, 0) if unit == "clear_days" else counted
        months = 0
        over = [day for at, day in self.ends if at <= end]
        while over and self.months_later(self.day_of(begin), months + 1) <= over[-1]:
            months += 1
        return months

    def is_open(self, at: int) -> bool:
        return self.open[next(self._minutes(at))[0]]

    def next_change(self, at: int) -> tuple[int, bool]:
        now = self.is_open(at)
        for nth, begin in self._minutes(at):
            if self.open[nth] != now:
                return begin, not now
        raise TooShortError
