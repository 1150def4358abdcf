"""Metrics of SLA clocks by policy and clock, and of opening hours."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from prometheus_client.core import InfoMetricFamily, Metric

from models.calendars import BeyondCalendarError, Unit
from models.calendars.compiled import TIME_UNITS
from models.policies import QUEUE_CHANNELS, WRITTEN_CHANNELS, ClockKind, PolicyVersion
from models.timestamps import milliseconds
from models.topics import Channel
from streams.core.figures.facts import target_dimensions
from streams.core.figures.figure import Dimensions, Figure
from streams.core.figures.figure_schemas import SLA, SLA_SCHEMA
from streams.web.metrics.families import gauge_family
from streams.web.metrics.figure_readers import Values, corrected, count, stocks, sums
from streams.web.metrics.measure import (
    DIMENSION_LABELS,
    FigureMeasure,
    Figures,
    counter_measure,
    gauge_measure,
    histogram_measure,
    label,
)
from streams.web.view import Snapshot

LABELS: Final = ("policy", "clock")
"""Labels after those of `DIMENSION_LABELS`, of which `queue` is empty."""
RESULTS: Final = {"met": ["met"], "breached": ["breached"], "cancelled": ["cancelled"]}
"""Result of a clock → names of its counts: met in time, deadline passed, or no longer needed. Without a result, it is open."""
HORIZONS: Final = {"1h": 3600, "4h": 14_400, "1d": 86_400, "3d": 3 * 86_400, "7d": 7 * 86_400}
"""Horizon of `contact_sla_due_items` → elapsed time in seconds."""
_NOT_OVERDUE: Final = (SLA_SCHEMA.stock_index["running"], SLA_SCHEMA.stock_index["at_risk"])


def measures() -> list[FigureMeasure]:
    """Return the definitions of the metrics of SLA clocks; `FiguresCollector` computes their values."""
    return [
        counter_measure("contact_sla_started", "SLA clocks started.", count(SLA_SCHEMA, "started"), LABELS),
        counter_measure(
            "contact_sla_completed",
            "SLA clocks by result: met in time, breached when the deadline passed, or cancelled.",
            sums(SLA_SCHEMA, RESULTS),
            (*LABELS, "result"),
        ),
        counter_measure(
            "contact_sla_late", "SLA clocks stopped after the deadline.", count(SLA_SCHEMA, "late"), LABELS
        ),
        gauge_measure(
            "contact_sla_open_items",
            "Open SLA clocks: running, at_risk, overdue, or paused while the citizen has to act.",
            stocks(SLA_SCHEMA, SLA_SCHEMA.stocks),
            (*LABELS, "state"),
        ),
        gauge_measure(
            "contact_sla_oldest_overdue_timestamp_seconds",
            "Earliest deadline of the overdue SLA clocks; absent if none is overdue.",
            {SLA: _oldest},
            LABELS,
        ),
        histogram_measure(
            "contact_first_response_business_seconds",
            "Opening hours from receipt to the first answer of a person, by the calendar of the SLA policy.",
            "work",
            (SLA,),
            ClockKind.FIRST_RESPONSE.value,
        ),
        histogram_measure(
            "contact_resolution_business_seconds",
            "Opening hours from receipt to the closing answer or decision, by the calendar of the SLA policy.",
            "work",
            (SLA,),
            ClockKind.RESOLUTION.value,
        ),
        counter_measure(
            "contact_sla_corrected",
            "Facts corrected later, which counters still contain.",
            corrected(SLA_SCHEMA, {name: [name] for name in ("started", "met", "breached", "cancelled", "late")}),
            (*LABELS, "fact"),
            has_corrected=False,
        ),
    ]


def _oldest(figure: Figure) -> Values:
    at = figure.oldest_waiting_at
    return {} if at is None else {(): at / 1000}


def expected_dimensions(snapshot: Snapshot, dimension_keys: Iterable[Dimensions]) -> Iterator[Dimensions]:
    """Yield the dimensions under which the SLA clocks of contacts that arrive now at `dimension_keys` are counted."""
    versions = _in_force(snapshot)
    for dimensions in dimension_keys:
        if version := _find_version(versions, dimensions):
            for kind in kinds_at(version, dimensions):
                yield target_dimensions(version.name, kind, dimensions)


def kinds_at(version: PolicyVersion, dimensions: Dimensions) -> list[ClockKind]:
    """Return the clocks of a policy that apply to the channel of `dimensions`."""
    return [
        kind
        for kind in version.clocks
        if dimensions.channel in (QUEUE_CHANNELS if kind is ClockKind.ANSWER else WRITTEN_CHANNELS)
    ]


def collect(snapshot: Snapshot, cumulative: Figures) -> Iterator[Metric]:
    """Yield the metrics of deadlines, of the SLA file and of opening hours, with their samples."""
    yield _due(snapshot, cumulative)
    versions = _in_force(snapshot)
    yield from _policy_metrics(versions)
    yield from _calendars(snapshot)
    yield _open(snapshot, versions, cumulative)
    yield _business_age(snapshot, versions, cumulative)
    yield _file_in_force(snapshot)


def _due(snapshot: Snapshot, cumulative: Figures) -> Metric:
    now = int(snapshot.taken_at.timestamp())
    return gauge_family(
        "contact_sla_due_items",
        "Open SLA clocks whose deadline is within the horizon, or up to five minutes later; without overdue and paused ones.",
        (*DIMENSION_LABELS, *LABELS, "horizon"),
        {
            (*label(dimensions), horizon): _count_due(figure, snapshot.due.get(dimensions, {}), now + seconds)
            for dimensions, figure in cumulative.items()
            if dimensions.channel == SLA
            for horizon, seconds in HORIZONS.items()
        },
    )


def _count_due(figure: Figure, due: Mapping[int, int], until: int) -> int:
    """Return the number of clocks that are neither overdue nor paused, with a deadline before `until` (seconds since 1970).

    It subtracts later deadlines from all open clocks. Deadlines in the current five minutes therefore count until they pass.
    """
    later = sum(number for start, number in due.items() if start >= until)
    return max(0, sum(figure.stocks[index] for index in _NOT_OVERDUE) - later)


def _policy_metrics(versions: Iterable[PolicyVersion]) -> Iterator[Metric]:
    rules = {
        (version.name, kind.value): (rule, rule.calendar or version.calendar)
        for version in versions
        for kind, rule in version.clocks.items()
    }
    yield gauge_family(
        "contact_sla_objective_ratio",
        "Share of SLA clocks that shall be met, for contacts that arrive now.",
        LABELS,
        {labels: rule.objective for labels, (rule, calendar) in rules.items()},
    )
    yield gauge_family(
        "contact_sla_target_seconds",
        "SLA target in seconds of opening hours or elapsed time (unit in contact_sla_policy_info); absent for days and months.",
        LABELS,
        {labels: rule.target for labels, (rule, calendar) in rules.items() if rule.unit in TIME_UNITS},
    )
    policy = InfoMetricFamily(
        "contact_sla_policy",
        "SLA target for contacts that arrive now: its calendar, its unit, and the target in this unit (times in seconds).",
        labels=LABELS,
    )
    for labels, (rule, calendar) in rules.items():
        policy.add_metric(labels, {"calendar": calendar, "unit": rule.unit.value, "target": str(rule.target)})
    yield policy


def _calendars(snapshot: Snapshot) -> Iterator[Metric]:
    now = milliseconds(snapshot.taken_at)
    calendars = snapshot.policies.calendars.items()
    yield gauge_family(
        "contact_calendar_open",
        "1 if the calendar is open now, otherwise 0.",
        ("calendar",),
        {(name,): calendar.is_open(now) for name, calendar in calendars},
    )
    yield gauge_family(
        "contact_calendar_change_timestamp_seconds",
        "Next opening or closing time of the calendar; absent if none follows.",
        ("calendar",),
        {(name,): change.at / 1000 for name, calendar in calendars if (change := calendar.next_change(now))},
    )


def _open(snapshot: Snapshot, versions: Sequence[PolicyVersion], dimension_keys: Iterable[Dimensions]) -> Metric:
    now, calendars = milliseconds(snapshot.taken_at), snapshot.policies.calendars
    return gauge_family(
        "contact_queue_open",
        "1 if the queue is open now, otherwise 0, by the calendar of the policy for contacts that arrive now; absent without"
        " a policy.",
        (*DIMENSION_LABELS, "calendar"),
        {
            (*label(dimensions), version.calendar): calendars[version.calendar].is_open(now)
            for dimensions in dimension_keys
            if (version := _find_version(versions, dimensions))
        },
    )


def _business_age(snapshot: Snapshot, versions: Sequence[PolicyVersion], cumulative: Figures) -> Metric:
    now, ages = milliseconds(snapshot.taken_at), {}
    for dimensions, figure in cumulative.items():
        since = figure.oldest_waiting_at
        if since is not None and (version := _find_version(versions, dimensions)):
            calendar = snapshot.policies.calendars[version.calendar]
            with suppress(BeyondCalendarError):
                ages[label(dimensions)] = calendar.between(since, max(since, now), Unit.OPENING_HOURS) / 1000
    return gauge_family(
        "contact_oldest_item_business_age_seconds",
        "Wait of the contact that waits longest, in opening hours of the calendar of the policy for contacts that arrive now;"
        " absent if none waits, or without a policy.",
        DIMENSION_LABELS,
        ages,
    )


def _file_in_force(snapshot: Snapshot) -> Metric:
    fingerprint = snapshot.policies.fingerprint_at(milliseconds(snapshot.taken_at))
    return gauge_family(
        "contact_sla_file_in_force",
        "1 if the worker applies the SLA file of this process to all open contacts of the partition, otherwise 0.",
        ("partition",),
        {(str(number),): part.sla == fingerprint for number, part in snapshot.progress.items()},
    )


def _in_force(snapshot: Snapshot) -> list[PolicyVersion]:
    return snapshot.policies.in_force(milliseconds(snapshot.taken_at))


def _find_version(versions: Iterable[PolicyVersion], dimensions: Dimensions) -> PolicyVersion | None:
    """Return the first of `versions` that fits `dimensions`. None if none fits, and for call figures without a queue (agents)."""
    if dimensions.channel not in QUEUE_CHANNELS | WRITTEN_CHANNELS or (
        dimensions.channel == Channel.CALL and not dimensions.queue
    ):
        return None
    return next((version for version in versions if version.match.fits(*dimensions)), None)
