"""Changes of the figures after changes of contact rows."""

import pytest

from models.events import Event
from models.topics import Channel
from streams.core.contacts import contact
from streams.core.figures.figure import BUCKET_SECONDS, Dimensions, Figure
from streams.core.figures.figure_counts import count_contact
from streams.core.figures.figure_schemas import TRANSFER_CHANNEL
from tests.support import figures as support
from tests.support.events import IN_QUEUE, START_MS, answered_call, make
from tests.support.figures import Figures, count_events, fold_contact

PLACE = Dimensions("call", "siege", "autonomie", "mdph")
START = START_MS // 1000
assert START % BUCKET_SECONDS == 0


def named(figure: Figure) -> dict[str, int]:
    return support.named(PLACE, figure)


def test_each_fact_counts_in_the_bucket_of_its_time() -> None:
    figures = count_events(*answered_call(at=240, wait=70, handle=300))
    answered = {"answered": 1, "wait_milliseconds": 70_000, "wait_le_90": 1}
    ended = {"ended": 1, "handle_milliseconds": 300_000, "handle_le_300": 1}
    assert {key: named(figure) for key, figure in figures.items() if key[1].channel == Channel.CALL} == {
        (0, PLACE): {"offered": 1} | answered | ended,
        (START, PLACE): {"offered": 1},
        (START + 300, PLACE): answered,
        (START + 600, PLACE): ended,
    }


def test_correction_moves_the_fact_and_is_recorded() -> None:
    figures = count_events(
        make("call.queued", 0, **IN_QUEUE),
        make("call.abandoned", 30, **IN_QUEUE, wait_seconds=30),
        make("call.answered", 30, **IN_QUEUE, wait_seconds=30),
    )
    assert named(figures[0, PLACE]) == {
        "offered": 1,
        "answered": 1,
        "wait_milliseconds": 30_000,
        "wait_le_30": 1,
        "in_progress": 1,
        "-abandoned": 1,
        "-abandon_wait_milliseconds": 30_000,
        "-abandon_wait_le_30": 1,
    }


def transferred(at: int, to: str) -> Event:
    return make("call.transferred", at, **IN_QUEUE, kind="blind", to_queue=to)


def handed_on(figures: Figures) -> dict[str, dict[str, int]]:
    """Return the transfer figures by target queue."""
    return {
        dimensions.queue: numbers
        for (start, dimensions), figure in figures.items()
        if not start and dimensions.channel == TRANSFER_CHANNEL and (numbers := support.named(dimensions, figure))
    }


def test_transfer_counts_by_target_queue() -> None:
    for to in ("", "rsa"):
        figures = count_events(*answered_call()[:-1], transferred(200, to))
        assert named(figures[0, PLACE])["transferred"] == 1
        assert handed_on(figures) == {f"call:mdph:{to}": {"handed_on": 1}}
        assert support.named(PLACE, figures[START, PLACE]) != {}
        assert figures[START, Dimensions(TRANSFER_CHANNEL, "siege", "autonomie", f"call:mdph:{to}")].counts == [1]


def test_target_queue_of_an_earlier_release_has_the_time_of_the_transfer() -> None:
    row = fold_contact(*answered_call()[:3], transferred(200, "rsa")).__copy__()
    stay = row.stays[0].__copy__()
    stay.to_queue_at = None
    row.stays = (stay,)
    for at, to, counted in ((210, "apa", "apa"), (190, "apa", "rsa")):
        assert contact.fold(row, transferred(at, to)).stays[0].to_queue == counted, "with the time of its transfer"


def test_transfer_not_counted_by_an_earlier_release_is_never_subtracted() -> None:
    before = fold_contact(*answered_call()[:3], transferred(200, "rsa")).__copy__()
    stay = before.stays[0].__copy__()
    stay.to_queue = None
    before.stays = (stay,)
    earlier = make("call.queued", -5, **IN_QUEUE)
    after = contact.fold(before, earlier)
    figures = Figures()
    count_contact(before, after, figures.__getitem__)
    assert after.stays[0].placed_at < stay.placed_at
    assert handed_on(figures) == {}
    repeated = contact.fold(after, transferred(200, "rsa"))
    count_contact(after, repeated, figures.__getitem__)
    assert handed_on(figures) == {"call:mdph:rsa": {"handed_on": 1}}


def test_target_queues_beyond_the_limit_count_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.core.contacts.queue_stay._DESTINATIONS", set())
    monkeypatch.setattr("streams.core.contacts.queue_stay.MAX_DIMENSIONS", 3)
    for number in range(5):
        figures = count_events(*answered_call()[:-1], transferred(200, f"extension-{number}"))
        to = f"extension-{number}" if number < 3 else ""
        assert handed_on(figures) == {f"call:mdph:{to}": {"handed_on": 1}}
        assert named(figures[0, PLACE])["transferred"] == 1


def test_unchanged_facts_are_not_corrected() -> None:
    figures = count_events(
        make("call.queued", 90, **IN_QUEUE, visit=2),
        make("call.left_queue", 120, **IN_QUEUE, visit=2, reason="key"),
        make("call.left_queue", 121, **IN_QUEUE, visit=2, reason="key", wait_seconds=29),
        make("call.left_queue", 60, **IN_QUEUE, visit=1, reason="timeout"),
        make("call.queued", 1, **IN_QUEUE, visit=1),
    )
    assert named(figures[0, PLACE]) == {"offered": 2, "left_key": 1, "left_timeout": 1}
