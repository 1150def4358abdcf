"""The exported metrics, a test worker, and one fact of each kind."""

from datetime import timedelta

from prometheus_client import CollectorRegistry

from models.policies import Policies
from streams.core.figures.figure import Dimensions
from streams.web.collector import FiguresCollector
from streams.web.options import ServiceOptions, WebOptions
from streams.web.view import NO_POLICIES
from tests.unit.web.filled_board import NOON, FilledBoard
from tests.web.rows import APPOINTMENT, DERIVED, DESK, EMAIL, FORM, MAIL, OPINION, Worker, facts_of

OPTIONS = WebOptions(
    brokers="", services=(ServiceOptions("social", "Social", "Social", (MAIL, EMAIL, FORM, APPOINTMENT)),)
)
DAY = 86_400


class ExportedMetrics:
    """A registry with only the collector, and its samples by name and labels."""

    def __init__(self, options: WebOptions = OPTIONS, policies: Policies = NO_POLICIES) -> None:
        self.now = NOON
        filled = FilledBoard(options, policies)
        self.view, self.worker = filled.view, filled.worker
        self.registry = CollectorRegistry()
        self.registry.register(FiguresCollector(self.view.snapshot, options, lambda: self.now))

    def __call__(self, name: str, place: Dimensions | None = None, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, (place._asdict() if place else {}) | labels)

    def numbers(self) -> dict[tuple[str, str], float]:
        samples = [sample for family in self.registry.collect() for sample in family.samples]
        return {(sample.name, str(sorted(sample.labels.items()))): sample.value for sample in samples}

    def counted(self) -> dict[tuple[str, str], float]:
        return {key: value for key, value in self.numbers().items() if key[0].endswith(("_total", "_count"))}


def count_each_fact(worker: Worker) -> None:
    """Count one fact of each kind."""
    for place in (MAIL, EMAIL, FORM):
        worker.count(place, NOON, "received")
        worker.stocks(place, NOON - timedelta(days=2), waiting=3, in_progress=1)
    worker.count(MAIL, NOON, "registered", amount=600)
    worker.count(MAIL, NOON, "assigned", "acknowledged", amount=3 * DAY)
    worker.count(MAIL, NOON, "responded", "closed_answered", amount=5 * DAY)
    worker.count(MAIL, NOON, "sent_lettre_recommandee", postage_cents=574, postage_cents_lettre_recommandee=574)
    worker.count(EMAIL, NOON - timedelta(days=1), "responded", "closed_answered", amount=61)
    worker.count(FORM, NOON, "correction_requested", "corrected")
    worker.count(FORM, NOON, "closed_accepted", amount=40 * DAY)
    worker.count(APPOINTMENT, NOON, "booked", "booked_by_citizen", amount=6 * DAY)
    worker.count(APPOINTMENT, NOON, "booked", "booked_by_service", amount=200 * DAY)
    worker.count(APPOINTMENT, NOON, "moved", "checked_in", "cancelled_by_service", "attended", attended=2, missed=1)
    worker.stocks(APPOINTMENT, waiting=1, pending_citizen=8)
    worker.count(OPINION, NOON, invited=9, given_csat_1_5_4=2, given_nps_0_10_10=1)
    worker.answered(DESK, NOON, 400, handle_seconds=60)
    for place in DERIVED:
        worker.count(place, NOON, *facts_of(place), amount=DAY)
