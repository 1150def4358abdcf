"""What is counted, where and when."""

from models.events import Event
from streams.core import contact
from streams.core.contact import Contact
from streams.core.counting import count_contact
from streams.core.figures import BUCKET_SECONDS, Dimensions, Figure
from tests.support import figures as support
from tests.support.events import START_MS, answered_call, make
from tests.support.figures import Figures

PLACE = Dimensions("call", "siege", "autonomie", "mdph")
START = START_MS // 1000
assert START % BUCKET_SECONDS == 0


def count(*events: Event) -> tuple[Contact, Figures]:
    figures = Figures()
    row: Contact | None = None
    for event in events:
        after = contact.fold(row, event)
        count_contact(row, after, figures.__getitem__)
        row = after
    assert row is not None
    return row, figures


def named(figure: Figure) -> dict[str, int]:
    return support.named(PLACE, figure)


def test_each_fact_is_counted_in_the_bucket_of_its_own_time() -> None:
    _, figures = count(*answered_call(at=240, wait=70, handle=300))
    answered = {"answered": 1, "wait_milliseconds": 70_000, "wait_le_90": 1}
    ended = {"ended": 1, "handle_milliseconds": 300_000, "handle_le_300": 1}
    assert {key: named(figure) for key, figure in figures.items()} == {
        (0, PLACE): {"offered": 1} | answered | ended,
        (START, PLACE): {"offered": 1},
        (START + 300, PLACE): answered,
        (START + 600, PLACE): ended,
    }


def test_stocks_are_in_the_total_row_alone() -> None:
    events = answered_call()
    assert named(count(*events[:1])[1][0, PLACE]) == {}
    assert named(count(*events[:2])[1][0, PLACE]) == {"offered": 1, "waiting": 1}
    _, figures = count(*events[:3])
    assert named(figures[0, PLACE])["in_progress"] == 1
    assert "waiting" not in named(figures[0, PLACE])
    assert "in_progress" not in named(figures[START, PLACE])


def test_a_correction_moves_the_fact_and_remembers_it() -> None:
    _, figures = count(
        make("call.queued", 0, queue="mdph", site="siege", service="autonomie"),
        make("call.abandoned", 30, queue="mdph", site="siege", service="autonomie", wait_seconds=30),
        make("call.answered", 30, queue="mdph", site="siege", service="autonomie", wait_seconds=30),
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


def test_a_visit_that_turns_out_to_be_elsewhere_is_counted_there() -> None:
    nowhere = PLACE._replace(service="")
    _, figures = count(
        make("call.queued", 0, queue="mdph", site="siege"),
        make("call.answered", 9, queue="mdph", site="siege", service="autonomie"),
    )
    assert named(figures[0, nowhere]) == {"-offered": 1}
    assert named(figures[0, PLACE])["offered"] == 1


def test_what_was_right_all_along_is_not_corrected() -> None:
    queue = {"queue": "mdph", "site": "siege", "service": "autonomie"}
    _, figures = count(
        make("call.queued", 90, **queue, visit=2),
        make("call.left_queue", 120, **queue, visit=2, reason="key"),
        make("call.left_queue", 121, **queue, visit=2, reason="key", wait_seconds=29),
        make("call.left_queue", 60, **queue, visit=1, reason="timeout"),
        make("call.queued", 1, **queue, visit=1),
    )
    assert named(figures[0, PLACE]) == {"offered": 2, "left_key": 1, "left_timeout": 1}


def test_a_tombstone_leaves_what_was_counted() -> None:
    row, figures = count(*answered_call())
    before = named(figures[0, PLACE])
    count_contact(row, None, figures.__getitem__)
    assert named(figures[0, PLACE]) == before
