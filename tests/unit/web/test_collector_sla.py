"""Tests of the metrics of SLA clocks."""

from datetime import datetime, timedelta

from streams.core.figures.figure import Dimensions
from streams.web.metrics.sla_targets import HORIZONS
from tests.unit.web.exported_metrics import NOON, ExportedMetrics
from tests.unit.web.sla_policies import ACKNOWLEDGED, ORGANISATION, VERSIONED_POLICIES
from tests.web.rows import DESK, EMAIL, MAIL, ROADS

LETTERS = Dimensions("mail", "siege", "social", "")
WHICH = {"policy": "courrier", "clock": "acknowledge"}


def test_due_clocks_are_counted_by_horizon() -> None:
    exported = ExportedMetrics()
    worker = exported.worker
    for ahead in ({"minutes": 3}, {"minutes": 59}, {"hours": 1}, {"hours": 23}, {"days": 2}, {"days": 6}, {"days": 8}):
        worker.count(ACKNOWLEDGED, NOON + timedelta(**ahead), "started", "due")
    worker.count(ACKNOWLEDGED, NOON, "started", "due", "breached")
    worker.stocks(ACKNOWLEDGED, NOON, running=5, at_risk=2, overdue=1, paused=4)

    def due() -> list[float | None]:
        return [exported("contact_sla_due_items", LETTERS, **WHICH, horizon=horizon) for horizon in HORIZONS]

    assert due() == [2, 3, 4, 5, 6], "neither deadlines passed in these five minutes nor paused clocks"
    exported.now += timedelta(minutes=1)
    assert due() == [3, 3, 4, 5, 6], "the current five minutes count in full"
    exported.now += timedelta(days=30)
    assert due() == [7] * 5, "a passed deadline without a breach event is due now"


def test_sla_file_is_exported_as_of_now() -> None:
    exported = ExportedMetrics(ORGANISATION, VERSIONED_POLICIES)

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
    exported = ExportedMetrics(ORGANISATION, VERSIONED_POLICIES)

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
    assert exported("contact_queue_open", DESK, calendar="siege") is None, "no policy applies"


def test_longest_wait_is_exported_in_opening_hours_too() -> None:
    exported = ExportedMetrics(ORGANISATION, VERSIONED_POLICIES)
    exported.worker.stocks(MAIL, NOON - timedelta(days=7) + timedelta(hours=5), waiting=1)
    exported.worker.stocks(DESK, NOON - timedelta(hours=1), waiting=1)

    def age(place: Dimensions) -> float | None:
        return exported("contact_oldest_item_business_age_seconds", place)

    assert age(MAIL) == (0.5 + 3.5) * 3600, "half an hour a week ago, and this morning"
    exported.now = NOON + timedelta(hours=1)
    assert age(MAIL) == 4 * 3600, "it is lunch time"
    assert age(DESK) is None, "no policy applies"
    exported.worker.stocks(MAIL)
    assert age(MAIL) is None, "none waits"


def test_sla_file_in_force_is_exported() -> None:
    exported = ExportedMetrics(ORGANISATION, VERSIONED_POLICIES)
    exported.worker.progress(NOON, sla=VERSIONED_POLICIES.fingerprint)
    assert exported("contact_sla_file_in_force", partition="0") == 1
    exported.worker.progress(NOON, sla="another")
    assert exported("contact_sla_file_in_force", partition="0") == 0


def test_target_without_contacts_has_zeros() -> None:
    exported = ExportedMetrics(ORGANISATION, VERSIONED_POLICIES)
    expected = {
        ("call", "routes", "telephone", "answer"),
        *(("mail", "social", "courrier", c) for c in ("acknowledge", "resolution")),
    }

    def started_series() -> set[tuple[str, ...]]:
        (started,) = [family for family in exported.registry.collect() if family.name == "contact_sla_started"]
        names = ("channel", "service", "policy", "clock")
        return {tuple(sample.labels[name] for name in names) for sample in started.samples}

    assert started_series() == expected
    calls = {"policy": "telephone", "clock": "answer"}
    where = ROADS._replace(queue="")
    for result in ("met", "breached", "cancelled"):
        assert exported("contact_sla_completed_total", where, **calls, result=result) == 0
    for state in ("running", "at_risk", "overdue", "paused"):
        assert exported("contact_sla_open_items", where, **calls, state=state) == 0
    assert exported("contact_sla_due_items", where, **calls, horizon="1h") == 0
    exported.worker.stocks(Dimensions("call", "siege", "", ""), agents_available=3)
    assert started_series() == expected, "figures of agents have no SLA target"
    exported.worker.count(EMAIL, NOON, "received")
    assert started_series() == expected
    exported.now += timedelta(days=1)
    assert {
        ("email", "social", "courrier", "acknowledge"),
        ("form", "social", "courrier", "acknowledge"),
    } < started_series(), "the next version applies to all channels"
