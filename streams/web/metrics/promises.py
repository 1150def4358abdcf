"""What was promised, and how it is kept: one sample per policy and clock, where its contacts are."""

from typing import Final

from streams.core.figures import Figure
from streams.core.layouts import CLOCKS, SLA
from streams.web.metrics.measure import Counter, Gauge, Measure, Values, corrected, count, stocks, sums

LABELS: Final = ("policy", "clock")
"""After those of the place; its queue is empty."""
RESULTS: Final = {"met": ["met"], "breached": ["breached"], "cancelled": ["cancelled"]}
"""What is known of a promise as soon as it is: that it was kept in time, that the deadline passed, or that nobody waits any more.
Each has one of them, or is open."""


def measures() -> list[Measure]:
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
        Counter(
            "contact_sla_corrected",
            "Facts taken back, which counters still hold.",
            corrected(CLOCKS, {name: name for name in ("started", "met", "breached", "cancelled", "late")}),
            (*LABELS, "fact"),
        ),
    ]


def _oldest(figure: Figure) -> Values:
    at = figure.oldest_waiting_at
    return {} if at is None else {(): at / 1000}
