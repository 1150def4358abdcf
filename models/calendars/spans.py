"""Spans of a day in minutes since local midnight: `08:30-12:00` is (510, 720). A day ends at 24:00."""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from models.calendars.errors import validation_error
from models.locale import _

DAY_MINUTES: Final = 24 * 60
_FORM: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)


class Span(NamedTuple):
    """Part of a day from `begin` to `end`, which is excluded, in minutes since local midnight."""

    begin: int
    end: int

    def __str__(self) -> str:
        """Return the span as the text `HH:MM-HH:MM`, which `parse_span` reads."""
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in self)


WHOLE_DAY: Final = Span(0, DAY_MINUTES)


def parse_span(text: str) -> Span:
    """Return the span of the text `HH:MM-HH:MM`. Raises `PydanticCustomError` for another form or a reversed span."""
    if not (found := _FORM.fullmatch(text)):
        raise validation_error("span_form", _("must be HH:MM-HH:MM, at most 24:00"))
    begin_hour, begin_minute, end_hour, end_minute = found.groups()
    end = int(end_hour) * 60 + int(end_minute) if end_hour else DAY_MINUTES
    span = Span(int(begin_hour) * 60 + int(begin_minute), end)
    if span.begin >= span.end:
        raise validation_error("span_reversed", _("{span} ends before it begins", span=text))
    return span


def merge(spans: Iterable[Span]) -> list[Span]:
    """Return the union of `spans` as disjoint spans, in order. Adjacent spans are joined."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.begin <= merged[-1].end:
            merged[-1] = Span(merged[-1].begin, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def subtract(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """Return the parts of `spans` outside all `holes`. A span around a hole becomes two; a covered span is dropped."""
    left = list(spans)
    for hole in holes:
        pieces = [
            piece
            for span in left
            for piece in (Span(span.begin, min(span.end, hole.begin)), Span(max(span.begin, hole.end), span.end))
        ]
        left = [piece for piece in pieces if piece.begin < piece.end]
    return left


def _as_tuple(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


def _check_disjoint(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    ordered = tuple(sorted(spans))
    for earlier, later in pairwise(ordered):
        if later.begin < earlier.end:
            raise validation_error(
                "spans_overlap", _("{earlier} and {later} overlap", earlier=str(earlier), later=str(later))
            )
    return ordered


Hours = Annotated[
    tuple[Annotated[Span, BeforeValidator(lambda given: parse_span(given) if isinstance(given, str) else given)], ...],
    BeforeValidator(_as_tuple),
    AfterValidator(_check_disjoint),
    PlainSerializer(lambda spans: [str(span) for span in spans], when_used="unless-none"),
]
"""One text `HH:MM-HH:MM`, or a list of them without overlap; validated to a tuple of spans in order."""
