"""What citizens do, of periods that are over: gauges, since a counter would tell of who comes just now.

A number that is missing is withheld, or there was nothing of the kind: `streams.web.citizens` says when. Each is true of the
period whose start `contact_citizen_period_start_timestamp_seconds` tells.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.core.citizens.citizen_figures import Period
from streams.core.figures.disclosure import MIN_CITIZENS
from streams.web.citizens import DisclosedFigures


class View(Protocol):
    """What figures of citizens are asked of; `CitizensView` says more."""

    def disclosed_figures(self) -> DisclosedFigures | None:
        """Return what may be published, None before anything was read."""


class CitizensCollector(Collector):
    """Exports what a `CitizensView` publishes; days begin at midnight in `zone`."""

    def __init__(self, view: View, zone: ZoneInfo) -> None:
        self._view = view
        self._zone = zone

    def describe(self) -> list[Metric]:
        """Promise nothing, so that registering collects nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics that have samples; from any thread."""
        told = self._view.disclosed_figures()
        if told is not None:
            for metric in (*_metrics(told), self._starts(told)):
                if metric.samples:
                    yield metric

    def _starts(self, told: DisclosedFigures) -> Metric:
        days: dict[tuple[str, str], int] = {("began", period): start for period, start in told.starts.items()}
        days["handled", Period.WEEK] = told.handled_start
        return _gauge(
            "contact_citizen_period_start_timestamp_seconds",
            "When the period began that is told of; of handled contacts it is an earlier one.",
            ("figure", "period"),
            {
                place: datetime.combine(date.fromordinal(day), time(), self._zone).timestamp()
                for place, day in days.items()
            },
        )


def _metrics(told: DisclosedFigures) -> Iterator[Metric]:
    yield _gauge(
        "contact_citizens",
        "Citizens who began a contact with a service in the last period that is over.",
        ("period", "service"),
        told.active,
    )
    yield _gauge(
        "contact_citizens_of_all_services",
        "Citizens who began a contact in the last period that is over; who turned to several services is one.",
        ("period",),
        {(period,): number for period, number in told.active_of_all.items()},
    )
    yield _gauge(
        "contact_citizen_contacts",
        "Contacts begun by citizens in the last week that is over, by why one would not have been needed; abandoned: a call after"
        " one that was abandoned.",
        ("service", "channel", "reason"),
        told.contacts_by_reason,
    )
    yield _gauge(
        "contact_citizen_hops",
        "The same contacts, by the channel of the one before, which began at most contact_citizen_recontact_days earlier.",
        ("service", "channel", "after"),
        told.contacts_by_previous_channel,
    )
    yield _gauge(
        "contact_citizen_unidentified",
        "Contacts begun in that week of which it is not known whose they are: no other of these metrics has them.",
        ("service", "channel"),
        told.unidentified,
    )
    yield _gauge(
        "contact_citizen_handled",
        "Contacts handled in the last week of which it is known what followed: whether at first contact, and whether a recontact"
        " with the service came within contact_citizen_recontact_days.",
        ("service", "channel", "first_contact", "recontact"),
        told.handled,
    )
    yield _gauge(
        "contact_citizen_pending",
        "Contacts handled in the last week that is over, if it is not known yet whether a recontact follows.",
        ("service", "channel"),
        told.pending,
    )
    yield _gauge(
        "contact_citizen_recontact_days",
        "By the end of so many days after the day on which a contact was handled, the next one is a recontact.",
        (),
        {(): told.recontact_days},
    )
    yield _gauge(
        "contact_citizen_withheld",
        f"Numbers that are not told, since they stand for fewer than {MIN_CITIZENS} citizens or would give such a one away.",
        ("figure",),
        {(name,): number for name, number in told.withheld.items()},
    )


def _gauge(name: str, about: str, labels: Sequence[str], numbers: Mapping[Any, float]) -> Metric:
    metric = GaugeMetricFamily(name, about, labels=labels)
    for values, number in numbers.items():
        metric.add_metric([str(value).lower() if isinstance(value, bool) else str(value) for value in values], number)
    return metric
