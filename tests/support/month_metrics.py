"""Comparison of `/metrics` of a simulated month with its actions: every sample, and no additional ones."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import isclose
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from connectors.simulator.case_tallies import DimensionKey, FigureCounts
from models.reasons import Reason
from streams.web.metrics.measure import CORRECTED_SUFFIX
from tests.support.expected_metrics import (
    COUNTERS,
    DERIVED,
    HISTOGRAMS,
    SCORES,
    TARGETS,
    ExpectedMetrics,
    Series,
    name_series,
    series_of,
)
from tests.support.month import HEARTBEAT_SECONDS, OPTIONS, PARTITIONS, Month
from tests.support.month_sla import BUSINESS_TIME_HISTOGRAMS

Z: Final = 1.959963984540054
Labels = tuple[tuple[str, str], ...]

NOT_COMPARED: Final = {
    "contact_agents": "the switchboard reports its agents on request, and no plan knows when: test_agent_properties",
    "contact_collect_duration_seconds": "duration of this scrape",
    "contact_pipeline_build_info": "release: test_collector",
    **dict.fromkeys(
        (
            "contact_citizens",
            "contact_citizens_of_all_services",
            "contact_citizen_contacts",
            "contact_citizen_hops",
            "contact_citizen_unidentified",
            "contact_citizen_handled",
            "contact_citizen_pending",
            "contact_citizen_recontact_days",
            "contact_citizen_withheld",
            "contact_citizen_period_start_timestamp_seconds",
        ),
        "counted by the writer of timelines, from another topic: test_simulator_citizens",
    ),
}
"""Metric → reason why it is not compared, and the test that covers it."""


def samples_of(text: str) -> dict[str, dict[Series, float]]:
    """Return the samples of an exposition: metric, by its name in the catalogue → series → value."""
    found: dict[str, dict[Series, float]] = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        actual = found.setdefault(name, {})
        for sample in family.samples:
            series = sample.name, frozenset(sample.labels.items())
            assert series not in actual, f"{series} occurs twice"
            actual[series] = sample.value
    return found


class Comparison:
    """Comparison of the metrics of a month with its actions."""

    def __init__(self, month: Month, text: str) -> None:
        self.actual = samples_of(text)
        self.compared: set[str] = set()
        self.differences: list[tuple[Series, float, float]] = []
        """Series, actual, expected."""
        self._month = month
        self._expected = ExpectedMetrics(month.history, month.until, month.expected_sla.experience)
        self._compare_values()
        self._compare_distributions(HISTOGRAMS, self._expected.durations)
        self._compare_distributions(SCORES, self._expected.scores)
        worked = month.expected_sla.worked()
        actual = self._compare_distributions(BUSINESS_TIME_HISTOGRAMS, worked)
        self.differences += [(series, 0, float("nan")) for series in actual - worked.keys()]
        self._compare_present(self._expected.present)
        self._compare_present(month.expected_sla.samples())
        self._compare_bounds()
        self._compare_constants()
        self._compare_pipeline()

    def _compare(self, series: Series, actual: float, expected: float) -> None:
        if not isclose(actual, expected, rel_tol=1e-9, abs_tol=1e-6):
            self.differences.append((series, actual, expected))

    def _compare_values(self) -> None:
        """Compare counters; series that are not expected must be 0."""
        expected = dict(self._expected.values)
        names = {name for name, _ in expected} | {counter.sample for counter in COUNTERS}
        names |= {"contact_corrected_total", "contact_postage_corrected_euros_total"}  # each row was counted once
        names.add("post_cost_euros_total")
        names |= {name for name in self.actual if name.removesuffix("_total").endswith(CORRECTED_SUFFIX)}
        self.compared |= names
        for name in names:
            for series, actual in self.actual.get(name, {}).items():
                self._compare(series, actual, expected.pop(series, 0.0))
        self.differences += [(series, float("nan"), value) for series, value in expected.items() if value]

    def _compare_distributions(self, names: Iterable[str], expected: Mapping[Series, Sequence[float]]) -> set[Series]:
        """Compare histograms and return their series; series that are not expected must be empty."""
        self.compared |= set(names)
        counted: set[Series] = set()
        for name in names:
            for (sample, labels), actual in self.actual.get(name, {}).items():
                bound = dict(labels).get("le", "")
                series = name, frozenset(pair for pair in labels if pair[0] != "le")
                measured = expected.get(series, ())
                counted.add(series)
                match sample.removeprefix(name):
                    case "_bucket":
                        self._compare((sample, labels), actual, sum(value <= float(bound) for value in measured))
                    case "_count":
                        self._compare((sample, labels), actual, len(measured))
                    case "_sum":
                        self._compare((sample, labels), actual, sum(measured))
                    case other:
                        raise AssertionError(other)
        self.differences += [
            (series, float("nan"), len(actual)) for series, actual in expected.items() if series not in counted
        ]
        return counted

    def _compare_present(self, present: Mapping[str, Mapping[Series, float]]) -> None:
        """Compare gauges; exactly the expected series must exist."""
        for name, expected in present.items():
            actual = self.actual.get(name, {})
            self.compared.add(name)
            for series in actual.keys() | expected.keys():
                self._compare(series, actual.get(series, float("nan")), expected.get(series, float("nan")))

    def _compare_bounds(self) -> None:
        """Check the Wilson bounds: each bound differs from the ratio by its own standard error times z."""
        answers = self.actual["contact_satisfaction_answers"]
        ratios = self.actual["contact_satisfaction_ratio"]
        for side in ("lower", "upper"):
            name = f"contact_satisfaction_{side}_ratio"
            self.compared.add(name)
            for (_, labels), bound in self.actual[name].items():
                ratio = ratios["contact_satisfaction_ratio", labels]
                number = answers["contact_satisfaction_answers", labels]
                self._compare((name, labels), (bound - ratio) ** 2, Z * Z * bound * (1 - bound) / number)
                self._compare((name, labels), bound <= ratio, side == "lower" or bound == ratio)
            assert {labels for _, labels in self.actual[name]} == {labels for _, labels in ratios}

    def _compare_constants(self) -> None:
        name = "contact_service_level_target_seconds"
        self.compared |= {name, "contact_satisfaction_minimum_answers"}
        for series, actual in self.actual[name].items():
            self._compare(series, actual, TARGETS[dict(series[1])["channel"]])
        self._compare_all("contact_satisfaction_minimum_answers", {(): OPTIONS.fewest_answers})
        self._compare_all("contact_expected_gap_seconds", {(("channel", channel),): 3600.0 for channel in TARGETS})

    def _compare_pipeline(self) -> None:
        month, parts = self._month, range(PARTITIONS)
        ids = {event.id: event for event in month.events}
        until = month.until.timestamp()
        name, actual = "pipeline_events_processed_total", self.actual["pipeline_events_processed_total"]
        self.compared.add(name)
        ok, duplicate, dead = (actual[name, frozenset({("result", value)})] for value in ("ok", "duplicate", "dead"))
        self._compare((name, frozenset({("result", "dead")})), dead, 0)
        self._compare((name, frozenset()), ok + duplicate, len(month.events))
        # An agent state older than the known one changes nothing, and counts as a duplicate.
        agents = sum(event.type == "agent.state_changed" for event in ids.values())
        self._compare((name, frozenset({("result", "ok")})), len(ids) - agents <= ok <= len(ids), True)
        self._compare_all("pipeline_dead_letters_total", {(("reason", reason.value),): 0 for reason in Reason})
        as_of: dict[Labels, float] = {(("partition", str(part)),): until for part in parts}
        name = "contact_figures_timestamp_seconds"
        self.compared.add(name)
        for labels in {frozenset(labels) for labels in as_of} | {labels for _, labels in self.actual[name]}:
            self._compare(
                (name, labels), 0 <= until - self.actual[name].get((name, labels), 0) < HEARTBEAT_SECONDS, True
            )
        self._compare_all("contact_figures_written_timestamp_seconds", as_of)
        self._compare_all("contact_sla_file_in_force", dict.fromkeys(as_of, 1))
        latest: defaultdict[int, float] = defaultdict(float)
        for event in ids.values():
            part = month.workers.partition_of(event)
            latest[part] = max(latest[part], event.time.timestamp())
        self._compare_all(
            "contact_event_timestamp_seconds", {(("partition", str(part)),): at for part, at in latest.items()}
        )
        self._compare_all("pipeline_expected_partitions", {(): PARTITIONS})
        self._compare_all("contact_collect_errors_total", {(): 0})
        self._compare_all("contact_history_timestamp_seconds", {})

    def _compare_all(self, name: str, expected: Mapping[Labels, float]) -> None:
        """Compare a metric whose series are all known."""
        self.compared.add(name)
        actual = {labels: value for (_, labels), value in self.actual.get(name, {}).items()}
        expected = {frozenset(labels): value for labels, value in expected.items()}
        for labels in actual.keys() | expected.keys():
            self._compare((name, labels), actual.get(labels, float("nan")), expected.get(labels, float("nan")))


def compare_counters(
    text: str, ledger: Mapping[DimensionKey, FigureCounts]
) -> tuple[int, list[tuple[Series, float, float]]]:
    """Return the corrected amount, and the counters that differ from the sum of ledger and corrections."""
    actual = samples_of(text)
    corrected = {
        (series[1] - {pair}, pair[1]): value
        for series, value in actual["contact_corrected_total"].items()
        for pair in series[1]
        if pair[0] == "fact"
    }
    corrected |= {
        (labels, name): value
        for name, metric in DERIVED.items()
        for (_, labels), value in actual.get(f"{metric}{CORRECTED_SUFFIX}_total", {}).items()
    }
    expected: defaultdict[Series, float] = defaultdict(float)
    for place, numbers in ledger.items():
        for name, number in numbers.items():
            expected.update(dict.fromkeys(series_of(name, place), number))
    fact_names = {"offered": "received", "booked": "received", "responded": "answered"}
    found = []
    for place in ledger:
        _, labels = name_series("", place)
        for name in {name for counter in COUNTERS for name in counter.names} | set(ledger[place]):
            for series in series_of(name, place):
                correction = corrected.get((labels, fact_names.get(name, name)), 0.0)
                value = actual[series[0]].get(series, 0.0)
                if series in actual[series[0]] and value != expected[series] + correction:
                    found.append((series, value, expected[series] + correction))
    return int(sum(corrected.values())), found
