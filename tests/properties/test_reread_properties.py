"""Reading a source again changes no figure, for any events in any order, with rows deleted in between."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from models import topics
from models.events import Event
from streams.core.figures.recompute_diff import compare
from tests.support.events import IN_QUEUE, make
from tests.support.simulated_workers import DAY_MS, HOUR_MS
from tests.unit.agents.worker import Worker, record

DAY = 86_400
LATE = {"mail", "feedback"}
"""Channels whose sources emit late. Their events carry a header while the source is reread."""


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """Draw events within a hundred days. Events of letters and opinions are in order, but late.

    Two events of one letter are never in the same second, where only the source knows their order.
    """
    events = []
    for number in range(draw(st.integers(1, 6))):
        for nth in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, 100)) * DAY + draw(st.integers(0, 3))
            contact_kind = draw(st.sampled_from(["call", "letter", "agent", "opinion"]))
            at += 4 * nth * (contact_kind in {"letter", "opinion"})
            name = f"{number}-{nth}-{at}"
            match contact_kind:
                case "call":
                    kind = draw(st.sampled_from(["call.arrived", "call.queued", "call.answered", "call.ended"]))
                    data: dict[str, object] = {
                        "call.arrived": {},
                        "call.answered": {**IN_QUEUE, "wait_seconds": 3},
                        "call.ended": {**IN_QUEUE, "ended_by": "agent"},
                    }.get(kind, {**IN_QUEUE})
                    subject = f"call:asterisk/siege:{number}"
                case "letter":
                    kind, data = draw(st.sampled_from(["letter.arrived", "letter.assigned", "letter.closed"])), {}
                    data = {"outcome": "resolved"} if kind == "letter.closed" else data
                    subject = f"letter:maarch/siege:{number}"
                case "opinion":
                    kind, data = "feedback.given", {"survey": "enquete", "scale": "csat_1_5", "score": 4}
                    subject = f"call:asterisk/siege:{number}"
                case _:
                    kind, data = "agent.state_changed", {**IN_QUEUE, "change": "ring_unanswered"}
                    subject = f"agent:asterisk/siege:agent:k1-{number}"
            events.append(make(kind, at, subject=subject, native_id=name, **data))
    return sorted(events, key=lambda event: event.time.timestamp() if event.channel in LATE else -1)


def read(worker: Worker, events: Sequence[Event], *, again: bool = False) -> None:
    for event in events:  # calls and agents need no header
        headers = [(topics.REREAD_HEADER, b"1")] if again and event.channel in LATE else []
        step = worker.step()
        worker.job.fold("contact.v1", [record(event, timestamp=worker.now, headers=headers)], step)
        worker.commit()


@settings(max_examples=150)
@given(logs(), st.data())
def test_reading_a_source_again_changes_no_figure(log: list[Event], data: st.DataObject) -> None:
    worker = Worker()
    worker.now += 101 * DAY_MS
    waits = st.lists(st.integers(0, 40), min_size=len(log), max_size=len(log))
    for event, days in zip(log, data.draw(waits), strict=True):  # first read in any order, over any time
        read(worker, [event])
        worker.now += days * DAY_MS
        for _ in range(2):
            worker.tick(2 * HOUR_MS)
    for _ in range(2):
        before = worker.sums()
        read(worker, data.draw(st.permutations(log)), again=True)
        assert compare(worker.sums(), before) == []
        worker.now += data.draw(st.integers(0, 60)) * DAY_MS
        for _ in range(2):
            worker.tick(2 * HOUR_MS)
