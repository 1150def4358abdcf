"""Marks: values of the cursor column, up to which rows were read. Pure.

A read begins below the mark of the read before, by the overlap. A row that was not yet visible to a query has a value at most
the overlap below the highest visible one. So the next read, which begins that far below the mark, finds it.
"""

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

Mark = datetime | date | int | float | Decimal | str | bytes
"""Value of the cursor column."""
MARK_TYPES: Final = (datetime, date, int, float, Decimal, str, bytes)
EARLIEST_OFFSET: Final = timedelta(hours=14)
"""Largest offset from UTC of any time zone."""
Day = TypeVar("Day", bound=date)
_NO_VALUES: Final = frozenset({"infinity", "-infinity"})
_TIME_TEXT: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", re.ASCII)
_DATE_TEXT: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class _SavedMark(msgspec.Struct, array_like=True, frozen=True):
    kind: str
    text: str


def is_mark(value: object) -> bool:
    """Return whether rows can be read on from `value`: it is a time, number or text, and neither infinite nor impossible.

    MariaDB and MySQL may contain impossible times such as 0000-00-00, which their driver returns as texts.
    """
    if isinstance(value, str) and (found := _TIME_TEXT.match(value) or _DATE_TEXT.fullmatch(value)):
        try:
            datetime.fromisoformat(found[0])
        except ValueError:
            return False
    return (
        isinstance(value, MARK_TYPES)
        and not isinstance(value, bool)
        and value not in _NO_VALUES
        and not (isinstance(value, float | Decimal) and not math.isfinite(value))
    )


def encode_mark(mark: Mark) -> bytes:
    """Return a mark as bytes."""
    match mark:
        case datetime():
            saved = _SavedMark("time", mark.isoformat())
        case date():
            saved = _SavedMark("date", mark.isoformat())
        case bytes():
            saved = _SavedMark("bytes", mark.hex())
        case _:
            saved = _SavedMark(type(mark).__name__, str(mark))
    return msgspec.json.encode(saved)


def decode_mark(content: bytes) -> Mark:
    """Return the mark that `encode_mark` encoded. Raises `ValueError`."""
    saved = msgspec.json.decode(content, type=_SavedMark)
    match saved.kind:
        case "time":
            return datetime.fromisoformat(saved.text)
        case "date":
            return date.fromisoformat(saved.text)
        case "bytes":
            return bytes.fromhex(saved.text)
        case "int":
            return int(saved.text)
        case "float":
            return float(saved.text)
        case "Decimal":
            return Decimal(saved.text)
        case "str":
            return saved.text
    raise ValueError("unknown kind of mark")


class Overlap:
    """The part of the rows that is read again. `zone` is that of times without an offset; None if unknown."""

    def __init__(self, seconds: float, numbers: int, zone: ZoneInfo | None) -> None:
        self._time = timedelta(seconds=seconds)
        self._days = timedelta(days=-(-self._time // timedelta(days=1)))
        self._numbers = numbers
        self._zone = zone

    def lowest(self, mark: Mark) -> Mark:
        """Return the value from which rows are read again: `mark` less the overlap.

        A text is treated as a time if it begins with one in ISO 8601, and has no overlap otherwise. Neither have bytes.
        """
        match mark:
            case datetime():
                return self._lowest_time(mark)
            case date():
                return _subtract(mark, self._days)
            case int() | float():
                return mark - self._numbers
            case Decimal():
                return mark - Decimal(self._numbers)
            case str() if found := _TIME_TEXT.match(mark):
                lowest = self._lowest_time(datetime.fromisoformat(found[0])).replace(microsecond=0)
                return lowest.isoformat(found[0][10]) + mark[found.end() :]
            case str() if _DATE_TEXT.fullmatch(mark):
                return _subtract(date.fromisoformat(mark), self._days).isoformat()
        return mark

    def bounded(self, mark: Mark, now: datetime) -> Mark:
        """Return `mark`, or `now` if the mark is a later time: a row with a time in the future must not hide later rows."""
        match mark:
            case datetime():
                return min(mark, self._present(now, mark.tzinfo is not None))
            case date():
                return min(mark, self._present(now, has_offset=False).date())
            case str() if found := _TIME_TEXT.match(mark):
                present = self._present(now, has_offset=False).replace(microsecond=0).isoformat(found[0][10])
                return mark if found[0] <= present else present + mark[found.end() :]
            case str() if _DATE_TEXT.fullmatch(mark):
                return min(mark, self._present(now, has_offset=False).date().isoformat())
        return mark

    def is_above(self, mark: Mark, known: Mark) -> bool:
        """Return whether `mark` replaces `known`: it is higher, cannot be compared, or is a text without a time."""
        if isinstance(mark, str) and not _DATE_TEXT.match(mark):
            return True  # such texts have no overlap, and the order is that of the database
        try:
            return bool(mark > known)  # type: ignore[operator]
        except TypeError:
            return True

    def _lowest_time(self, mark: datetime) -> datetime:
        """Return a time less the overlap.

        While clocks are turned back, times without an offset are repeated. The whole repeated hour is then read again.
        """
        lowest = _subtract(mark, self._time)
        if mark.tzinfo is not None or self._zone is None:
            return lowest
        first, second = (mark.replace(tzinfo=self._zone, fold=fold).utcoffset() for fold in (0, 1))
        assert first is not None
        assert second is not None
        return _subtract(lowest, max(first - second, timedelta()))

    def _present(self, now: datetime, has_offset: bool) -> datetime:  # noqa: FBT001 - private
        """Return `now` as the database stores it; for times in an unknown zone the latest that it can be anywhere."""
        if has_offset:
            return now
        if self._zone is None:
            return now.astimezone(UTC).replace(tzinfo=None) + EARLIEST_OFFSET
        return now.astimezone(self._zone).replace(tzinfo=None)


def _subtract(value: Day, duration: timedelta) -> Day:
    try:
        return value - duration
    except OverflowError:
        return value
