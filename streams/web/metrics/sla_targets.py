"""What was promised, and how it is kept: one sample per policy and clock, where its contacts are; and when it is open there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from models.calendars import BeyondCalendarError, Unit
from models.calendars.compiled import TIME_UNITS
from models.policies import QUEUE_CHANNELS, WRITTEN_CHANNELS, ClockKind, PolicyVersion
from models.timestamps import milliseconds
from models.topics import Channel
from streams.core.figures.facts import target_dimensions
from streams.core.figures.figure import Dimensions, Figure
from streams.core.figures.figure_schemas import SLA, SLA_SCHEMA
from streams.web.metrics.measure import (
    DIMENSION_LABELS,
    Counter,
    FigureMeasure,
    Figures,
    Gauge,
    Histogram,
    Values,
    corrected,
    count,
    label,
    stocks,
    sums,
)
from streams.web.view import Snapshot

LABELS: Final = ("policy", "clock")
"""After those of the place; its queue is empty."""
RESULTS: Final = {"met": ["met"], "breached": ["breached"], "cancelled": ["cancelled"]}
"""What is known of a promise as soon as it is: that it was kept in time, that the deadline passed, or that nobody waits any more.
Each has one of them, or is open."""
HORIZONS: Final = {"1h": 3600, "4h": 14_400, "1d": 86_400, "3d": 3 * 86_400, "7d": 7 * 86_400}
"""In seconds of elapsed time."""
_NOT_OVERDUE: Final = (SLA_SCHEMA.stock_index["running"], SLA_SCHEMA.stock_index["at_risk"])


def measures() -> list[FigureMeasure]:
    """Return the metrics of SLA clocks."""
    return [
        Counter("contact_sla_started", "Promises made.", count(SLA_SCHEMA, "started"), LABELS),
        Counter(
            "contact_sla_completed",
            "Promises of which it is known what became of them: met in time, breached when the deadline passed, cancelled.",
            sums(SLA_SCHEMA, RESULTS),
            (*LABELS, "result"),
        ),
        Counter("contact_sla_late", "What was promised, done after the deadline.", count(SLA_SCHEMA, "late"), LABELS),
        Gauge(
            "contact_sla_open_items",
            "Promises still to be kept: running, at_risk, overdue, or paused while the citizen has to act.",
            stocks(SLA_SCHEMA, SLA_SCHEMA.stocks),
            (*LABELS, "state"),
        ),
        Gauge(
            "contact_sla_oldest_overdue_timestamp_seconds",
            "The earliest deadline that passed of what is still to be done; absent if none did.",
            {SLA: _oldest},
            LABELS,
        ),
        Histogram(
            "contact_first_response_business_seconds",
            "Opening hours from receipt to a person's first answer, by the calendar of the policy that promises one.",
            "work",
            (SLA,),
            ClockKind.FIRST_RESPONSE.value,
        ),
        Histogram(
            "contact_resolution_business_seconds",
            "Opening hours from receipt to what closed it, by the calendar of the policy that promises that.",
            "work",
            (SLA,),
            ClockKind.RESOLUTION.value,
        ),
        Counter(
            "contact_sla_corrected",
            "Facts taken back, which counters still hold.",
            corrected(SLA_SCHEMA, {name: [name] for name in ("started", "met", "breached", "cancelled", "late")}),
            (*LABELS, "fact"),
            has_corrected=False,
        ),
    ]


def _oldest(figure: Figure) -> Values:
    at = figure.oldest_waiting_at
    return {} if at is None else {(): at / 1000}


def expected_dimensions(snapshot: Snapshot, dimension_keys: Iterable[Dimensions]) -> Iterator[Dimensions]:
    """Yield where the clocks of who arrives now at `places` will be counted."""
    versions = _in_force(snapshot)
    for dimensions in dimension_keys:
        if version := _find_version(versions, dimensions):
            for kind in kinds_at(version, dimensions):
                yield target_dimensions(version.name, kind, dimensions)


def kinds_at(version: PolicyVersion, dimensions: Dimensions) -> list[ClockKind]:
    """Return which of a policy's clocks there are at `place`."""
    return [
        kind
        for kind in version.clocks
        if dimensions.channel in (QUEUE_CHANNELS if kind is ClockKind.ANSWER else WRITTEN_CHANNELS)
    ]


def collect(snapshot: Snapshot, cumulative: Figures) -> Iterator[Metric]:
    """Yield what is due, what is promised by the SLA file, and where it is open."""
    yield _due(snapshot, cumulative)
    versions = _in_force(snapshot)
    yield from _promised(versions)
    yield from _calendars(snapshot)
    yield _open(snapshot, versions, cumulative)
    yield _business_age(snapshot, versions, cumulative)
    yield _in_force_where(snapshot)


def _due(snapshot: Snapshot, cumulative: Figures) -> Metric:
    metric = GaugeMetricFamily(
        "contact_sla_due_items",
        "Open promises whose deadline is at most that far away, or up to five minutes more: all but the overdue and paused.",
        labels=(*DIMENSION_LABELS, *LABELS, "horizon"),
    )
    now = int(snapshot.taken_at.timestamp())
    for dimensions, figure in cumulative.items():
        if dimensions.channel == SLA:
            due = snapshot.due.get(dimensions, {})
            for horizon, seconds in HORIZONS.items():
                metric.add_metric((*label(dimensions), horizon), _count_due(figure, due, now + seconds))
    return metric


def _count_due(figure: Figure, due: Mapping[int, int], until: int) -> int:
    """Return how many that are not overdue have their deadline by `until`: all without those that have it later.

    So what falls due in the present five minutes is in it, and what fell due in them is not.
    """
    later = sum(number for start, number in due.items() if start >= until)
    return max(0, sum(figure.stocks[index] for index in _NOT_OVERDUE) - later)


def _promised(versions: Iterable[PolicyVersion]) -> Iterator[Metric]:
    objective = GaugeMetricFamily(
        "contact_sla_objective_ratio", "The share of promises that is to be kept, for who comes now.", labels=LABELS
    )
    target = GaugeMetricFamily(
        "contact_sla_target_seconds",
        "What is promised, in seconds of contact_sla_policy_info's unit; what is promised in days or months has none.",
        labels=LABELS,
    )
    policy = InfoMetricFamily(
        "contact_sla_policy",
        "What is promised for who comes now: target in units, by a calendar; of time in seconds.",
        labels=LABELS,
    )
    for version in versions:
        for kind, rule in version.clocks.items():
            which = version.name, kind.value
            objective.add_metric(which, rule.objective)
            if rule.unit in TIME_UNITS:
                target.add_metric(which, rule.target)
            calendar = rule.calendar or version.calendar
            policy.add_metric(which, {"calendar": calendar, "unit": rule.unit.value, "target": str(rule.target)})
    yield from (objective, target, policy)


def _calendars(snapshot: Snapshot) -> Iterator[Metric]:
    is_open = GaugeMetricFamily("contact_calendar_open", "1 while it is open, else 0.", labels=["calendar"])
    change = GaugeMetricFamily(
        "contact_calendar_change_timestamp_seconds",
        "When it next opens or closes; absent if it never does.",
        labels=["calendar"],
    )
    now = milliseconds(snapshot.taken_at)
    for name, calendar in snapshot.policies.calendars.items():
        is_open.add_metric([name], calendar.is_open(now))
        if (next_change := calendar.next_change(now)) is not None:
            change.add_metric([name], next_change.at / 1000)
    yield from (is_open, change)


def _open(snapshot: Snapshot, versions: Sequence[PolicyVersion], dimension_keys: Iterable[Dimensions]) -> Metric:
    metric = GaugeMetricFamily(
        "contact_queue_open",
        "Whether it is open there now, by the calendar of the policy that is for who comes now; absent without one.",
        labels=(*DIMENSION_LABELS, "calendar"),
    )
    now = milliseconds(snapshot.taken_at)
    for dimensions in dimension_keys:
        if version := _find_version(versions, dimensions):
            calendar = version.calendar
            metric.add_metric((*label(dimensions), calendar), snapshot.policies.calendars[calendar].is_open(now))
    return metric


def _business_age(snapshot: Snapshot, versions: Sequence[PolicyVersion], cumulative: Figures) -> Metric:
    metric = GaugeMetricFamily(
        "contact_oldest_item_business_age_seconds",
        "For how long the one waits who waits longest, in opening hours of the calendar of the policy that is for who comes now;"
        " absent if nobody waits, or there is no such policy.",
        labels=DIMENSION_LABELS,
    )
    now = milliseconds(snapshot.taken_at)
    for dimensions, figure in cumulative.items():
        since = figure.oldest_waiting_at
        if since is not None and (version := _find_version(versions, dimensions)):
            with suppress(BeyondCalendarError):
                opened = snapshot.policies.calendars[version.calendar].between(
                    since, max(since, now), Unit.OPENING_HOURS
                )
                metric.add_metric(label(dimensions), opened / 1000)
    return metric


def _in_force_where(snapshot: Snapshot) -> Metric:
    metric = GaugeMetricFamily(
        "contact_sla_file_in_force",
        "1 where the clocks of all open contacts are set by the SLA file that is read here, 0 until then or with another one.",
        labels=["partition"],
    )
    wanted = snapshot.policies.fingerprint_at(milliseconds(snapshot.taken_at))
    for number, part in snapshot.progress.items():
        metric.add_metric([str(number)], part.sla == wanted)
    return metric


def _in_force(snapshot: Snapshot) -> list[PolicyVersion]:
    return snapshot.policies.in_force(milliseconds(snapshot.taken_at))


def _find_version(versions: Iterable[PolicyVersion], dimensions: Dimensions) -> PolicyVersion | None:
    """Return the policy for who comes there now; agents, of whom is told without a queue, do not."""
    if dimensions.channel not in QUEUE_CHANNELS | WRITTEN_CHANNELS or (
        dimensions.channel == Channel.CALL and not dimensions.queue
    ):
        return None
    return next((version for version in versions if version.match.fits(*dimensions)), None)
