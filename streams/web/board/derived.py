"""Board figures of reasons for contact, dialled lines, voice menus, voice messages, callbacks and counted post."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure, merge, new_figure
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    CALLBACK_SCHEMA,
    FIGURE_SCHEMAS,
    LINE_CHANNEL,
    LINE_SCHEMA,
    MENU_CHANNEL,
    MENU_SCHEMA,
    POST_CHANNEL,
    POST_SCHEMA,
    REASON_CHANNEL,
    REASON_SCHEMA,
)
from streams.web.board.queues import make_labels_unique, queue_options_of, unique_labels
from streams.web.options import WebOptions
from streams.web.sums import add_up, divide_seconds
from streams.web.view import Snapshot

K = TypeVar("K")
_REASON: Final = REASON_SCHEMA.index["reason_contacts"]
_ITEMS: Final = POST_SCHEMA.index["post_items"]
_COST: Final = POST_SCHEMA.index["post_cost_cents"]


class ContactReason(msgspec.Struct, frozen=True):
    """Contacts of today with one reason."""

    reason: str
    label_fr: str
    label_en: str
    contacts: int
    """Contacts of all channels."""
    by_channel: dict[str, int]
    """Channel → contacts, without zeros."""


class Line(msgspec.Struct, frozen=True):
    """Calls of today on one dialled line."""

    site: str
    line: str
    """Empty if the source does not report the line."""
    label: str
    """Name of the line, with its site if several sites have a line of this name."""
    arrived: int
    queued: int
    """Calls that entered a queue, or were refused by one. The others ended before, or are still in a voice menu."""


class MenuChoice(msgspec.Struct, frozen=True):
    """Calls of today with one choice in a voice menu."""

    site: str
    option: str
    """Empty for a choice without a name."""
    label: str
    """Name of the choice, with its site if several sites have a choice of this name."""
    chosen: int


class Callbacks(msgspec.Struct, frozen=True, kw_only=True):
    """Voice messages and callbacks of today, of one queue or of all queues together."""

    site: str
    service: str
    queue: str | None
    """Queue that must call back; empty if unknown. None for all queues together."""
    label_fr: str
    label_en: str
    messages_left: int
    messages_heard: int
    mean_hearing_seconds: float | None
    """Mean time from the messages until an agent first listened to them today; None if none was heard."""
    requested: int
    """Callbacks requested."""
    called_back: int
    mean_callback_seconds: float | None
    """Mean time from the messages or requests until the callbacks of today; None without callbacks."""


class CountedPost(msgspec.Struct, frozen=True, kw_only=True):
    """Post of one direction and class, counted in total."""

    direction: str
    post_class: str
    today: int
    """Items of today."""
    items: int
    """Items of the last days (`day_windows.POST_WINDOW`): post is often counted once a day."""
    cost_cents: int
    """Postage of these items."""


def contact_reasons_of(snapshot: Snapshot, options: WebOptions) -> list[ContactReason]:
    """Return the reasons for contact of today, the most frequent first."""
    found: dict[str, dict[str, int]] = {}
    for dimensions, figure in _of_today(snapshot, REASON_CHANNEL).items():
        channel, _, reason = dimensions.queue.partition(":")
        by_channel = found.setdefault(reason, {})
        by_channel[channel] = by_channel.get(channel, 0) + figure.counts[_REASON]
    reasons = [
        ContactReason(reason, *options.reason_labels(reason), sum(by_channel.values()), by_channel)
        for reason, by_channel in found.items()
    ]
    return sorted(reasons, key=lambda reason: (-reason.contacts, reason.reason))


def lines_of(snapshot: Snapshot) -> list[Line]:
    """Return the dialled lines with calls today, those with most calls first."""
    lines = _by_site_and_queue(_of_today(snapshot, LINE_CHANNEL))
    labels = unique_labels({dimensions: dimensions.queue for dimensions in lines})
    arrived, queued = LINE_SCHEMA.index["line_arrived"], LINE_SCHEMA.index["line_queued"]
    found = [
        Line(dimensions.site, dimensions.queue, labels[dimensions], figure.counts[arrived], figure.counts[queued])
        for dimensions, figure in lines.items()
    ]
    return sorted(found, key=lambda line: (-line.arrived, line.label))


def menu_of(snapshot: Snapshot) -> list[MenuChoice]:
    """Return the choices in voice menus of today, the most frequent first."""
    choices = _by_site_and_queue(_of_today(snapshot, MENU_CHANNEL))
    labels = unique_labels({dimensions: dimensions.queue for dimensions in choices})
    chosen = MENU_SCHEMA.index["menu_chosen"]
    found = [
        MenuChoice(dimensions.site, dimensions.queue, labels[dimensions], figure.counts[chosen])
        for dimensions, figure in choices.items()
    ]
    return sorted(found, key=lambda choice: (-choice.chosen, choice.label))


def callbacks_of(snapshot: Snapshot, options: WebOptions) -> list[Callbacks]:
    """Return the voice messages and callbacks of today by queue, the most first, after the total of several queues."""
    today = _of_today(snapshot, CALLBACK_CHANNEL)
    figures = {dimensions._replace(channel=Channel.CALL.value): figure for dimensions, figure in today.items()}
    queues = make_labels_unique(queue_options_of(sorted(figures), options))
    rows = [
        _callbacks(queue.dimensions, (queue.label_fr, queue.label_en), figures[queue.dimensions]) for queue in queues
    ]
    rows.sort(key=lambda row: (-row.messages_left - row.requested, row.label_fr))
    if len(rows) > 1:
        total = add_up(figures, figures, CALLBACK_SCHEMA)
        rows.insert(0, _callbacks(None, ("", ""), total))
    return rows


def _callbacks(dimensions: Dimensions | None, labels: tuple[str, str], figure: Figure) -> Callbacks:
    count = dict(zip(CALLBACK_SCHEMA.counts, figure.counts, strict=True))
    return Callbacks(
        site=dimensions.site if dimensions else "",
        service=dimensions.service if dimensions else "",
        queue=dimensions.queue if dimensions else None,
        label_fr=labels[0],
        label_en=labels[1],
        messages_left=count["message_left"],
        messages_heard=count["message_heard"],
        mean_hearing_seconds=divide_seconds(count["message_hearing_milliseconds"], count["message_heard"]),
        requested=count["callback_requested"],
        called_back=count["called_back"],
        mean_callback_seconds=divide_seconds(count["callback_milliseconds"], count["called_back"]),
    )


def post_of(snapshot: Snapshot) -> list[CountedPost]:
    """Return the post counted in the last days: incoming first, then by number of items."""
    window = _by_queue({place: figure for place, figure in snapshot.post.items() if any(figure.counts)})
    today = _by_queue(_of_today(snapshot, POST_CHANNEL))
    found = []
    for name, figure in window.items():
        direction, _, post_class = name.partition(":")
        found.append(
            CountedPost(
                direction=direction,
                post_class=post_class,
                today=today[name].counts[_ITEMS] if name in today else 0,
                items=figure.counts[_ITEMS],
                cost_cents=figure.counts[_COST],
            )
        )
    return sorted(found, key=lambda post: (post.direction, -post.items, post.post_class))


def _of_today(snapshot: Snapshot, channel: str) -> dict[Dimensions, Figure]:
    """Return the figures of today, without dimensions whose counts are all zero."""
    return {
        dimensions: figure
        for dimensions, figure in snapshot.today.items()
        if dimensions.channel == channel and any(figure.counts)
    }


def _by_queue(figures: Mapping[Dimensions, Figure]) -> dict[str, Figure]:
    return _merge(figures, [dimensions.queue for dimensions in figures])


def _by_site_and_queue(figures: Mapping[Dimensions, Figure]) -> dict[Dimensions, Figure]:
    return _merge(figures, [dimensions._replace(service="") for dimensions in figures])


def _merge(figures: Mapping[Dimensions, Figure], keys: Sequence[K]) -> dict[K, Figure]:
    """Return the sums of `figures` by `keys`, which has one key for each of them."""
    merged: dict[K, Figure] = {}
    for key, (dimensions, figure) in zip(keys, figures.items(), strict=True):
        merge(merged.setdefault(key, new_figure(FIGURE_SCHEMAS[dimensions.channel])), figure)
    return merged
