"""Conversion of a record's values to times, durations and numbers.

Every function raises `ValueError` with an English text that contains no value.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from connectors.sdk.identifiers import MAX_SECONDS
from connectors.sdk.mapping.fields import as_text

Unit = Literal["s", "ms", "min", "h:m", "m:s", "euros"]
"""Unit of a duration, or of an amount of money; `h:m` and `m:s` are for texts with one colon."""
ToTime = Callable[[Any], datetime]

_LOCAL_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - local times are subtracted from it
_EPOCH: Final = _LOCAL_EPOCH.replace(tzinfo=UTC)
_EXCEL_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - spreadsheets store local times
_CLOCK: Final = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)(?:[.,]\d+)?", re.ASCII)
_SHORT_CLOCK: Final = re.compile(r"(\d{1,4}):([0-5]\d)", re.ASCII)
_SPACE: Final = "[ \u00a0\u202f]"
"""Space between groups of digits: ordinary, or one that does not break the line."""
_NUMBER: Final = re.compile(
    r"-?(?:\d{1,15}(?:[.,]\d{1,15})?"
    rf"|\d{{1,3}}(?:{_SPACE}\d{{3}}){{1,4}}(?:[.,]\d{{1,15}})?"
    r"|\d{1,3}(?:\.\d{3}){1,4},\d{1,15})"
    rf"(?:{_SPACE}?€)?",
    re.ASCII,
)
"""`1580,80`, `1 580.80`, `1.580,80` or `15,80 €`. A point alone is decimal: `1.580` is less than two."""
_NOT_IN_NUMBER: Final = re.compile(rf"{_SPACE}|€")
_WORD: Final = re.compile(r"[^\W\d_]+\.?")
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "janvier janv jan january",
            "février fevrier févr fevr fév fev feb february",
            "mars mar march",
            "avril avr apr april",
            "mai may",
            "juin jun june",
            "juillet juil jul july",
            "août aout aug august",
            "septembre sept sep september",
            "octobre oct october",
            "novembre nov november",
            "décembre decembre déc dec december",
        ),
        1,
    )
    for name in names.split()
}
_DATE_PART: Final = re.compile(r"%[dmyYbB](?:[^%]*%[dmyYbB])*")
_CLOCK_PART: Final = re.compile(r"%H(?:[^%]*%[MS])*")
_DIRECTIVE: Final = re.compile("%(.)")
_DIGITS: Final = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_DIRECTIVES_OR_DIGITS: Final = re.compile("(?:%[A-Za-z])+|[0-9]+")
_FIRST_YEAR: Final = 1000
"""Earliest year of four digits: a date with fewer digits than its format is none."""
_WHOLE_NUMBER: Final = re.compile("[0-9]+")
_TIME_ERRORS: Final = (ValueError, TypeError, OverflowError, OSError, ArithmeticError)
_UNIT_SECONDS: Final = {"s": 1.0, "ms": 0.001, "min": 60.0}


def time_reader(time_format: str, zone: ZoneInfo | None) -> ToTime:
    """Return a function that converts a value to an aware time in UTC.

    `time_format` is `iso`, `epoch` (seconds since 1970), `epoch_ms`, `excel` (days since 1899-12-30, local time), or a format of
    `datetime.strptime`. `%B` and `%b` also match French month names. Numbers of several directives, such as `%H%M%S`, may lack
    their leading zeros, which spreadsheets remove: `22359` is 02:23:59. Times without an offset are in `zone`. Values that
    databases and spreadsheets store as dates or times are converted whatever the format is. This includes such a date joined
    with a text: `2026-03-16 09h15` is converted with the format `%d/%m/%Y %Hh%M`. A day number of `excel` may be joined with a
    time of day: `46097 09:15:00`, `46097 0.385`.
    """
    read = {"iso": _read_iso, "epoch": _read_epoch, "epoch_ms": _read_milliseconds, "excel": _read_serial}.get(
        time_format
    ) or _pattern_reader(time_format)
    readers_of_cells = [_read_iso, *(_pattern_reader(form) for form in _list_formats_of_cells(time_format))]

    def convert(value: Any) -> datetime:
        if isinstance(value, datetime):
            at = value
        elif isinstance(value, date):
            at = datetime.combine(value, time())
        else:
            try:
                at = read(value)
            except _TIME_ERRORS:
                found = _read_with_first(readers_of_cells, value)
                if found is None:
                    raise ValueError(f"not a time of the format {time_format}") from None
                at = found
        try:
            if at.tzinfo is not None:
                return at.astimezone(UTC)
            if zone is None:
                raise ValueError("has no offset from UTC, and `timezone` is not set")
            offset = zone.utcoffset(at)
            assert offset is not None
            # In a quarter of the time of `at.replace(tzinfo=zone).astimezone(UTC)`.
            return _EPOCH + (at - _LOCAL_EPOCH - offset)
        except OverflowError:
            raise ValueError(f"not a time of the format {time_format}") from None

    return convert


def _list_formats_of_cells(time_format: str) -> Iterator[str]:
    """Yield `time_format` with its date part in ISO 8601, then with its time of day in it: cells are joined in that form."""
    if "%" in time_format:
        yield _DATE_PART.sub("%Y-%m-%d", time_format, count=1)
        yield _CLOCK_PART.sub("%H:%M:%S", time_format, count=1)


def _read_with_first(readers: Iterable[Callable[[Any], datetime]], value: Any) -> datetime | None:
    """Return the time that the first reader which understands `value` gives."""
    for read in readers:
        with suppress(*_TIME_ERRORS):
            return read(value)
    return None


def check_time_format(time_format: str) -> str:
    """Return `time_format` if `time_reader` knows it. Raises `ValueError` otherwise."""
    if time_format not in {"iso", "epoch", "epoch_ms", "excel"} and not _is_pattern(time_format):
        raise ValueError("must be iso, epoch, epoch_ms, excel, or a format such as %d/%m/%Y %H:%M:%S")
    return time_format


def _is_pattern(time_format: str) -> bool:
    try:
        sample = datetime(2026, 11, 29, 13, 5, 7, tzinfo=UTC).strftime(time_format)
        return "%" in time_format and datetime.strptime(sample, time_format).year == 2026  # noqa: DTZ007 - may be local
    except (ValueError, re.error):  # `strptime` raises the latter for a repeated directive
        return False


def read_seconds(value: Any, unit: Unit = "s") -> float:
    """Return a duration in seconds, rounded to the millisecond: of a number in `unit`, or of a text such as `00:02:30`.

    At most seven days: a longer number may be a telephone number.
    """
    seconds = _read_duration(value, unit)
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(f"not between 0 and {MAX_SECONDS} seconds")
    return round(seconds, 3)


def read_number(value: Any) -> float:
    """Return a number; texts may have a decimal comma, spaces between thousands, and a euro sign at the end."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("not a number")  # noqa: TRY004 - as for texts
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            raise ValueError("not a number")
        value = _NOT_IN_NUMBER.sub("", value)
        if "," in value:
            value = value.replace(".", "").replace(",", ".")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError("not a number") from None
    if not isfinite(number):
        raise ValueError("not a number")
    return number


def read_whole_number(value: Any) -> int:
    """Return a whole number; texts may have decimals that are zero."""
    number = read_number(value)
    if not number.is_integer():
        raise ValueError("not a whole number")
    return int(number)


def read_cents(value: Any, unit: Unit = "s") -> int:
    """Return an amount of money in cents: of a number in cents, or with the unit `euros` or a euro sign in euros."""
    is_in_euros = unit == "euros" or (isinstance(value, str) and value.endswith("€"))
    return read_whole_number(round(read_number(value) * 100, 6) if is_in_euros else value)


def _read_duration(value: Any, unit: Unit) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, time):
        return timedelta(hours=value.hour, minutes=value.minute, seconds=value.second).total_seconds()
    if isinstance(value, str):
        if clock := _CLOCK.fullmatch(value):
            hours, minutes, seconds = map(int, clock.groups())
            return hours * 3600.0 + minutes * 60 + seconds
        if unit in {"h:m", "m:s"} and (clock := _SHORT_CLOCK.fullmatch(value)):
            high, low = map(int, clock.groups())
            return (high * 60.0 + low) * (60 if unit == "h:m" else 1)
    try:
        return read_number(value) * _UNIT_SECONDS[unit]
    except (ValueError, KeyError):
        raise ValueError("not a duration") from None


def _read_iso(value: Any) -> datetime:
    return datetime.fromisoformat(value)


def _read_epoch(value: Any) -> datetime:
    return datetime.fromtimestamp(read_number(value), UTC)


def _read_milliseconds(value: Any) -> datetime:
    return datetime.fromtimestamp(read_number(value) / 1000, UTC)


def _read_serial(value: Any) -> datetime:
    try:
        days = read_number(value)
    except ValueError:  # a day and a time of day, joined by a space
        day, _space, clock = str(value).rpartition(" ")
        part = _read_duration(clock, "h:m") / 86_400 if ":" in clock else read_number(clock)
        if not 0 <= part < 1:
            raise
        days = read_whole_number(day) + part
    return _EXCEL_EPOCH + timedelta(seconds=round(days * 86_400))


def _pattern_reader(time_format: str) -> Callable[[Any], datetime]:
    numeric = time_format.replace("%B", "%m").replace("%b", "%m")
    parse = partial(_read_pattern, numeric, _list_widths(numeric))
    read = _digits_reader(numeric, parse) or parse
    return read if numeric == time_format else lambda value: read(_WORD.sub(_month_number, value))


def _digits_reader(time_format: str, parse: Callable[[Any], datetime]) -> Callable[[Any], datetime] | None:
    """Return a reader of a format that has only numbers of fixed length, several times as fast as `strptime`; None for others.

    It uses `parse` for other values, such as a day without its leading zero.
    """
    directives = _DIRECTIVE.findall(time_format)
    if not set(directives) <= _DIGITS.keys() or not {"Y", "m", "d"} <= set(directives):
        return None
    pattern = _DIRECTIVE.sub(lambda found: f"([0-9]{{{_DIGITS[found[1]]}}})", re.escape(time_format))
    match = re.compile(pattern).fullmatch
    groups = [directives.index(name) + 1 for name in "YmdHMS" if name in directives]
    iso = "%s-%s-%sT%s:%s:%s"[: 3 * len(groups) - 1]

    def read(value: Any) -> datetime:
        found = match(value) if isinstance(value, str) else None
        return datetime.fromisoformat(iso % found.group(*groups)) if found else parse(value)

    return read if {"H", "M", "S"} - set(directives) in ({"H", "M", "S"}, {"S"}, set()) else None


def _list_widths(time_format: str) -> tuple[int, ...]:
    """Return the length of each number in a time; 0 for those of a single directive, which may have fewer digits."""
    known = {**_DIGITS, "y": 2}
    numbers = map(_DIRECTIVE.findall, _DIRECTIVES_OR_DIGITS.findall(time_format))
    return tuple(
        sum(known[name] for name in names) if len(names) > 1 and set(names) <= known.keys() else 0 for names in numbers
    )


def _read_pattern(time_format: str, widths: Sequence[int], value: Any) -> datetime:
    text = as_text(value) if isinstance(value, int | float | Decimal) else value
    if any(widths):  # without its zero, `strptime` would read `22359` as 22:35:09
        left = iter(widths)
        text = _WHOLE_NUMBER.sub(lambda number: number[0].zfill(next(left, 0)), text)
    at = datetime.strptime(text, time_format)  # noqa: DTZ007 - the caller adds the zone
    if at.year < _FIRST_YEAR:
        raise ValueError("a number has too few digits")
    return at


def _month_number(word: re.Match[str]) -> str:
    number = _MONTHS.get(word[0].lower().rstrip("."))
    return f"{number:02}" if number else word[0]
