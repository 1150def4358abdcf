"""Tests of the metrics of SLA clocks."""

import subprocess
from datetime import datetime, timedelta

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from models.policies import Policies
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from streams.web.board.payload import make_message
from streams.web.metrics.sla_targets import HORIZONS
from tests.support.prometheus import find
from tests.unit.web.exported import NOON, Exported
from tests.unit.web.exported_promises import HOUSE, KEPT, POLICIES
from tests.web.rows import DESK, EMAIL, MAIL, ROADS

LETTERS = Dimensions("mail", "siege", "social", "")
WHICH = {"policy": "courrier", "clock": "acknowledge"}


def test_clocks_have_the_dimensions_of_their_contacts() -> None:
    exported = Exported()
    exported.worker.count(KEPT, NOON, "started", "started", "started", "met", "breached")
    exported.worker.stocks(KEPT, NOON - timedelta(days=3), running=1, overdue=1)
    assert exported("contact_sla_started_total", LETTERS, **WHICH) == 3
    results = ("met", "breached", "cancelled")
    completed = [exported("contact_sla_completed_total", LETTERS, **WHICH, result=result) for result in results]
    assert completed == [1, 1, 0]
    states = ("running", "at_risk", "overdue", "paused")
    assert [exported("contact_sla_open_items", LETTERS, **WHICH, state=state) for state in states] == [1, 0, 1, 0]
    oldest = exported("contact_sla_oldest_overdue_timestamp_seconds", LETTERS, **WHICH)
    assert oldest == (NOON - timedelta(days=3)).timestamp()


def test_sla_is_not_exported_as_a_channel() -> None:
    exported = Exported()
    exported.worker.count(KEPT, NOON, "started")
    exported.worker.stocks(KEPT, NOON, overdue=1)
    others = [key for key in exported.numbers() if "'sla'" in key[1]]
    assert others == []
    assert make_message(exported.view.snapshot(NOON), exported.options, "")


def test_due_clocks_are_counted_by_horizon() -> None:
    exported = Exported()
    worker = exported.worker
    for ahead in ({"minutes": 3}, {"minutes": 59}, {"hours": 1}, {"hours": 23}, {"days": 2}, {"days": 6}, {"days": 8}):
        worker.count(KEPT, NOON + timedelta(**ahead), "started", "due")
    worker.count(KEPT, NOON, "started", "due", "breached")
    worker.stocks(KEPT, NOON, running=5, at_risk=2, overdue=1, paused=4)

    def due() -> list[float | None]:
        return [exported("contact_sla_due_items", LETTERS, **WHICH, horizon=horizon) for horizon in HORIZONS]

    assert due() == [2, 3, 4, 5, 6], "neither deadlines passed in these five minutes nor paused clocks"
    exported.now += timedelta(minutes=1)
    assert due() == [3, 3, 4, 5, 6], "the current five minutes count in full"
    exported.now += timedelta(days=30)
    assert due() == [7] * 5, "a passed deadline without a breach event is due now"


def test_sla_file_is_exported_as_of_now() -> None:
    exported = Exported(HOUSE, POLICIES)

    def objective(policy: str, clock: str) -> float | None:
        return exported("contact_sla_objective_ratio", policy=policy, clock=clock)

    def target(policy: str, clock: str) -> float | None:
        return exported("contact_sla_target_seconds", policy=policy, clock=clock)

    def policy_info(clock: str, **terms: str) -> float | None:
        return exported("contact_sla_policy_info", policy="courrier", clock=clock, **terms)

    assert (objective("telephone", "answer"), target("telephone", "answer")) == (0.8, 60)
    assert (objective("courrier", "acknowledge"), target("courrier", "acknowledge")) == (0.95, None), (
        "a target in days has no seconds"
    )
    assert (objective("courrier", "resolution"), target("courrier", "resolution")) == (0.9, 72_000)
    assert policy_info("acknowledge", calendar="siege", unit="calendar_days", target="7") == 1
    assert policy_info("resolution", calendar="always", unit="opening_hours", target="72000") == 1

    exported.now = datetime(2026, 3, 11, 0, 0, tzinfo=NOON.tzinfo)
    assert (objective("courrier", "acknowledge"), objective("courrier", "resolution")) == (0.9, None)
    assert policy_info("acknowledge", calendar="always", unit="months", target="2") == 1


def test_opening_state_has_the_time_of_the_next_change() -> None:
    exported = Exported(HOUSE, POLICIES)

    def states() -> tuple[float | None, ...]:
        one = {"calendar": "siege"}
        at = exported("contact_calendar_change_timestamp_seconds", **one)
        places = [exported("contact_queue_open", place, **one) for place in (ROADS, MAIL)]
        return exported("contact_calendar_open", **one), *places, at

    def at(hour: int, minute: int, day: int = 10) -> float:
        return NOON.replace(day=day, hour=hour, minute=minute).timestamp()

    assert states() == (0, 0, 0, at(13, 30))
    exported.now = NOON.replace(hour=13, minute=30)
    assert states() == (1, 1, 1, at(17, 30))
    exported.now = NOON.replace(hour=17, minute=30)
    assert states() == (0, 0, 0, at(8, 30, day=17))
    assert exported("contact_calendar_open", calendar="always") == 1
    assert exported("contact_calendar_change_timestamp_seconds", calendar="always") is None
    assert exported("contact_queue_open", DESK, calendar="siege") is None, "nothing is promised there"


def test_longest_wait_is_exported_in_opening_hours_too() -> None:
    exported = Exported(HOUSE, POLICIES)
    exported.worker.stocks(MAIL, NOON - timedelta(days=7) + timedelta(hours=5), waiting=1)
    exported.worker.stocks(DESK, NOON - timedelta(hours=1), waiting=1)

    def age(place: Dimensions) -> float | None:
        return exported("contact_oldest_item_business_age_seconds", place)

    assert age(MAIL) == (0.5 + 3.5) * 3600, "half an hour a week ago, and this morning"
    exported.now = NOON + timedelta(hours=1)
    assert age(MAIL) == 4 * 3600, "it is lunch time"
    assert age(DESK) is None, "nothing is promised there"
    exported.worker.stocks(MAIL)
    assert age(MAIL) is None, "none waits"


def test_sla_file_in_force_is_exported() -> None:
    exported = Exported(HOUSE, POLICIES)
    exported.worker.progress(NOON, sla=POLICIES.fingerprint)
    assert exported("contact_sla_file_in_force", partition="0") == 1
    exported.worker.progress(NOON, sla="another")
    assert exported("contact_sla_file_in_force", partition="0") == 0


def test_target_without_contacts_has_zeros() -> None:
    exported = Exported(HOUSE, POLICIES)
    expected = {
        ("call", "routes", "telephone", "answer"),
        *(("mail", "social", "courrier", c) for c in ("acknowledge", "resolution")),
    }

    def promised() -> set[tuple[str, ...]]:
        (started,) = [family for family in exported.registry.collect() if family.name == "contact_sla_started"]
        names = ("channel", "service", "policy", "clock")
        return {tuple(sample.labels[name] for name in names) for sample in started.samples}

    assert promised() == expected
    calls = {"policy": "telephone", "clock": "answer"}
    where = ROADS._replace(queue="")
    for result in ("met", "breached", "cancelled"):
        assert exported("contact_sla_completed_total", where, **calls, result=result) == 0
    for state in ("running", "at_risk", "overdue", "paused"):
        assert exported("contact_sla_open_items", where, **calls, state=state) == 0
    assert exported("contact_sla_due_items", where, **calls, horizon="1h") == 0
    exported.worker.stocks(Dimensions("call", "siege", "", ""), agents_available=3)
    assert promised() == expected, "agents are promised nothing"
    exported.worker.count(EMAIL, NOON, "received")
    assert promised() == expected
    exported.now += timedelta(days=1)
    assert {
        ("email", "social", "courrier", "acknowledge"),
        ("form", "social", "courrier", "acknowledge"),
    } < promised(), "from then on the policy is for all"


@pytest.mark.parametrize("policies", [Policies(), POLICIES])
def test_only_targets_of_the_sla_file_have_series(policies: Policies) -> None:
    exported = Exported(HOUSE, policies)
    exported.worker.count(MAIL, NOON, "received")
    names = {name for name, _ in exported.numbers() if name.startswith(("contact_sla_", "contact_calendar_"))}
    names -= {"contact_sla_file_in_force"}
    assert bool(names) is not policies.empty
    assert (exported("contact_queue_open", MAIL, calendar="siege") is None) is policies.empty


def test_sla_metrics_can_be_parsed_in_both_formats() -> None:
    exported = Exported(HOUSE, POLICIES)
    families = text_string_to_metric_families(generate_openmetrics(exported.registry).decode())
    assert {"contact_sla_policy", "contact_sla_due_items", "contact_calendar_open"} <= {one.name for one in families}
    check = [find("promtool"), "check", "metrics"]
    answer = subprocess.run(check, input=generate_latest(exported.registry), capture_output=True, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")


def test_durations_are_exported_in_opening_hours_too() -> None:
    exported = Exported(HOUSE, POLICIES)
    resolved = Dimensions(SLA, "siege", "social", "courrier:resolution:mail")
    exported.worker.count(resolved, NOON, "started", "met", "worked", amount=7 * 3600)
    exported.worker.count(KEPT, NOON, "worked", amount=60)

    def resolution(suffix: str, **labels: str) -> float | None:
        return exported(f"contact_resolution_business_seconds_{suffix}", LETTERS, policy="courrier", **labels)

    assert (resolution("count"), resolution("sum")) == (1, 7 * 3600), "an acknowledgement is none"
    assert (resolution("bucket", le="7200.0"), resolution("bucket", le="25200.0")) == (0, 1)
    assert exported("contact_first_response_business_seconds_count", LETTERS, policy="courrier") is None, "not promised"
