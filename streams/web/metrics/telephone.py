"""Metrics of calls outside queues: dialled lines, voice menus, voice messages and callbacks."""

from collections.abc import Iterable, Iterator

from models.topics import Channel
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import CALLBACK_CHANNEL, CALLBACK_SCHEMA, LINE_SCHEMA, MENU_SCHEMA
from streams.web.metrics.figure_readers import count
from streams.web.metrics.measure import FigureMeasure, counter_measure, histogram_measure


def measures() -> list[FigureMeasure]:
    """Return the definitions of these metrics; `FiguresCollector` computes their values."""
    return [
        counter_measure(
            "contact_line_arrived",
            "Calls that arrived, by dialled line; empty for an unknown line.",
            count(LINE_SCHEMA, "line_arrived"),
            ("line",),
        ),
        counter_measure(
            "contact_line_queued",
            "Calls that arrived on a line and entered a queue or were refused by one, at the time of their arrival.",
            count(LINE_SCHEMA, "line_queued"),
            ("line",),
        ),
        counter_measure(
            "contact_menu_chosen",
            "Choices in voice menus, each once per call; empty for an unknown choice.",
            count(MENU_SCHEMA, "menu_chosen"),
            ("option",),
        ),
        counter_measure(
            "contact_voice_message_left",
            "Calls with a voice message, by the queue that must call back.",
            count(CALLBACK_SCHEMA, "message_left"),
        ),
        counter_measure(
            "contact_voice_message_heard",
            "Calls with a voice message that an agent listened to.",
            count(CALLBACK_SCHEMA, "message_heard"),
        ),
        counter_measure(
            "contact_callback_requested",
            "Calls with a request for a callback, by the queue that must call back.",
            count(CALLBACK_SCHEMA, "callback_requested"),
        ),
        counter_measure(
            "contact_callback_made",
            "Calls that an agent called back after a voice message or a request.",
            count(CALLBACK_SCHEMA, "called_back"),
        ),
        histogram_measure(
            "contact_voice_message_hearing_seconds",
            "Elapsed time from the voice message until an agent listened to it.",
            "message_hearing",
            (CALLBACK_CHANNEL,),
        ),
        histogram_measure(
            "contact_callback_seconds",
            "Elapsed time from the voice message or the request, whichever came first, to the first callback.",
            "callback",
            (CALLBACK_CHANNEL,),
        ),
    ]


def expected_dimensions(dimension_keys: Iterable[Dimensions]) -> Iterator[Dimensions]:
    """Yield the dimensions under which messages and callbacks of the queues of calls are counted."""
    for channel, site, service, queue in dimension_keys:
        if channel == Channel.CALL and queue:
            yield Dimensions(CALLBACK_CHANNEL, site, service, queue)
