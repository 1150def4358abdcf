"""SLA clocks in the contacts agent: ticks, restarts, and changes of the SLA file."""

import pytest

from models.calendars import Unit
from models.policies import Policies
from streams.agents import sla_tracker
from streams.core.contacts.case_event import ContactState
from streams.core.contacts.history_detection import GRACE_MS
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from streams.core.sla import renewal
from tests.support.events import CALL, START_MS, make
from tests.unit.agents.clocks import FILE, PLACE, QUEUED, Worker, policies, waiting


def test_breach_is_reported_once_despite_kills_and_uncommitted_steps() -> None:
    worker = Worker()
    assert worker.at(1, waiting()) == ["sla.started"]
    assert worker.figures() == {"started": 1, "running": 1, "due": 1}
    assert worker.until(34) == []  # after an outage its source gets a grace period
    assert worker.at(35, commit=False) == ["sla.at_risk"]
    assert worker.at(35) == ["sla.at_risk"]
    worker.kill()
    assert worker.until(68) == []
    assert worker.at(69, commit=False) == ["sla.breached"]
    worker.kill()
    assert worker.at(600) == []
    assert worker.until(632) == ["sla.breached"]
    assert worker.figures() == {"started": 1, "breached": 1, "overdue": 1, "due": 1}
    assert worker.job.figures.rows[0, PLACE].oldest_waiting_at == START_MS + 60_000
    worker.kill()
    assert worker.until(700) == []
    assert worker.at(700, make("call.answered", 90, subject=f"{CALL}1", **QUEUED)) == ["sla.met"]
    assert worker.figures() == {"started": 1, "breached": 1, "late": 1}
    assert worker.job.figures.rows[0, PLACE].oldest_waiting_at is None
    assert len({event["id"] for event in worker.reported}) == len(worker.reported) == 4


def test_timeline_gets_the_results_of_clocks() -> None:
    worker = Worker()
    worker.at(1, waiting(), waiting(2))
    worker.at(20, make("call.answered", 20, subject=f"{CALL}2", **QUEUED))
    worker.until(100)
    entries = {(entry.contact, entry.type): entry for entry in worker.entries}
    met, breached = entries[f"{CALL}2", "sla.met"], entries[f"{CALL}1", "sla.breached"]
    assert (met.state, breached.state) == (ContactState.IN_PROGRESS, ContactState.WAITING)
    assert breached.happened_at.isoformat() == "2025-03-03T08:01:00+00:00"
    assert {met.id, breached.id} < {event["id"] for event in worker.reported}
    assert {entry.detail for entry in worker.entries if entry.type.startswith("sla.")} == {"telephone:answer"}


def test_contacts_checked_per_tick_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sla_tracker, "CHECKED_PER_TICK", 3)
    worker = Worker()
    worker.at(1, *map(waiting, range(5)))
    worker.until(34)
    assert [worker.at(35) for _ in range(3)] == [["sla.at_risk"] * 3, ["sla.at_risk"] * 2, []]


def test_version_for_open_contacts_applies_when_its_first_day_begins() -> None:
    version = 'name = "telephone"\nfrom = 2025-03-04\nopen_contacts = true\n'
    later = FILE[FILE.index("[[policy]]") :].replace('name = "telephone"\n', version)
    worker = Worker(policies(FILE.replace("target = 60", "target = 200000") + later.replace("= 60", "= 100000")))
    evening, midnight = 10 * 3600, 15 * 3600  # the start is at 9:00
    worker.at(evening, waiting(1, evening))
    assert worker.at(midnight - 1) == []
    worker.kill()
    assert worker.at(midnight) == ["sla.moved"]
    assert worker.reported[-1]["data"]["since"] == "2025-03-04"
    assert worker.at(midnight + 1) == []


@pytest.mark.parametrize("kills", [False, True])
def test_file_reverted_during_the_renewal_is_reverted_for_all_clocks(
    monkeypatch: pytest.MonkeyPatch, *, kills: bool
) -> None:
    monkeypatch.setattr(renewal, "RENEWED_PER_TICK", 2)
    worker = Worker()
    first = worker.policies
    worker.at(1, *map(waiting, range(5)))
    for at in (2, 3, 4):
        worker.at(at)
    worker.policies = policies(FILE.replace("target = 60", "target = 120"))
    assert worker.at(5) == ["sla.moved"] * 2
    if kills:
        worker.kill()
    worker.policies = first
    assert [kind for tick in range(4) for kind in worker.at(6 + tick)] == ["sla.moved"] * 2
    assert {clock.deadline_at for row in worker.job.contacts.rows.values() for clock in row.clocks} == {
        START_MS + 60_000
    }


def test_step_undone_during_the_renewal_skips_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "RENEWED_PER_TICK", 2)
    worker = Worker()
    worker.at(1, *map(waiting, range(5)))
    for at in (2, 3, 4):
        worker.at(at)
    worker.policies = policies(FILE.replace("target = 60", "target = 120"))
    worker.at(5, commit=False)
    for at in range(6, 10):
        worker.at(at)
    assert sum(event["type"] == "sla.moved" for event in worker.reported) == 5


def test_late_event_breaches_only_after_the_grace_period() -> None:
    worker = Worker()
    late = 600
    assert worker.at(late, waiting()) == ["sla.started"]
    reports = {after: kinds for after in range(1, 100) if (kinds := worker.at(late + after))}
    ((after, kinds),) = reports.items()
    assert kinds == ["sla.at_risk", "sla.breached"]
    assert 0 < after - GRACE_MS // 1000 <= 2  # counted from the first tick, and reported by the next
    (breach,) = [event for event in worker.reported if event["type"] == "sla.breached"]
    assert (breach["time"], breach["data"]["late"]) == ("2025-03-03T08:01:00.000Z", True)


def test_without_policies_nothing_is_reported() -> None:
    worker = Worker(Policies())
    assert worker.at(1, waiting()) == []
    assert worker.at(3600) == []


LETTERS = FILE.replace('channel = "call"', 'channel = "mail"').replace(
    'clocks.answer = { target = 60, unit = "elapsed", at_risk = 0.5 }',
    'clocks.first_response = { target = 3600, unit = "opening_hours" }',
)
LETTER = {"subject": "mail:mailroom/siege:2025A-1", "site": "siege", "service": "autonomie"}


def test_satisfaction_with_a_letter_counts_by_its_sla_result() -> None:
    worker = Worker(policies(LETTERS))
    worker.at(0, make("letter.arrived", 0, **LETTER))
    worker.at(5, make("feedback.given", 5, subject=LETTER["subject"], scale="csat_1_5", score=2))
    opinions = Dimensions("feedback", "siege", "autonomie", "mail")
    assert worker.total(opinions) == {"given_csat_1_5_2": 1, "csat_no_promise_unsatisfied": 1}
    kinds = worker.until(2 * 86_400)
    assert "sla.breached" in kinds
    assert worker.total(opinions) == {"given_csat_1_5_2": 1, "csat_promise_missed_unsatisfied": 1}
    worker.kill()
    assert worker.total(opinions) == {"given_csat_1_5_2": 1, "csat_promise_missed_unsatisfied": 1}


def test_opening_hours_until_the_answer_count_when_a_letter_is_answered() -> None:
    worker = Worker(policies(LETTERS))
    clock = Dimensions(SLA, "siege", "autonomie", "telephone:first_response:mail")
    worker.at(0, make("letter.arrived", 0, **LETTER))
    assert "worked" not in worker.total(clock)
    opened = worker.policies.calendars["always"].between(START_MS, START_MS + 86_400_000, Unit.OPENING_HOURS)
    worker.at(86_400, make("letter.answered", 86_400, **LETTER))
    counted = worker.total(clock)
    assert (counted["worked"], counted.get("work_milliseconds", 0)) == (1, opened)


def test_backlog_is_reported_by_time_of_receipt() -> None:
    worker = Worker(policies(""))
    dimensions = Dimensions("mail", "siege", "autonomie", "")

    def open_since() -> dict[int, int] | None:
        return worker.job.figures.rows[0, dimensions].open_since

    half_hour = START_MS // 1_800_000 * 1800
    worker.at(0, *(make("letter.arrived", 60, **LETTER | {"subject": f"mail:mailroom/siege:{n}"}) for n in (1, 2)))
    worker.at(7200, make("letter.arrived", 7200, **LETTER | {"subject": "mail:mailroom/siege:3"}))
    assert open_since() == {half_hour: 2, half_hour + 7200: 1}
    worker.kill()
    assert open_since() == {half_hour: 2, half_hour + 7200: 1}
    answer = make("letter.answered", 9000, **LETTER | {"subject": "mail:mailroom/siege:1"})
    worker.at(9000, answer, commit=False)
    assert open_since() == {half_hour: 2, half_hour + 7200: 1}, "the step was undone"
    worker.at(9000, answer)
    assert open_since() == {half_hour: 1, half_hour + 7200: 1}
    worker.job.figures.rows[0, dimensions].open_since = None  # as in a row of an earlier release
    worker.job.restore()
    worker.at(9004, commit=False)
    assert open_since() is None, "the step was undone"
    worker.at(9004)
    assert open_since() == {half_hour: 1, half_hour + 7200: 1}
