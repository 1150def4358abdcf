"""Rows and figures of contacts, folded from events without a worker, and the invariants of figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.events import Event, PostageClass
from streams.core.contacts import contact
from streams.core.contacts.contact import Contact
from streams.core.figures.figure import Dimensions, Figure, left, new_figure
from streams.core.figures.figure_counts import count_contact
from streams.core.figures.figure_schemas import (
    APPOINTMENT_SCHEMA,
    CANCELLED_COUNTS,
    CASE_SCHEMA,
    CLOSED_COUNTS,
    FEEDBACK,
    FIGURE_SCHEMAS,
    QUEUE_SCHEMA,
    SLA_RESULTS,
    SLA_SCHEMA,
    WAIT_CLASSES,
    csat_count_name,
)

FigureKey = tuple[int, Dimensions]
"""Start of a bucket, 0 for a total, and dimensions."""


class Figures(dict[FigureKey, Figure]):
    """Figure rows by key, with rows of zeros as default."""

    def __missing__(self, key: FigureKey) -> Figure:
        figure = self[key] = new_figure(FIGURE_SCHEMAS[key[1].channel])
        return figure


def fold_contact(*events: Event, row: Contact | None = None) -> Contact:
    """Return the row of a contact after its events."""
    for event in events:
        row = contact.fold(row, event)
    assert row is not None
    return row


def count_events(*events: Event) -> Figures:
    """Return the figures of one contact, counted after each of its events."""
    figures = Figures()
    row: Contact | None = None
    for event in events:
        before, row = row, contact.fold(row, event)
        count_contact(before, row, figures.__getitem__)
    return figures


def check_rows_are_immutable(rows: Any, events: Sequence[Event]) -> None:
    """Fold events with the module `rows`: no row object changes after its fold, and a duplicate returns the same object."""
    row: Any = None
    for event in events:
        before, encoded = row, rows.encode(row) if row else b""
        row = rows.fold(before, event)
        assert rows.fold(row, event) is row
        assert before is None or rows.encode(before) == encoded
    for event in events:
        assert rows.fold(row, event) is row


def current_numbers(figures: Mapping[FigureKey, Figure]) -> dict[FigureKey, tuple[list[int], list[int]]]:
    """Return counts and stocks of all figures that are not all zeros, without their corrections."""
    return {key: (row.counts, row.stocks) for key, row in figures.items() if any(row.counts) or any(row.stocks)}


def named(dimensions: Dimensions, figure: Figure) -> dict[str, int]:
    """Return the counts that are not zero by name; reversed counts are negative."""
    figure_schema = FIGURE_SCHEMAS[dimensions.channel]
    counts = {name: count for name, count in zip(figure_schema.counts, figure.counts, strict=True) if count}
    stocks = {name: count for name, count in zip(figure_schema.stocks, figure.stocks, strict=True) if count}
    return counts | stocks | {f"-{figure_schema.counts[index]}": taken for index, taken in figure.corrected.items()}


def check_invariant(dimensions: Dimensions, total: Figure) -> None:
    """Check that all arrived contacts are accounted for in the total row of these dimensions."""
    figure_schema = FIGURE_SCHEMAS[dimensions.channel]
    count = dict(zip(figure_schema.counts, total.counts, strict=True))
    stock = dict(zip(figure_schema.stocks, total.stocks, strict=True))
    if figure_schema is QUEUE_SCHEMA:
        finished = sum(count[name] for name in ("transferred", "ended", "ended_forgotten"))
        assert count["offered"] == count["answered"] + count["abandoned"] + left(total) + stock["waiting"]
        assert count["answered"] == finished + stock["in_progress"]
    elif figure_schema is CASE_SCHEMA:
        assert count["received"] == sum(count[name] for name in CLOSED_COUNTS) + sum(stock.values())
        assert all(
            count[step] <= count["received"] for step in ("registered", "assigned", "responded", "scanned", "reopened")
        )
        assert count["postage_cents"] == sum(count[f"postage_cents_{postage}"] for postage in PostageClass)
    elif figure_schema is APPOINTMENT_SCHEMA:
        settled = sum(count[name] for name in (*CANCELLED_COUNTS, "attended", "missed"))
        assert count["booked"] == settled + sum(stock.values())
        assert count["booked"] == count["booked_by_citizen"] + count["booked_by_service"]
    elif figure_schema is SLA_SCHEMA:
        ended = sum(count[name] for name in ("met", "late", "cancelled", "cancelled_late"))
        assert count["started"] == ended + sum(stock.values())
        assert count["breached"] == count["late"] + count["cancelled_late"] + stock["overdue"]
        assert count["due"] == stock["running"] + stock["at_risk"] + stock["overdue"]
    elif figure_schema is FEEDBACK:
        assert count["invited_answered"] <= count["invited"]
        for satisfied, scores in ((True, (4, 5)), (False, (1, 2, 3))):
            given = sum(count[f"given_csat_1_5_{score}"] for score in scores)
            assert given == sum(count[csat_count_name(which, is_satisfied=satisfied)] for which in SLA_RESULTS)
            assert given >= sum(count[csat_count_name(which, is_satisfied=satisfied)] for which in WAIT_CLASSES)
    for name, duration in figure_schema.durations.items():
        start = figure_schema.start(name)
        measured = sum(total.counts[start : start + len(duration.bounds) + 1])
        assert measured == sum(count[fact] for fact in duration.of)
