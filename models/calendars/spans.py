"""Spans of a day, in minutes of local time since midnight: `08:30-12:00` is (510, 720). A day ends at 24:00."""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from models.calendars.errors import validation_error

DAY_MINUTES: Final = 24 * 60
_FORM: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)


class Span(NamedTuple):
    """From `begin` up to and without `end`."""

    begin: int
    end: int

    def __str__(self) -> str:
        """Return `HH:MM-HH:MM`."""
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in self)


WHOLE_DAY: Final = Span(0, DAY_MINUTES)


def parse_span(text: str) -> Span:
    """Return the span that `HH:MM-HH:MM` says; raises `PydanticCustomError` for any other form, or if it is reversed."""
    if not (found := _FORM.fullmatch(text)):
        raise validation_error("span_form", "must be HH:MM-HH:MM, at most 24:00", "attend HH:MM-HH:MM, au plus 24:00")
    begin_hour, begin_minute, end_hour, end_minute = found.groups()
    end = int(end_hour) * 60 + int(end_minute) if end_hour else DAY_MINUTES
    span = Span(int(begin_hour) * 60 + int(begin_minute), end)
    if span.begin >= span.end:
        raise validation_error(
            "span_reversed", "{span} ends before it begins", "{span} finit avant de commencer", span=text
        )
    return span


def merge(spans: Iterable[Span]) -> list[Span]:
    """Return the same time as disjoint spans in order; those that touch become one."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.begin <= merged[-1].end:
            merged[-1] = Span(merged[-1].begin, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def subtract(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """Return what is left of `spans`, in order, without `holes`."""
    left = list(spans)
    for hole in holes:
        pieces = [
            piece
            for one in left
            for piece in (Span(one.begin, min(one.end, hole.begin)), Span(max(one.begin, hole.end), one.end))
        ]
        left = [piece for piece in pieces if piece.begin < piece.end]
    return left


def _one_or_many(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


def _check_disjoint(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    ordered = tuple(sorted(spans))
    for one, other in pairwise(ordered):
        if other.begin < one.end:
            raise validation_error(
                "spans_overlap",
                "{one} and {other} overlap",
                "{one} et {other} se chevauchent",
                one=str(one),
                other=str(other),
            )
    return ordered


Hours = Annotated[
    tuple[Annotated[Span, BeforeValidator(lambda given: parse_span(given) if isinstance(given, str) else given)], ...],
    BeforeValidator(_one_or_many),
    AfterValidator(_check_disjoint),
    PlainSerializer(lambda spans: [str(span) for span in spans], when_used="unless-none"),
]
"""One `HH:MM-HH:MM`, or several that do not overlap; kept in order."""
