"""Test that cached samples equal those of a first scrape."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.web.collector import FiguresCollector
from streams.web.exposition import Exposition
from streams.web.options import WebOptions
from streams.web.topic_view import ReaderState
from streams.web.view import FiguresView
from tests.unit.web.exported_promises import POLICIES
from tests.web.rows import APPOINTMENT, DESK, FORM, MAIL, OPINION, ROADS, SOCIAL, Worker

EVENING = datetime(2026, 3, 10, 22, 30, tzinfo=UTC)
"""Half an hour before midnight in Paris."""
PLACES = (SOCIAL, ROADS, DESK, MAIL, FORM, APPOINTMENT, OPINION)


class Now:
    def __init__(self) -> None:
        self.at = EVENING

    def __call__(self) -> datetime:
        return self.at


def lines(text: bytes) -> list[bytes]:
    return [line for line in text.splitlines() if not line.startswith(b"contact_collect_duration_seconds ")]


def registry_of(view: FiguresView, options: WebOptions, now: Now) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(FiguresCollector(view.snapshot, options, now))
    return registry


steps = st.lists(
    st.tuples(
        st.sampled_from([(place, fact) for place in PLACES for fact in FIGURE_SCHEMAS[place.channel].facts]),
        st.integers(1, 3),
        st.booleans(),
        st.integers(0, 20),
    ),
    max_size=12,
)


@settings(max_examples=20)  # each example writes thousands of series at each step
@given(steps)
def test_cached_scrape_equals_a_first_scrape(changes: list[tuple[tuple[Dimensions, str], int, bool, int]]) -> None:
    now = Now()
    view = FiguresView(ZoneInfo("Europe/Paris"), now.at, lambda: POLICIES)
    view.begin(range(2))
    workers = {partition: Worker(view, partition) for partition in range(2)}
    for worker in workers.values():
        worker.progress(now.at)
    view.set_state(ReaderState.FOLLOWING)
    options = WebOptions(brokers="")
    kept = Exposition(registry_of(view, options, now))
    assert lines(kept.write()) == lines(generate_latest(registry_of(view, options, now)))
    for (place, fact), amount, is_taken_back, minutes in changes:
        now.at += timedelta(minutes=minutes)
        worker = workers[amount % 2]
        worker.count(place, now.at, fact, amount=60 * amount)
        if is_taken_back:
            worker.took_back(place, now.at, fact)
        assert lines(kept.write()) == lines(generate_latest(registry_of(view, options, now)))
