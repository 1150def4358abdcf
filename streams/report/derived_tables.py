"""Tables of a report: reasons for contact, dialled lines, voice menus, voice messages and callbacks, counted post."""

from collections.abc import Callable, Mapping
from typing import Final

from models.events import PostDirection
from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure, merge, new_day
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    CALLBACK_SCHEMA,
    LINE_CHANNEL,
    LINE_SCHEMA,
    MENU_CHANNEL,
    MENU_SCHEMA,
    POST_CHANNEL,
    POST_SCHEMA,
    REASON_CHANNEL,
    REASON_SCHEMA,
    FigureSchema,
)
from streams.report.rows import FigureCells, Table, Value, by_all_dimensions, by_queue, make_table, share
from streams.web.options import WebOptions

_ITEMS: Final = POST_SCHEMA.index["post_items"]
_REASON: Final = REASON_SCHEMA.index["reason_contacts"]
_BY_CHANNEL: Final = FigureSchema(facts=tuple(Channel), durations=(), stocks=())
"""Schema of the rows of reasons: contacts by channel."""


def read_reasons(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    """Return the table of reasons, and if services are known, a table of reasons by service. Unused channels have no column."""
    by_reason: dict[Dimensions, Figure] = {}
    for dimensions, figure in figures.items():
        contact_channel, _, reason = dimensions.queue.partition(":")
        row = by_reason.setdefault(dimensions._replace(site="", queue=reason), new_day(_BY_CHANNEL))
        row.counts[_BY_CHANNEL.index[contact_channel]] += figure.counts[_REASON]
    total = new_day(_BY_CHANNEL)
    for figure in by_reason.values():
        merge(total, figure)
    used = [name for name in Channel if total.counts[_BY_CHANNEL.index[name]]]

    def read(cells: FigureCells) -> dict[str, Value]:
        return {"contacts": cells.count(*used), **{str(name): cells.count(name) for name in used}}

    def size(figure: Figure) -> int:
        return sum(figure.counts)

    tables = [make_table("reasons", by_reason, _BY_CHANNEL, read, lambda place: place._replace(service=""), size)]
    if any(dimensions.service for dimensions in by_reason):
        tables.append(make_table("reasons_by_service", by_reason, _BY_CHANNEL, read, by_all_dimensions, size))
    return tables


def read_lines(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    """Return the table of dialled lines."""

    def read(cells: FigureCells) -> dict[str, Value]:
        arrived, queued = cells.number("line_arrived"), cells.number("line_queued")
        unqueued = max(0, arrived - queued)  # calls that arrived before an upgrade were not counted as such
        return {
            "line_arrived": cells.count("line_arrived"),
            "line_queued": cells.count("line_queued"),
            "line_unqueued": Value(unqueued, "count"),
            "unqueued_share": share(unqueued, arrived),
        }

    return [make_table("lines", figures, LINE_SCHEMA, read, by_all_dimensions)]


def read_menu(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    """Return the table of choices in voice menus."""

    def read(cells: FigureCells) -> dict[str, Value]:
        return {"menu_chosen": cells.count("menu_chosen")}

    return [make_table("menu", figures, MENU_SCHEMA, read, by_all_dimensions)]


def read_callbacks(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    """Return the table of voice messages and callbacks."""

    def read(cells: FigureCells) -> dict[str, Value]:
        return {
            "messages_left": cells.count("message_left"),
            "messages_heard": cells.count("message_heard"),
            "mean_hearing": cells.mean("message_hearing"),
            "callbacks_requested": cells.count("callback_requested"),
            "called_back": cells.count("called_back"),
            "mean_callback": cells.mean("callback"),
        }

    return [make_table("callbacks", figures, CALLBACK_SCHEMA, read, by_all_dimensions)]


def read_post(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    """Return a table of counted post for each direction."""

    def read(cells: FigureCells) -> dict[str, Value]:
        return {
            "post_items": cells.count("post_items"),
            "postage": Value(cells.number("post_cost_cents") / 100, "euros"),
        }

    def count_items(figure: Figure) -> int:
        return figure.counts[_ITEMS]

    return [
        make_table(
            f"post_{direction}",
            {place: figure for place, figure in figures.items() if place.queue.startswith(f"{direction}:")},
            POST_SCHEMA,
            read,
            by_queue,
            count_items,
        )
        for direction in PostDirection
    ]


DERIVED_READERS: Final[Mapping[str, Callable[[str, Mapping[Dimensions, Figure], WebOptions], list[Table]]]] = {
    LINE_CHANNEL: read_lines,
    MENU_CHANNEL: read_menu,
    CALLBACK_CHANNEL: read_callbacks,
    POST_CHANNEL: read_post,
    REASON_CHANNEL: read_reasons,
}
"""Channel of derived figures → function that reads their tables."""
