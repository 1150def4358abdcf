"""Retraction of a contact, whose record was corrected or deleted in its source: it counts nowhere."""

import pytest

from models.events import Event
from streams.core.citizens.reattribution import WITHDRAWN
from tests.support.events import CALL, PHONE, answered_call, make
from tests.unit.agents import clocks
from tests.unit.agents.clocks import waiting
from tests.unit.agents.worker import Worker, numbers


def retraction(at: float, subject: str = CALL, channel: str = "call") -> Event:
    return make("contact.retracted", at, subject=subject, channel=channel)


@pytest.mark.parametrize("before", range(5))
def test_retracted_call_counts_nowhere(before: int) -> None:
    worker, call = Worker(), answered_call()
    worker.fold(*call[:before], retraction(200), *call[before:])
    worker.commit()
    assert numbers(worker) == {}


def test_retraction_withdraws_the_contact_from_the_citizen_and_ends_its_timeline() -> None:
    worker, call = Worker(), answered_call()
    worker.commit(worker.fold(*call))
    worker.commit(worker.fold(retraction(200), *answered_call()))
    after = worker.entries[len(call) :]
    assert [(entry.type, entry.citizen) for entry in after] == [(WITHDRAWN, PHONE), ("contact.retracted", "")]
    assert PHONE not in str(worker.job.contacts.rows[CALL.encode()])


def test_retraction_adds_no_figures_of_its_own() -> None:
    worker = Worker()
    worker.fold(make("letter.arrived", subject="mail:table/r:1", service="apa", site="siege"))
    worker.commit()
    figures = set(worker.job.figures.rows)
    worker.fold(retraction(200, "mail:table/r:1", "mail"))
    worker.commit()
    assert numbers(worker) == {}
    assert set(worker.job.figures.rows) == figures


def test_open_clock_of_a_retracted_call_is_cancelled() -> None:
    worker = clocks.Worker()
    worker.at(1, waiting())
    assert worker.at(20, retraction(20, f"{CALL}1")) == ["sla.cancelled"]
    assert not any(worker.figures().values())
    assert worker.until(200) == []
