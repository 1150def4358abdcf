"""Figures of the sample of `accueil connectors try`: its contacts by queue and channel, counted as for the board."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

import click

from connectors.sdk.mapping.trial import TriedRecord
from models.locale import _
from streams.cli.figure_labels import figure_label
from streams.cli.output_tables import code_or_label, print_table
from streams.core.contacts.contact import Contact, fold
from streams.core.figures.figure import Dimensions, Figure, left, merge, new_figure
from streams.core.figures.figure_counts import count_contact
from streams.core.figures.figure_schemas import CASE_SCHEMA, CLOSED_COUNTS, FIGURE_SCHEMAS, OPEN, QUEUE_SCHEMA
from streams.core.rows import TooManyDimensions

MOST_QUEUES: Final = 50
"""Most queues to print."""


class Place(NamedTuple):
    """What a line of the figures is about."""

    channel: str
    queue: str
    """Empty for a case, such as a letter."""


def print_figures(tried: Iterable[TriedRecord]) -> None:
    """Print the figures of queues and of cases; nothing if the sample has neither."""
    figures = count_figures(tried)
    queues = {place: figure for place, figure in figures.items() if FIGURE_SCHEMAS[place.channel] is QUEUE_SCHEMA}
    cases = {place: figure for place, figure in figures.items() if FIGURE_SCHEMAS[place.channel] is CASE_SCHEMA}
    if not queues and not cases:
        return
    click.echo()
    click.echo(
        _("Figures of the sample, all days together, counted as on the board. Compare them with those of the source:")
    )
    if queues:
        click.echo()
        _print_queues(queues)
    if cases:
        click.echo()
        _print_cases(cases)


def count_figures(tried: Iterable[TriedRecord]) -> dict[Place, Figure]:
    """Return the figures of the contacts by channel and queue, of all sites, services and days together.

    Derived figures, such as those of callbacks, are left out.
    """
    totals: dict[Dimensions, Figure] = {}

    def edit(key: tuple[int, Dimensions]) -> Figure:
        start, dimensions = key
        schema = FIGURE_SCHEMAS[dimensions.channel]
        return new_figure(schema) if start else totals.setdefault(dimensions, new_figure(schema))

    for contact in _fold(tried):
        count_contact(None, contact, edit)
    found: dict[Place, Figure] = {}
    for dimensions, figure in totals.items():
        schema = FIGURE_SCHEMAS[dimensions.channel]
        if schema in (QUEUE_SCHEMA, CASE_SCHEMA):
            merge(found.setdefault(Place(dimensions.channel, dimensions.queue), new_figure(schema)), figure)
    return found


def _fold(tried: Iterable[TriedRecord]) -> Iterable[Contact]:
    """Return the contacts of the sample. A contact whose record was replaced begins again, as in operation."""
    rows: dict[str, Contact] = {}
    for record in tried:
        for event in record.replaced:
            rows.pop(event.subject, None)
        for event in record.events:
            with suppress(TooManyDimensions):  # in operation it is a dead letter and counts in no figure
                rows[event.subject] = fold(rows.get(event.subject), event)
    return rows.values()


def _print_queues(figures: Mapping[Place, Figure]) -> None:
    counts = ("offered", "answered", "abandoned")
    titles = (
        _("channel"),
        _("queue"),
        *map(figure_label, counts),
        figure_label("left"),
        _("open"),
        _("mean wait, seconds"),
    )
    index, stocks = QUEUE_SCHEMA.index, QUEUE_SCHEMA.stock_index
    rows = []
    for place, figure in sorted(
        figures.items(), key=lambda item: (item[0].channel, -item[1].counts[index["offered"]], item[0].queue)
    ):
        numbers = [figure.counts[index[name]] for name in counts]
        is_open = figure.stocks[stocks["waiting"]] + figure.stocks[stocks["in_progress"]]
        answered = figure.counts[index["answered"]]
        wait = f"{figure.counts[index['wait_milliseconds']] / answered / 1000:.0f}" if answered else "-"
        channel = code_or_label("channel", place.channel)
        rows.append((channel, place.queue or "-", *map(str, (*numbers, left(figure), is_open)), wait))
    print_table(titles, rows[:MOST_QUEUES])
    if len(rows) > MOST_QUEUES:
        click.echo(_("… and {count} more queues", count=len(rows) - MOST_QUEUES))
    if any(figure.stocks[stocks[name]] for figure in figures.values() for name in ("waiting", "in_progress")):
        click.echo(_("open: the sample has no end of these contacts; those in conversation also count as answered"))


def _print_cases(figures: Mapping[Place, Figure]) -> None:
    index = CASE_SCHEMA.index
    rows = []
    for place, figure in sorted(figures.items()):
        closed = sum(figure.counts[index[name]] for name in CLOSED_COUNTS)
        is_open = sum(figure.stocks[CASE_SCHEMA.stock_index[name]] for name in OPEN)
        numbers = (figure.counts[index["received"]], figure.counts[index["responded"]], closed, is_open)
        rows.append((code_or_label("channel", place.channel), *map(str, numbers)))
    print_table((_("channel"), *map(figure_label, ("received", "responded", "closed")), _("open")), rows)
