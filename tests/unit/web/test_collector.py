"""Tests of the metrics of all channels. `tests/connectors/test_simulator.py` compares every sample of a simulated month."""

import shutil
import subprocess
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from models.events import CloseOutcome, FormDecision
from models.reasons import Reason
from models.topics import Channel
from streams.core.figures import facts
from streams.core.figures.case_facts import FACTS, STEPS
from streams.core.figures.figure import Dimensions, total_key
from streams.core.figures.figure_schemas import CASE_SCHEMA, CLOSED_COUNTS, FEEDBACK, FIGURE_SCHEMAS
from streams.web.collector import FiguresCollector
from streams.web.metrics.cases import AGES, OLDEST
from streams.web.options import WebOptions
from streams.web.topic_view import ReaderState
from streams.web.view import FiguresView
from tests.unit.web.exported_metrics import NOON, ExportedMetrics, count_each_fact
from tests.unit.web.sla_policies import ORGANISATION
from tests.web.rows import (
    APPOINTMENT,
    DERIVED,
    DESK,
    EMAIL,
    FORM,
    MAIL,
    OPINION,
    ROADS,
    SOCIAL,
    Worker,
    encode,
    facts_of,
)

ABOUT_CALLS = Dimensions("call", "siege", "social", "")


@pytest.fixture
def exported() -> ExportedMetrics:
    return ExportedMetrics()


def test_satisfaction_measures_have_confidence_bounds(exported: ExportedMetrics) -> None:
    def measured(measure: str, window: str = "28d", place: Dimensions = ABOUT_CALLS) -> list[float | None]:
        names = ("answers", "ratio", "lower_ratio", "upper_ratio")
        values = (exported(f"contact_satisfaction_{name}", place, measure=measure, window=window) for name in names)
        return [value if value is None else round(value, 3) for value in values]

    exported.worker.count(OPINION, NOON, given_csat_1_5_5=4)
    assert measured("csat") == [4, None, None, None], "too few"
    exported.worker.count(OPINION, NOON - timedelta(days=1), given_csat_1_5_1=1)
    exported.worker.count(
        OPINION, NOON - timedelta(days=10), given_csat_1_5_4=5, given_nps_0_10_9=5, given_nps_0_10_0=5
    )
    assert measured("csat", "7d") == [5, 0.8, 0.376, 0.964]
    assert measured("csat") == [10, 0.9, 0.596, 0.982]
    assert measured("nps") == [10, 0, -0.527, 0.527]
    assert measured("nps", "7d") == [0, None, None, None]
    assert measured("jdma") == [0, None, None, None]
    assert measured("csat", place=Dimensions("mail", "siege", "social", "")) == [0, None, None, None]
    assert exported("contact_satisfaction_minimum_answers") == 5


def test_backlog_is_counted_by_civil_days_since_receipt(exported: ExportedMetrics) -> None:
    midnight = NOON.replace(hour=0)
    came = [
        *(NOON, midnight),
        midnight - timedelta(minutes=30),
        midnight - timedelta(days=4),
        *(midnight - timedelta(days=29), midnight - timedelta(days=29, minutes=30)),
    ]
    exported.worker.stocks(MAIL, waiting=len(came))
    exported.worker.totals[MAIL].open_since = {int(at.timestamp()): 1 for at in came}
    exported.worker.count(MAIL, NOON, received=len(came))

    def bands(place: Dimensions) -> list[float | None]:
        return [exported("contact_backlog_by_age_items", place, age=age) for age in (*AGES, OLDEST)]

    assert bands(MAIL) == [2, 1, 1, 0, 0, 1, 1]
    assert bands(EMAIL) == [0] * 7
    exported.worker.stocks(FORM, waiting=1)
    exported.worker.totals[FORM].open_since = None
    exported.worker.count(FORM, NOON, "received")
    assert bands(FORM) == [None] * 7, "its row is of an earlier release"
    exported.now = NOON + timedelta(days=1)
    assert bands(MAIL) == [0, 2, 1, 1, 0, 0, 2]


def test_reattribution_to_another_service_does_not_lower_a_counter(exported: ExportedMetrics) -> None:
    worker = exported.worker
    unassigned = MAIL._replace(service="")
    worker.count(unassigned, NOON, "received", "responded")
    worker.count(unassigned, NOON, "sent_lettre_verte", postage_cents_lettre_verte=139)
    before = exported("contact_received_total", unassigned)
    for name in ("received", "responded", "sent_lettre_verte"):
        worker.correct(unassigned, NOON, name)
    for _ in range(139):
        worker.correct(unassigned, NOON, "postage_cents_lettre_verte")
    worker.count(MAIL, NOON, "received")
    assert exported("contact_received_total", unassigned) == before == 1
    for fact in ("received", "answered", "sent_lettre_verte"):
        assert exported("contact_corrected_total", unassigned, fact=fact) == 1, fact
    assert exported("contact_postage_euros_total", unassigned, postage="lettre_verte") == 1.39
    assert exported("contact_postage_corrected_euros_total", unassigned, postage="lettre_verte") == 1.39
    assert exported("contact_today_items", unassigned, flow="received") == 0
    assert exported("contact_received_total", MAIL) == 1
    worker.count(OPINION, NOON, given_csat_1_5_5=1)
    worker.correct(OPINION, NOON, "given_csat_1_5_5")
    assert exported("contact_satisfaction_score_bucket", ABOUT_CALLS, le="5.0") == 1
    assert exported("contact_corrected_total", ABOUT_CALLS, fact="given_csat_1_5") == 1
    worker.correct(APPOINTMENT, NOON, "booked")
    assert exported("contact_corrected_total", APPOINTMENT, fact="received") == 1


def test_configured_dimensions_have_all_series_from_the_start(exported: ExportedMetrics) -> None:
    exported.worker.progress(NOON)
    before = exported.numbers().keys()
    for place in (MAIL, EMAIL, FORM, APPOINTMENT):
        for name in FACTS.get(Channel(place.channel), FIGURE_SCHEMAS[place.channel].facts):
            exported.worker.count(place, NOON, name, amount=1)
        exported.worker.stocks(place, waiting=1)
    assert exported.numbers().keys() == before


NOT_SHOWN = {"ended_forgotten", "ring_unanswered", "invited_answered", *(n for n in FEEDBACK.facts if n[:5] == "csat_")}
"""Counts without a counter: forgotten calls, calls that an agent let ring, and feedback counts used only by windows."""


def test_all_counts_are_exported(exported: ExportedMetrics) -> None:
    left_out = set()
    before = exported.counted()
    for place in (SOCIAL, DESK, MAIL, EMAIL, FORM, APPOINTMENT, OPINION, *DERIVED):
        for name in FACTS.get(place.channel, facts_of(place)):  # type: ignore[call-overload]
            exported.worker.count(place, NOON, name, amount=1)
            after = exported.counted()
            if after == before:
                left_out.add(name)
            before = after
    assert left_out == NOT_SHOWN


def test_steps_of_a_channel_match_its_event_types() -> None:
    nouns = {"letter": Channel.MAIL, "email": Channel.EMAIL, "form": Channel.FORM}
    emitted: dict[Channel, set[str]] = {channel: set() for channel in nouns.values()}
    for kind, step in facts._STEPS.items():
        emitted[nouns[kind.partition(".")[0]]].add(step)
    assert {channel: set(steps) for channel, steps in STEPS.items()} == emitted
    every = {name for facts_ in FACTS.values() for name in facts_}
    assert every == set(CASE_SCHEMA.facts)
    assert set(CLOSED_COUNTS) == {f"closed_{name}" for name in ("answered", *CloseOutcome, *FormDecision)}


def test_versions_and_limits_of_silence_are_exported() -> None:
    exported = ExportedMetrics(WebOptions(brokers="", quiet_after_seconds=60, quiet_after_seconds_of={"mail": 86_400}))
    gaps = {channel: exported("contact_expected_gap_seconds", channel=channel) for channel in ("call", "mail", "form")}
    assert gaps == {"call": 60, "mail": 86_400, "form": None}
    (build,) = (metric for metric in exported.registry.collect() if metric.name == "contact_pipeline_build")
    assert build.samples[0].labels.keys() == {"version", "python"}


def test_promtool_accepts_the_metrics_of_all_channels(exported: ExportedMetrics) -> None:
    count_each_fact(exported.worker)
    exported.worker.answered(SOCIAL, NOON, 4)
    exported.worker.progress(NOON)
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: apt-get install prometheus"
    answer = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(exported.registry), capture_output=True, check=False
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")


def test_number_of_series_of_a_large_organisation_is_limited() -> None:
    exported = ExportedMetrics(WebOptions(brokers=""))
    worker = exported.worker
    for number in range(10):
        service = f"service-{number}"
        worker.offered(Dimensions("call", "siege", service, service), NOON)
        worker.count(Dimensions("mail", "siege", service, ""), NOON, "received")
        worker.count(Dimensions("form", "siege", service, f"procedure-{number}"), NOON, "received")
        if number < 4:
            worker.count(Dimensions("appointment", "siege", service, ""), NOON, "booked")
            worker.count(Dimensions("feedback", "siege", service, "call"), NOON, given_csat_1_5_5=1, given_nps_0_10_9=1)
    assert len(exported.numbers()) < 14_000


def test_transfer_is_counted_by_target_queue(exported: ExportedMetrics) -> None:
    exported.worker.offered(SOCIAL, NOON)
    place = Dimensions("transfer", SOCIAL.site, SOCIAL.service, f"call:{SOCIAL.queue}:{ROADS.queue}")
    exported.worker.count(place, NOON, handed_on=2)
    assert exported("contact_transferred_total", SOCIAL, to=ROADS.queue) == 2
    assert exported("contact_transferred_total", SOCIAL, to="") == 0
    exported.worker.correct(place, NOON, "handed_on")
    assert exported("contact_transferred_total", SOCIAL, to=ROADS.queue) == 2, "no counter falls"
    assert exported("contact_transferred_corrected_total", SOCIAL, to=ROADS.queue) == 1
    assert exported("contact_transferred_corrected_total", SOCIAL, to="") == 0


def test_nothing_is_exported_before_the_first_reading() -> None:
    view = FiguresView(ORGANISATION.time_zone, NOON)
    registry = CollectorRegistry()
    registry.register(FiguresCollector(view.snapshot, ORGANISATION, lambda: NOON))
    worker = Worker(view)
    for reader_state in (ReaderState.NO_BROKER, ReaderState.NO_TOPIC, ReaderState.LOADING):
        view.set_state(reader_state)
        assert list(registry.collect()) == []
        view.begin([0])
        worker.offered(SOCIAL, NOON)
    worker.progress(NOON)
    view.set_state(ReaderState.FOLLOWING)
    assert registry.get_sample_value("contact_received_total", SOCIAL._asdict()) == 3
    assert registry.get_sample_value("contact_received_total", ROADS._asdict()) == 0


def test_new_reading_does_not_lower_a_counter(exported: ExportedMetrics) -> None:
    count_each_fact(exported.worker)

    def counters() -> dict[tuple[str, str], float]:
        samples = [sample for family in exported.registry.collect() for sample in family.samples]
        return {(s.name, str(s.labels)): s.value for s in samples if s.name.endswith(("_total", "_count", "_bucket"))}

    before = counters()
    rows = [(total_key(place), encode(total)) for place, total in exported.worker.totals.items()]
    for reader_state in (ReaderState.NO_BROKER, ReaderState.LOADING):
        exported.view.begin([0])
        exported.view.set_state(reader_state)
        exported.view.apply_all(0, rows[:1])
        assert counters() == before
    exported.view.begin([0])
    exported.view.apply_all(0, rows)
    exported.view.set_state(ReaderState.FOLLOWING)
    assert counters() == before


def test_configured_queues_and_reasons_have_series_from_the_start() -> None:
    exported = ExportedMetrics(ORGANISATION)
    for name in ("contact_received_total", "contact_answered_total", "contact_wait_seconds_count"):
        assert exported(name, ROADS) == 0
    assert exported("contact_backlog_items", ROADS, state="waiting") == 0
    assert exported("contact_oldest_item_timestamp_seconds", ROADS) is None
    for reason in Reason:
        assert exported("pipeline_dead_letters_total", reason=reason.value) == 0
