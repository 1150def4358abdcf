"""A late report of an end in time withdraws the breach from the timeline."""

import pytest

from streams.timeline.store import Timeline
from tests.support.events import CALL, make
from tests.unit.agents.clocks import QUEUED, Worker, waiting

CONTACT = f"{CALL}1"


@pytest.mark.parametrize(
    ("kind", "at", "stored"),
    [
        ("call.answered", 20, ["call.answered", "call.queued", "sla.met"]),
        ("call.answered", 90, ["call.answered", "call.queued", "sla.breached", "sla.met"]),
        ("call.abandoned", 20, ["call.abandoned", "call.queued", "sla.cancelled"]),
    ],
)
def test_late_report_of_an_end_in_time_withdraws_the_breach(
    timeline: Timeline, kind: str, at: float, stored: list[str]
) -> None:
    worker = Worker()

    def types() -> list[str]:
        timeline.write(worker.entries)
        return sorted(row["type"] for row in timeline.read_contact(CONTACT))

    worker.at(1, waiting())
    worker.until(100)
    assert types() == ["call.queued", "sla.breached"]
    worker.at(200, make(kind, at, subject=CONTACT, **QUEUED))
    assert types() == stored
