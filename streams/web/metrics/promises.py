"""What was promised, and how it is kept: one sample per policy and clock, where its contacts are; and when it is open there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from models.calendars import BeyondCalendarError, Unit
from models.calendars.compiled import TIME_UNITS
from models.instants import milliseconds
from models.policies import QUEUED, WRITTEN, ClockKind, PolicyVersion
from models.topics import Channel
from streams.core.facts import place_of_promise
from streams.core.figures import Dimensions, Figure
from streams.core.layouts import CLOCKS, SLA
from streams.web.metrics.measure import (
    PLACE,
    Counter,
    Figures,
    Gauge,
    Histogram,
    PlaceMeasure,
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
_NOT_OVERDUE: Final = (CLOCKS.stock_index["running"], CLOCKS.stock_index["at_risk"])


def measures() -> list[PlaceMeasure]:
    """Return the metrics of SLA clocks."""
    return [
        Counter("contact_sla_started", "Promises made.", count(CLOCKS, "started"), LABELS),
        Counter(
            "contact_sla_completed",
            "Promises of which it is known what became of them: met in time, breached when the deadline passed, cancelled.",
            sums(CLOCKS, RESULTS),
            (*LABELS, "result"),
        ),
        Counter("contact_sla_late", "What was promised, done after the deadline.", count(CLOCKS, "late"), LABELS),
        Gauge(
            "contact_sla_open_items",
            "Promises still to be kept: running, at_risk, overdue, or paused while the citizen has to act.",
            stocks(CLOCKS, CLOCKS.stocks),
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
            corrected(CLOCKS, {name: [name] for name in ("started", "met", "breached", "cancelled", "late")}),
            (*LABELS, "fact"),
            has_twin=False,
        ),
    ]


def _oldest(figure: Figure) -> Values:
    at = figure.oldest_waiting_at
    return {} if at is None else {(): at / 1000}


def expect(snapshot: Snapshot, places: Iterable[Dimensions]) -> Iterator[Dimensions]:
    """Yield where the clocks of who arrives now at `places` will be counted."""
    versions = _in_force(snapshot)
    for place in places:
        if version := _find_version(versions, place):
            for kind in kinds_at(version, place):
                yield place_of_promise(version.name, kind, place)


def kinds_at(version: PolicyVersion, place: Dimensions) -> list[ClockKind]:
    """Return which of a policy's clocks there are at `place`."""
    return [kind for kind in version.clocks if place.channel in (QUEUED if kind is ClockKind.ANSWER else WRITTEN)]


def collect(snapshot: Snapshot, ever: Figures) -> Iterator[Metric]:
    """Yield what is due, what is promised by the SLA file, and where it is open."""
    yield _due(snapshot, ever)
    versions = _in_force(snapshot)
    yield from _promised(versions)
    yield from _calendars(snapshot)
    yield _open(snapshot, versions, ever)
    yield _business_age(snapshot, versions, ever)
    yield _in_force_where(snapshot)


def _due(snapshot: Snapshot, ever: Figures) -> Metric:
    metric = GaugeMetricFamily(
        "contact_sla_due_items",
        "Open promises whose deadline is at most that far away, or up to five minutes more: all but the overdue and paused.",
        labels=(*PLACE, *LABELS, "horizon"),
    )
    now = int(snapshot.taken_at.timestamp())
    for place, figure in ever.items():
        if place.channel == SLA:
            due = snapshot.due.get(place, {})
            for horizon, seconds in HORIZONS.items():
                metric.add_metric((*label(place), horizon), _count_due(figure, due, now + seconds))
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


def _open(snapshot: Snapshot, versions: Sequence[PolicyVersion], places: Iterable[Dimensions]) -> Metric:
    metric = GaugeMetricFamily(
        "contact_queue_open",
        "Whether it is open there now, by the calendar of the policy that is for who comes now; absent without one.",
        labels=(*PLACE, "calendar"),
    )
    now = milliseconds(snapshot.taken_at)
    for place in places:
        if version := _find_version(versions, place):
            calendar = version.calendar
            metric.add_metric((*label(place), calendar), snapshot.policies.calendars[calendar].is_open(now))
    return metric


def _business_age(snapshot: Snapshot, versions: Sequence[PolicyVersion], ever: Figures) -> Metric:
    metric = GaugeMetricFamily(
        "contact_oldest_item_business_age_seconds",
        "For how long the one waits who waits longest, in opening hours of the calendar of the policy that is for who comes now;"
        " absent if nobody waits, or there is no such policy.",
        labels=PLACE,
    )
    now = milliseconds(snapshot.taken_at)
    for place, figure in ever.items():
        since = figure.oldest_waiting_at
        if since is not None and (version := _find_version(versions, place)):
            with suppress(BeyondCalendarError):
                opened = snapshot.policies.calendars[version.calendar].between(
                    since, max(since, now), Unit.OPENING_HOURS
                )
                metric.add_metric(label(place), opened / 1000)
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


def _find_version(versions: Iterable[PolicyVersion], place: Dimensions) -> PolicyVersion | None:
    """Return the policy for who comes there now; agents, of whom is told without a queue, do not."""
    if place.channel not in QUEUED | WRITTEN or (place.channel == Channel.CALL and not place.queue):
        return None
    return next((version for version in versions if version.match.fits(*place)), None)
