"""Metrics of citizens in past periods. They are gauges: a counter would reveal who has just made contact.

A missing number is withheld (see `streams.web.citizens`) or zero. `contact_citizen_period_start_timestamp_seconds` exports the
start of the period of each metric.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from streams.core.citizens.citizen_figures import Period
from streams.core.figures.disclosure import MIN_CITIZENS
from streams.web.citizens import DisclosedFigures
from streams.web.metrics.families import gauge_family


class CitizensCollector(Collector):
    """Exports the publishable figures of citizens that `disclose` returns; days begin at midnight in `zone`."""

    def __init__(self, disclose: Callable[[], DisclosedFigures | None], zone: ZoneInfo) -> None:
        self._disclose = disclose
        self._zone = zone

    def describe(self) -> list[Metric]:
        """Return nothing, so that registration does not collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics that have samples; nothing while `disclose` returns None."""
        disclosed = self._disclose()
        if disclosed is not None:
            for metric in (*_metrics(disclosed), self._starts(disclosed)):
                if metric.samples:
                    yield metric

    def _starts(self, disclosed: DisclosedFigures) -> Metric:
        days: dict[tuple[str, str], int] = {("began", period): start for period, start in disclosed.starts.items()}
        days["handled", Period.WEEK] = disclosed.handled_start
        return gauge_family(
            "contact_citizen_period_start_timestamp_seconds",
            "Start of the period of these metrics; for handled contacts an earlier one.",
            ("figure", "period"),
            {
                place: datetime.combine(date.fromordinal(day), time(), self._zone).timestamp()
                for place, day in days.items()
            },
        )


def _metrics(disclosed: DisclosedFigures) -> Iterator[Metric]:
    yield gauge_family(
        "contact_citizens",
        "Citizens who began a contact with a service in the last completed period.",
        ("period", "service"),
        disclosed.active,
    )
    yield gauge_family(
        "contact_citizens_of_all_services",
        "Citizens who began a contact in the last completed period; a citizen of several services counts once.",
        ("period",),
        {(period,): number for period, number in disclosed.active_of_all.items()},
    )
    yield gauge_family(
        "contact_citizen_contacts",
        "Contacts begun by citizens in the last completed week, by their cause in an earlier contact; abandoned: a call after an"
        " abandoned one.",
        ("service", "channel", "reason"),
        disclosed.contacts_by_cause,
    )
    yield gauge_family(
        "contact_citizen_hops",
        "The same contacts, by the channel of the previous one, which began at most contact_citizen_recontact_days earlier.",
        ("service", "channel", "after"),
        disclosed.contacts_by_previous_channel,
    )
    yield gauge_family(
        "contact_citizen_unidentified",
        "Contacts begun in that week by unknown citizens; the other metrics of citizens do not count them.",
        ("service", "channel"),
        disclosed.unidentified,
    )
    yield gauge_family(
        "contact_citizen_handled",
        "Contacts handled in the last week whose recontact window is over: whether it was the first contact, and whether a"
        " recontact with the service followed within contact_citizen_recontact_days.",
        ("service", "channel", "first_contact", "recontact"),
        {
            (service, channel, str(is_first).lower(), str(is_followed).lower()): number
            for (service, channel, is_first, is_followed), number in disclosed.handled.items()
        },
    )
    yield gauge_family(
        "contact_citizen_pending",
        "Contacts handled in the last completed week, while recontacts may still follow.",
        ("service", "channel"),
        disclosed.pending,
    )
    yield gauge_family(
        "contact_citizen_recontact_days",
        "Recontact window: days after the day on which a contact was handled.",
        (),
        {(): disclosed.recontact_days},
    )
    yield gauge_family(
        "contact_citizen_withheld",
        f"Numbers withheld because they count fewer than {MIN_CITIZENS} citizens, or would reveal such a number.",
        ("figure",),
        {(name,): number for name, number in disclosed.withheld.items()},
    )
