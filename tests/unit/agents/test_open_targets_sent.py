"""Records of open SLA targets that the contacts agent sends to the timelines, whenever a deadline of a case changes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from models.policies import Policies
from models.timestamps import milliseconds
from streams.core.figures.figure import PROGRESS_KEY
from streams.core.sla import renewal
from tests.support.events import START, START_MS, make
from tests.unit.agents.clocks import ALWAYS, FILE, Worker, policies, waiting

DAY = 86_400
TARGETS = (
    ALWAYS
    + """
[[policy]]
name = "cases"
match = { channel = ["mail", "form"] }
calendar = "always"
clocks.acknowledge = { target = 86400, unit = "elapsed", at_risk = 0.5 }
clocks.resolution = { target = 864000, unit = "elapsed", at_risk = 0.8 }
"""
)
WHERE = {"site": "siege", "service": "autonomie", "sector": "social"}
LETTER = {"subject": "mail:maarch/ged:1", **WHERE}
FORM = {"subject": "form:demarches/essai:1", "procedure": "apa", **WHERE}
Due = dict[str, float | None]


def due(worker: Worker, since: int = 0) -> list[Due]:
    """Return the records sent, in order: each running clock with its deadline in seconds after the start."""
    return [
        {
            target.clock: None if target.due_at is None else (target.due_at - START_MS) / 1000
            for target in record.sla_targets
        }
        for record in worker.sent_targets[since:]
    ]


def case_worker(text: str = TARGETS) -> Worker:
    return Worker(policies(text))


def test_targets_of_a_letter_are_sent_on_arrival_and_whenever_one_is_met() -> None:
    worker = case_worker()
    worker.at(5, make("letter.arrived", 0, **LETTER))
    worker.at(10, make("letter.assigned", 6, **LETTER))  # changes no deadline
    worker.at(20, make("letter.acknowledged", 15, **LETTER))
    worker.at(2 * DAY, make("letter.answered", 2 * DAY - 9, **LETTER))
    assert due(worker) == [{"acknowledge": DAY, "resolution": 10 * DAY}, {"resolution": 10 * DAY}, {}]
    (record, *_) = worker.sent_targets
    (target, _) = record.sla_targets
    assert (record.contact, record.sector, record.happened_at) == (
        LETTER["subject"],
        "social",
        START + timedelta(seconds=5),
    )
    assert (target.policy, target.service) == ("cases", "autonomie")
    assert target.at_risk_at == START_MS + DAY * 500


def test_passing_time_sends_no_targets() -> None:
    worker = case_worker()
    worker.at(5, make("letter.arrived", 0, **LETTER))
    worker.at(DAY - 9)
    sent = len(worker.sent_targets)
    worker.until(DAY + 200)
    assert "sla.breached" in [event["type"] for event in worker.reported]
    assert len(worker.sent_targets) == sent


def test_target_has_no_deadline_while_the_citizen_has_to_act() -> None:
    worker = case_worker(TARGETS.replace("clocks.acknowledge", "clocks.announced").replace("clocks.resolution", "#"))
    worker.at(1, make("form.submitted", 0, **FORM))
    worker.at(101, make("form.correction_requested", 100, **FORM))
    worker.at(301, make("form.corrected", 300, **FORM))
    assert due(worker) == [{"announced": DAY}, {"announced": None}, {"announced": DAY + 200}]


def test_late_event_moves_the_deadline_and_a_reopened_case_is_due_again() -> None:
    worker = case_worker()
    worker.at(50, make("letter.answered", 40, **LETTER))
    worker.at(60, make("letter.arrived", 0, **LETTER))
    assert due(worker) == [], "it ended before the policy existed"
    worker.at(70, make("letter.arrived", 0, subject="mail:maarch/ged:2", **WHERE))
    worker.at(80, make("letter.assigned", -500, subject="mail:maarch/ged:2", **WHERE))
    assert due(worker)[-1] == {"acknowledge": DAY - 500, "resolution": 10 * DAY - 500}


def test_calls_send_no_targets() -> None:
    worker = Worker(policies(FILE + TARGETS.partition("[[policy]]")[2].join(["[[policy]]", ""])))
    worker.at(1, waiting())
    worker.until(100)
    worker.at(101, make("call.answered", 100, subject=waiting().subject, queue="mdph", **WHERE))
    assert {event["type"] for event in worker.reported} >= {"sla.started", "sla.breached", "sla.met"}
    assert worker.sent_targets == []


def test_erased_contact_sends_no_targets() -> None:
    worker = case_worker()
    worker.at(1, make("letter.arrived", 0, **LETTER))
    worker.at(2, make("personal_data.erased", 1, subject=LETTER["subject"], channel="mail"))
    worker.at(3, make("letter.acknowledged", 2, **LETTER))
    worker.policies = policies(TARGETS.replace("864000", "432000"))
    worker.at(4)
    assert len(worker.sent_targets) == 1


@pytest.mark.parametrize("kills", [True, False])
def test_changed_target_moves_the_deadlines_of_open_cases(kills: bool) -> None:
    worker = case_worker()
    worker.at(1, make("letter.arrived", 0, **LETTER), make("letter.arrived", 0, subject="mail:maarch/ged:2", **WHERE))
    worker.at(2)
    sent = len(worker.sent_targets)
    worker.policies = policies(TARGETS.replace("864000", "432000"))
    if kills:
        worker.at(3, commit=False)
        worker.kill()
    worker.at(4)
    worker.at(5)
    assert due(worker, sent) == [{"acknowledge": DAY, "resolution": 5 * DAY}] * 2


def test_targets_missing_from_an_earlier_release_are_sent_once() -> None:
    worker = case_worker()
    worker.at(1, make("letter.arrived", 0, **LETTER), make("letter.answered", 1, subject="mail:maarch/ged:2", **WHERE))
    worker.at(2)
    progress = worker.job.progress.rows[PROGRESS_KEY]
    worker.sent_targets.clear()
    progress.sla_targets_at = 0  # as in a row of an earlier release
    for second in range(3, 9):
        worker.at(second)
    assert due(worker) == [{"acknowledge": DAY, "resolution": 10 * DAY}]
    assert worker.job.progress.rows[PROGRESS_KEY].sla == worker.policies.fingerprint


def test_targets_are_sent_again_if_a_new_file_changes_the_clocks_but_no_deadline() -> None:
    worker = case_worker()
    worker.at(1, make("letter.arrived", 0, **LETTER))
    worker.at(2)
    sent = len(worker.sent_targets)
    worker.policies = policies(TARGETS.replace("always", "all_days"))
    for second in range(3, 9):
        worker.at(second)
    assert due(worker, sent) == [{"acknowledge": DAY, "resolution": 10 * DAY}]


def test_file_removed_during_the_renewal_leaves_no_trace() -> None:
    worker = case_worker()
    worker.at(1, make("letter.arrived", 0, **LETTER))
    worker.at(2)
    worker.job.progress.rows[PROGRESS_KEY].sla_targets_at = 0
    worker.policies = Policies()
    worker.at(3)
    assert worker.job.progress.rows[PROGRESS_KEY].sla == ""


@pytest.mark.parametrize("clocks", [(1, 2, 3, 4), (9, 2, 2, 1)], ids=["increasing", "set back"])
def test_later_record_has_a_later_time_despite_worker_clocks(
    clocks: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "RENEWED_PER_TICK", 1)
    worker = case_worker()
    steps = ("letter.arrived", "letter.acknowledged", "letter.closed", "letter.assigned")
    for at, kind in zip(clocks, steps, strict=True):
        worker.at(at, make(kind, -900 if kind == "letter.assigned" else 0, **LETTER))
        worker.kill()
    times = [milliseconds(record.happened_at) for record in worker.sent_targets]
    assert len(times) >= 3
    assert all(earlier < later for earlier, later in pairwise(times))
    assert datetime.fromtimestamp(times[0] / 1000, UTC) == START + timedelta(seconds=clocks[0])
