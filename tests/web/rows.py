"""Test worker that writes rows of figures."""

from datetime import datetime

import msgspec

from models.timestamps import milliseconds
from streams.core.figures.figure import (
    BUCKET_SECONDS,
    PROGRESS_KEY,
    Dimensions,
    Figure,
    Progress,
    bucket_key,
    new_figure,
    total_key,
)
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    CASE_SCHEMA,
    CONTACT_CHANNELS,
    FIGURE_SCHEMAS,
    LINE_CHANNEL,
    MENU_CHANNEL,
    POST_CHANNEL,
    REASON_CHANNEL,
)
from streams.web.view import FiguresView

encode = msgspec.json.encode
SOCIAL = Dimensions("call", "siege", "social", "aide-sociale")
ROADS = Dimensions("call", "siege", "routes", "routes")
DESK = Dimensions("visit", "annexe", "social", "")
MAIL = Dimensions("mail", "siege", "social", "")
EMAIL = Dimensions("email", "siege", "social", "")
FORM = Dimensions("form", "siege", "social", "apa")
APPOINTMENT = Dimensions("appointment", "annexe", "social", "")
OPINION = Dimensions("feedback", "siege", "social", "call")
REASON = Dimensions(REASON_CHANNEL, "siege", "social", "call:logement")
REASONS = tuple(REASON._replace(queue=f"{channel}:logement") for channel in CONTACT_CHANNELS)
LINE = Dimensions(LINE_CHANNEL, "siege", "social", "standard")
MENU = Dimensions(MENU_CHANNEL, "siege", "social", "aides")
CALLBACK = Dimensions(CALLBACK_CHANNEL, "siege", "social", "aide-sociale")
POST = Dimensions(POST_CHANNEL, "siege", "social", "outgoing:lettre_verte")
DERIVED = (*REASONS, LINE, MENU, CALLBACK, POST)


def facts_of(place: Dimensions) -> tuple[str, ...]:
    """Return the names of the facts of a place; post has only amounts."""
    figure_schema = FIGURE_SCHEMAS[place.channel]
    return figure_schema.facts or figure_schema.counts


class Worker:
    """Folds facts into rows of one partition; `rows` returns the changed ones as (key, value)."""

    def __init__(self, view: FiguresView | None = None, partition: int = 0) -> None:
        self.view = view
        self.partition = partition
        self.totals: dict[Dimensions, Figure] = {}
        self.buckets: dict[tuple[int, Dimensions], Figure] = {}
        self._rows: dict[bytes, bytes] = {}

    def count(self, place: Dimensions, at: datetime, *facts: str, amount: float = 0, **numbers: int) -> None:
        """Count each fact once, with a duration in seconds if it has one, and `numbers` of others."""
        figure_schema = FIGURE_SCHEMAS[place.channel]
        counts: dict[int, int] = {figure_schema.index[name]: number for name, number in numbers.items()}
        for fact in facts:
            for index, number in figure_schema.changes(figure_schema.index[fact], int(amount * 1000)):
                counts[index] = counts.get(index, 0) + number
        total = self.totals.setdefault(place, new_figure(figure_schema))
        bucket = self.buckets.setdefault((_start(at), place), new_figure(figure_schema))
        for figure in (total, bucket):
            for index, number in counts.items():
                figure.counts[index] += number
        self._touch(place, at)

    def offered(self, place: Dimensions, at: datetime, number: int = 1) -> None:
        self.count(place, at, offered=number)

    def answered(
        self, place: Dimensions, at: datetime, wait_seconds: float, handle_seconds: float | None = None
    ) -> None:
        self.count(place, at, "offered", "answered", amount=wait_seconds)
        if handle_seconds is not None:
            self.count(place, at, "ended", amount=handle_seconds)

    def abandoned(self, place: Dimensions, at: datetime, wait_seconds: float) -> None:
        self.count(place, at, "offered", "abandoned", amount=wait_seconds)

    def left(self, place: Dimensions, at: datetime, reason: str) -> None:
        self.count(place, at, offered=1, **{f"left_{reason}": 1})

    def correct(self, place: Dimensions, at: datetime, name: str, amount: float | None = None) -> None:
        """Correct a counted fact, of `amount` seconds if it had a duration."""
        figure_schema = FIGURE_SCHEMAS[place.channel]
        index = figure_schema.index[name]
        changes = ((index, 1),) if amount is None else figure_schema.changes(index, int(amount * 1000))
        self.count(place, at)
        for figure in (self.totals[place], self.buckets[_start(at), place]):
            for index, number in changes:
                figure.counts[index] -= number
                figure.corrected[index] = figure.corrected.get(index, 0) + number
        self._touch(place, at)

    def stocks(self, place: Dimensions, oldest_waiting_at: datetime | None = None, **stocks: int) -> None:
        figure_schema = FIGURE_SCHEMAS[place.channel]
        total = self.totals.setdefault(place, new_figure(figure_schema))
        for name, number in stocks.items():
            total.stocks[figure_schema.stock_index[name]] = number
        total.oldest_waiting_at = milliseconds(oldest_waiting_at) if oldest_waiting_at else None
        if figure_schema is CASE_SCHEMA:
            number = stocks.get("waiting", 0) + stocks.get("in_progress", 0)
            total.open_since = {_start(oldest_waiting_at): number} if oldest_waiting_at else {}
        self._put(total_key(place), encode(total))

    def progress(self, at: datetime, *, written_at: datetime | None = None, **figures: object) -> None:
        progress = Progress(step_at=milliseconds(at), **figures)  # type: ignore[arg-type]
        self._put(PROGRESS_KEY, encode(progress), milliseconds(written_at or at))

    def rows(self) -> list[tuple[bytes, bytes]]:
        """Return the rows that changed since the last call."""
        rows, self._rows = list(self._rows.items()), {}
        return rows

    def _touch(self, place: Dimensions, at: datetime) -> None:
        self._put(total_key(place), encode(self.totals[place]))
        self._put(bucket_key(_start(at), place), encode(self.buckets[_start(at), place]))

    def _put(self, key: bytes, value: bytes, written_at: int = 0) -> None:
        self._rows[key] = value
        if self.view:
            self.view.apply_all(self.partition, [(key, value)], written_at)


def _start(at: datetime) -> int:
    return int(at.timestamp()) // BUCKET_SECONDS * BUCKET_SECONDS
