import shutil
import subprocess
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from models.reasons import Reason
from streams.core.figures.figure import Dimensions, Formula, total_key
from streams.core.figures.figure_schemas import LEFT_COUNTS
from streams.web.board.payload import make_message
from streams.web.board.queues import Flows
from streams.web.collector import FiguresCollector
from streams.web.options import QueueOptions, WebOptions
from streams.web.view import FiguresView, ReaderState
from tests.web.rows import ROADS, SOCIAL, Worker, encode

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=ZoneInfo("Europe/Paris"))
OPTIONS = WebOptions(brokers="", queues=(QueueOptions(ROADS, "Routes", "Roads"),))


class Exported:
    """A registry with only the collector, and its samples by name and labels."""

    def __init__(self) -> None:
        self.view = FiguresView(OPTIONS.time_zone, NOON)
        self.view.begin([0, 1])
        self.view.set_state(ReaderState.FOLLOWING)
        self.worker = Worker(self.view)
        self.registry = CollectorRegistry()
        self.registry.register(FiguresCollector(self.view, OPTIONS, lambda: NOON))

    def __call__(self, name: str, place: Dimensions | None = None, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, (place._asdict() if place else {}) | labels)


@pytest.fixture
def exported() -> Exported:
    exported = Exported()
    worker = exported.worker
    yesterday = NOON - timedelta(days=1)
    worker.answered(SOCIAL, yesterday, 3, handle_seconds=200)
    for wait in (5, 20, 21, 100):
        worker.answered(SOCIAL, NOON, wait, handle_seconds=61)
    for wait in (10, 11, 2000):
        worker.abandoned(SOCIAL, NOON, wait)
    worker.left(SOCIAL, NOON, "timeout")
    worker.stocks(SOCIAL, NOON - timedelta(seconds=192), waiting=3, in_progress=2, agents_on_contact=2, agents_paused=1)
    worker.progress(NOON, event_at=1_773_140_000_000, events=40, duplicates=3, dead_letters={"invalid_json": 2})
    return exported


def test_metrics_and_board_show_the_same_numbers(exported: Exported) -> None:
    board = make_message(exported.view.snapshot(NOON), OPTIONS, "v").board
    for queue in board.queues:
        place = Dimensions(queue.channel, queue.site, queue.service, queue.queue)
        for flow in ("received", "answered", "abandoned", "abandoned_short", "left", "transferred"):
            assert exported("contact_today_items", place, flow=flow) == getattr(queue.today, flow), flow
        for state in ("available", "on_contact", "paused"):
            assert exported("contact_agents", place, state=state) == getattr(queue, f"agents_{state}")
        assert exported("contact_backlog_items", place, state="waiting") == queue.waiting
        assert exported("contact_backlog_items", place, state="in_progress") == queue.in_progress
        oldest = exported("contact_oldest_item_timestamp_seconds", place)
        assert oldest == (queue.oldest_waiting_at and queue.oldest_waiting_at / 1000)
    social = next(queue for queue in board.queues if queue.queue == SOCIAL.queue)
    assert isinstance(social.today, Flows)
    assert social.today.received == 8, "yesterday's are in the totals only"
    assert exported("contact_received_total", SOCIAL) == 9


def test_channel_whose_history_is_read_exports_its_progress(exported: Exported) -> None:
    name = "contact_history_timestamp_seconds"
    exported.worker.progress(NOON, history={"mail": 1_700_000_000_500})
    assert exported.registry.get_sample_value(name, {"channel": "mail"}) == 1_700_000_000.5
    exported.worker.progress(NOON)
    assert exported.registry.get_sample_value(name, {"channel": "mail"}) is None


def test_flows_are_exact_totals(exported: Exported) -> None:
    assert exported("contact_answered_total", SOCIAL) == 5
    assert exported("contact_abandoned_total", SOCIAL, short="true") == 1
    assert exported("contact_abandoned_total", SOCIAL, short="false") == 2
    assert exported("contact_left_queue_total", SOCIAL, reason="timeout") == 1
    assert exported("contact_left_queue_total", SOCIAL, reason="closed") == 0
    assert exported("contact_transferred_total", SOCIAL, to="") == 0, "there from the start"


def test_transfer_is_counted_by_target_queue(exported: Exported) -> None:
    place = Dimensions("transfer", SOCIAL.site, SOCIAL.service, f"call:{SOCIAL.queue}:{ROADS.queue}")
    exported.worker.count(place, NOON, handed_on=2)
    assert exported("contact_transferred_total", SOCIAL, to=ROADS.queue) == 2
    assert exported("contact_transferred_total", SOCIAL, to="") == 0
    exported.worker.took_back(place, NOON, "handed_on")
    assert exported("contact_transferred_total", SOCIAL, to=ROADS.queue) == 2, "no counter falls"
    assert exported("contact_transferred_corrected_total", SOCIAL, to=ROADS.queue) == 1
    assert exported("contact_transferred_corrected_total", SOCIAL, to="") == 0


def test_histograms_are_cumulative_in_seconds(exported: Exported) -> None:
    def waits(le: str) -> float | None:
        return exported("contact_wait_seconds_bucket", SOCIAL, le=le)

    assert [waits(le) for le in ("5.0", "20.0", "25.0", "90.0", "120.0", "+Inf")] == [2, 3, 4, 4, 5, 5]
    assert exported("contact_wait_seconds_count", SOCIAL) == 5
    assert exported("contact_wait_seconds_sum", SOCIAL) == 149
    assert exported("contact_abandon_wait_seconds_bucket", SOCIAL, le="1800.0") == 2
    assert exported("contact_abandon_wait_seconds_bucket", SOCIAL, le="+Inf") == 3
    assert exported("contact_handle_seconds_sum", SOCIAL) == 200 + 4 * 61


def test_every_formula_is_exported_with_numerator_and_denominator(exported: Exported) -> None:
    def level(formula: Formula) -> tuple[float | None, float | None]:
        return (
            exported("contact_service_level_numerator_total", SOCIAL, formula=formula.value),
            exported("contact_service_level_denominator_total", SOCIAL, formula=formula.value),
        )

    assert level(Formula.NET_OF_SHORT) == (3, 7)
    assert level(Formula.ANSWERED_SHARE) == (3, 5)
    assert level(Formula.OFFERED_SHARE) == (3, 9)
    assert level(Formula.REMOVED_SHARE) == (5, 8)
    assert exported("contact_service_level_target_seconds", SOCIAL) == 20


def test_corrected_fact_does_not_lower_a_counter(exported: Exported) -> None:
    before = exported("contact_left_queue_total", SOCIAL, reason="timeout")
    exported.worker.took_back(SOCIAL, NOON, "left_timeout")
    assert exported("contact_left_queue_total", SOCIAL, reason="timeout") == before == 1
    assert exported("contact_corrected_total", SOCIAL, fact="left_timeout") == 1
    assert exported("contact_today_items", SOCIAL, flow="left") == 0


def test_received_has_one_name_and_is_the_sum_of_the_outcomes(exported: Exported) -> None:
    exported.worker.offered(SOCIAL, NOON, 3)
    ways = [
        exported("contact_answered_total", SOCIAL),
        *(exported("contact_abandoned_total", SOCIAL, short=short) for short in ("true", "false")),
        *(exported("contact_left_queue_total", SOCIAL, reason=name.removeprefix("left_")) for name in LEFT_COUNTS),
        exported("contact_backlog_items", SOCIAL, state="waiting"),
    ]
    assert exported("contact_received_total", SOCIAL) == sum(number or 0 for number in ways) == 12
    assert exported("contact_today_items", SOCIAL, flow="received") == 11
    assert exported("contact_corrected_total", SOCIAL, fact="received") == 0
    flows = {
        sample.labels.get(name)
        for m in exported.registry.collect()
        for sample in m.samples
        for name in ("flow", "fact")
    }
    assert "offered" not in flows


def test_help_text_mentions_old_logs_and_refused_contacts(exported: Exported) -> None:
    helps = {family.name: family.documentation for family in exported.registry.collect()}
    assert "old log" in helps["contact_figures_timestamp_seconds"]
    assert "even if turned away" in helps["contact_received"]


def test_nothing_is_exported_before_the_first_reading() -> None:
    view = FiguresView(OPTIONS.time_zone, NOON)
    registry = CollectorRegistry()
    registry.register(FiguresCollector(view, OPTIONS, lambda: NOON))
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


def test_new_reading_does_not_lower_a_counter(exported: Exported) -> None:
    def counters() -> dict[tuple[str, str], float]:
        samples = [sample for family in exported.registry.collect() for sample in family.samples]
        return {(s.name, str(s.labels)): s.value for s in samples if s.name.endswith(("_total", "_count", "_bucket"))}

    before = counters()
    rows = [(total_key(place), encode(total)) for place, total in exported.worker.totals.items()]
    for reader_state in (ReaderState.NO_BROKER, ReaderState.LOADING):
        exported.view.begin([0, 1])
        exported.view.set_state(reader_state)
        exported.view.apply_all(0, rows[:1])
        assert counters() == before
    exported.view.begin([0, 1])
    exported.view.apply_all(0, rows)
    exported.worker.progress(NOON, events=40, duplicates=3, dead_letters={"invalid_json": 2})
    exported.view.set_state(ReaderState.FOLLOWING)
    assert counters() == before


def test_configured_queues_and_reasons_have_series_from_the_start() -> None:
    exported = Exported()
    for name in ("contact_received_total", "contact_answered_total", "contact_wait_seconds_count"):
        assert exported(name, ROADS) == 0
    assert exported("contact_backlog_items", ROADS, state="waiting") == 0
    assert exported("contact_oldest_item_timestamp_seconds", ROADS) is None
    for reason in Reason:
        assert exported("pipeline_dead_letters_total", reason=reason.value) == 0


def test_pipeline_exports_its_progress(exported: Exported) -> None:
    Worker(exported.view, partition=1).progress(NOON - timedelta(seconds=2), events=2, dead_letters={"null_value": 1})
    assert exported("pipeline_events_processed_total", result="ok") == 42
    assert exported("pipeline_events_processed_total", result="duplicate") == 3
    assert exported("pipeline_events_processed_total", result="dead") == 3
    assert exported("pipeline_dead_letters_total", reason="invalid_json") == 2
    assert exported("contact_figures_timestamp_seconds", partition="0") == NOON.timestamp()
    assert exported("contact_figures_timestamp_seconds", partition="1") == NOON.timestamp() - 2
    assert exported("contact_figures_written_timestamp_seconds", partition="1") == NOON.timestamp() - 2
    assert exported("contact_event_timestamp_seconds", partition="0") == 1_773_140_000
    assert exported("pipeline_expected_partitions") == 2
    exported.view.apply(0, b"?", b"?")
    assert exported("contact_collect_errors_total") == 1


def test_open_metrics_output_can_be_parsed(exported: Exported) -> None:
    families = text_string_to_metric_families(generate_openmetrics(exported.registry).decode())
    names = {family.name for family in families}
    assert {"contact_received", "contact_wait_seconds", "contact_agents", "pipeline_dead_letters"} <= names


def test_promtool_accepts_the_metrics(exported: Exported) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: apt-get install prometheus"
    answer = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(exported.registry), capture_output=True, check=False
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")
