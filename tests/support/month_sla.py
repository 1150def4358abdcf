"""SLA targets of a simulated month, and the expected SLA content of its `/metrics`."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from connectors.simulator.case_tallies import DimensionKey
from tests.support.expected_history import HistorySnapshot
from tests.support.expected_metrics import Series, day_of, name_series
from tests.support.plain_sla import (
    QUEUE_CHANNELS,
    TIME_UNITS,
    WRITTEN_CHANNELS,
    PlainSlaFile,
    PlainSlaTarget,
    applies_to,
    clock_kinds_at,
    next_change,
)
from tests.support.simulated_workers import milliseconds

SLA_FILE: Final = Path(__file__).with_name("month.sla.toml")
HORIZONS: Final = {"1h": 3600, "4h": 14_400, "1d": 86_400, "3d": 259_200, "7d": 604_800}
STATES: Final = ("running", "at_risk", "overdue", "paused")
RESULTS: Final = ("met", "breached", "cancelled")
FACTS: Final = ("started", "met", "breached", "cancelled", "late")
_CORRECTED: Final = {
    "contact_sla_started_total": "started",
    "contact_sla_late_total": "late",
    "contact_sla_completed_total": "",
}
"""Counter → fact in its correction counter; if empty, the result."""
_METRICS: Final = (
    *_CORRECTED,
    "contact_sla_corrected_total",
    "contact_sla_open_items",
    "contact_sla_due_items",
    "contact_sla_oldest_overdue_timestamp_seconds",
    "contact_sla_objective_ratio",
    "contact_sla_target_seconds",
    "contact_sla_policy_info",
    "contact_calendar_open",
    "contact_calendar_change_timestamp_seconds",
    "contact_queue_open",
    "contact_oldest_item_business_age_seconds",
    "pipeline_sla_file_last_reload_successful",
)
BUSINESS_TIME_HISTOGRAMS: Final = {
    "contact_first_response_business_seconds": "first_response",
    "contact_resolution_business_seconds": "resolution",
}
FIVE_MINUTES_MS: Final = 300_000

T = TypeVar("T")
K = TypeVar("K")
SlaKey = tuple[str, str, str]
"""Policy, clock, channel."""


class SlaDimensions(NamedTuple):
    """Dimensions under which SLA targets are counted."""

    policy: str
    kind: str
    channel: str
    site: str
    service: str

    def series(self, sample: str, **labels: str) -> Series:
        """Return a series with these dimensions."""
        place = (self.channel, self.site, self.service, "")
        return name_series(sample, place, policy=self.policy, clock=self.kind, **labels)

    @property
    def sla_key(self) -> SlaKey:
        return self.policy, self.kind, self.channel


def dimensions_of(target: PlainSlaTarget) -> SlaDimensions:
    return SlaDimensions(target.policy, target.kind, *target.place[:3])


class ExpectedSla:
    """All SLA targets of a file, as of `now`."""

    def __init__(self, file: PlainSlaFile, history: HistorySnapshot, now: datetime) -> None:
        self.file = file
        self.now = now
        self.sla_targets: Sequence[PlainSlaTarget] = self.file.sla_targets(history.sla_items, now)
        self.in_force = list(self.file.in_force(milliseconds(now)))
        self.came_to = {
            target.place
            for target in (*history.facts, *history.open)
            if target.place[0] in (*QUEUE_CHANNELS, *WRITTEN_CHANNELS)
        }
        """Places with at least one contact."""
        self.by_place: dict[SlaDimensions, list[PlainSlaTarget]] = group_by(self.sla_targets, dimensions_of)
        for place in self.came_to:
            if version := self.find(place):
                for kind in clock_kinds_at(version, place):
                    self.by_place.setdefault(SlaDimensions(version["name"], kind, *place[:3]), [])
        self._history = history
        by_contact = group_by(self.sla_targets, lambda target: target.contact)
        self._experiences = {contact: _experience(own_targets) for contact, own_targets in by_contact.items()}

    def find(self, place: DimensionKey) -> dict[str, Any] | None:
        return next((version for version in self.in_force if applies_to(version, place)), None)

    def experience(self, contact: str) -> str:
        """Return the overall SLA result of a contact, as used for opinions."""
        return self._experiences.get(contact, "no_sla_target")

    def samples(self) -> dict[str, dict[Series, float]]:
        """Return metric → all of its series."""
        actual: dict[str, dict[Series, float]] = {name: {} for name in _METRICS}
        for at, sla_targets in self.by_place.items():
            number = _results(sla_targets)
            actual["contact_sla_started_total"][at.series("contact_sla_started_total")] = len(sla_targets)
            actual["contact_sla_late_total"][at.series("contact_sla_late_total")] = number["late"]
            for result in RESULTS:
                series = at.series("contact_sla_completed_total", result=result)
                actual["contact_sla_completed_total"][series] = number[result]
            for fact in FACTS:  # without late events, nothing is corrected
                actual["contact_sla_corrected_total"][at.series("contact_sla_corrected_total", fact=fact)] = 0
            for state in STATES:
                series = at.series("contact_sla_open_items", state=state)
                actual["contact_sla_open_items"][series] = sum(target.state == state for target in sla_targets)
            for horizon, seconds in HORIZONS.items():
                until = milliseconds(self.now + timedelta(seconds=seconds))
                due = sum(target.is_due and five_minutes_of(target) < until for target in sla_targets)
                actual["contact_sla_due_items"][at.series("contact_sla_due_items", horizon=horizon)] = due
            if overdue := oldest_overdue(sla_targets):
                name = "contact_sla_oldest_overdue_timestamp_seconds"
                actual[name][at.series(name)] = overdue / 1000
        self._put_policies(actual)
        self._put_calendars(actual)
        return actual

    def compare_incremental_metrics(
        self, actual: Mapping[str, Mapping[Series, float]]
    ) -> tuple[int, list[tuple[Series, float, float]]]:
        """Return the corrected amount, and the differences: series, actual, expected.

        With late events, counters contain the final numbers and the corrections. Series of a letter's former places
        remain.
        """
        expected, found = self.samples(), []
        taken = {series[1]: number for series, number in actual["contact_sla_corrected_total"].items()}
        for name, facts in _CORRECTED.items():
            for series in expected[name].keys() | actual[name].keys():
                labels = dict(series[1])
                fact = facts or labels.pop("result")
                number = expected[name].get(series, 0) + taken[frozenset((labels | {"fact": fact}).items())]
                if actual[name].get(series) != number:
                    found.append((series, actual[name].get(series, float("nan")), number))
        for name in ("contact_sla_open_items", "contact_sla_due_items", "contact_sla_oldest_overdue_timestamp_seconds"):
            for series in expected[name].keys() | actual[name].keys():
                number = expected[name].get(series, 0)
                if actual[name].get(series) != number:
                    found.append((series, actual[name].get(series, float("nan")), number))
        return int(sum(taken.values())), found

    def worked(self) -> dict[Series, list[float]]:
        """Return each series of the business time histograms with its durations in seconds."""
        found: dict[Series, list[float]] = {}
        for sample, kind in BUSINESS_TIME_HISTOGRAMS.items():
            for at, sla_targets in self.by_place.items():
                if at.kind == kind:
                    labels = {"channel": at.channel, "site": at.site, "service": at.service, "queue": ""}
                    series = sample, frozenset({**labels, "policy": at.policy}.items())
                    found[series] = [target.worked_ms / 1000 for target in sla_targets if target.worked_ms is not None]
        return found

    def _put_policies(self, actual: dict[str, dict[Series, float]]) -> None:
        for version in self.in_force:
            for kind, rule in version["clocks"].items():
                sla_key = {"policy": version["name"], "clock": kind}
                _put(actual, "contact_sla_objective_ratio", sla_key, rule.get("objective", 0.9))
                if rule["unit"] in TIME_UNITS:
                    _put(actual, "contact_sla_target_seconds", sla_key, rule["target"])
                calendar = rule.get("calendar") or version["calendar"]
                labels = sla_key | {"calendar": calendar, "unit": rule["unit"], "target": str(rule["target"])}
                _put(actual, "contact_sla_policy_info", labels, 1)

    def _put_calendars(self, actual: dict[str, dict[Series, float]]) -> None:
        now = milliseconds(self.now)
        for name, calendar in self.file.calendars.items():
            _put(actual, "contact_calendar_open", {"calendar": name}, calendar.is_open(now))
            if change := next_change(calendar, now):
                _put(actual, "contact_calendar_change_timestamp_seconds", {"calendar": name}, change / 1000)
        waits = group_by(self._history.open, lambda item: item.place)
        for place in self.came_to:
            version = self.find(place)
            if not version:
                continue
            calendar, labels = self.file.calendars[version["calendar"]], dict(name_series("", place)[1])
            of_calendar = labels | {"calendar": version["calendar"]}
            _put(actual, "contact_queue_open", of_calendar, calendar.is_open(now))
            states = ("waiting",) if place[0] in QUEUE_CHANNELS else ("waiting", "in_progress")
            if since := [milliseconds(item.since) for item in waits.get(place, ()) if item.state in states]:
                opened = self.file.opened_ms(version["calendar"], min(since), now)
                _put(actual, "contact_oldest_item_business_age_seconds", labels, opened / 1000)
        _put(actual, "pipeline_sla_file_last_reload_successful", {}, 1)

    # ------------------------------------------------------------------------------------------------------------- board
    def calendar_at(self, place: DimensionKey) -> str:
        """Return the calendar at a place; empty without an SLA policy."""
        return (self.find(place) or {"calendar": ""})["calendar"]

    def calendars_of(self, service: str) -> set[str]:
        """Return the calendars of the written channels of a service; only the empty one if there are none."""
        places = (place for place in self.came_to if place[2] == service and place[0] in WRITTEN_CHANNELS)
        return {calendar for place in places if (calendar := self.calendar_at(place))} or {""}


def _put(actual: dict[str, dict[Series, float]], name: str, labels: Mapping[str, str], value: float) -> None:
    actual[name][name, frozenset(labels.items())] = value


def _results(sla_targets: Iterable[PlainSlaTarget]) -> Counter[str]:
    """Return the number of targets by result, as soon as it is known, and the number of late ones."""
    number: Counter[str] = Counter()
    for target in sla_targets:
        number["late"] += target.state == "late"
        if target.is_breached:
            number["breached"] += 1
        elif target.state in ("met", "cancelled"):
            number[target.state] += 1
    return number


def _experience(sla_targets: Sequence[PlainSlaTarget]) -> str:
    if any(target.is_breached for target in sla_targets):
        return "sla_missed"
    return "sla_met" if any(not target.is_open and target.is_completed for target in sla_targets) else "no_sla_target"


def oldest_overdue(sla_targets: Iterable[PlainSlaTarget]) -> int | None:
    """Return the earliest deadline of the overdue targets, in milliseconds; None if there are none."""
    return min(
        (target.deadline_at for target in sla_targets if target.state == "overdue" and target.deadline_at), default=None
    )


def five_minutes_of(target: PlainSlaTarget) -> int:
    assert target.deadline_at is not None
    return target.deadline_at // FIVE_MINUTES_MS * FIVE_MINUTES_MS


def moment_at(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def day_at(at: int | None) -> Any:
    """Return the calendar day of a time in milliseconds; False if there is none."""
    return at is not None and day_of(moment_at(at))


def group_by(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    found: defaultdict[K, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return dict(found)
