"""Figures in a dict: rows of zeros, of the layout of their channel, where there are none yet."""

from models.events import PostageClass
from streams.core.figures import Dimensions, Figure, left, new_figure
from streams.core.layouts import (
    APPOINTMENTS,
    CANCELLED,
    CLOCKS,
    CLOSED,
    FEEDBACK,
    LAYOUTS,
    MATTERS,
    PROMISED,
    QUEUES,
    WAITED,
    name_verdict,
)


class Figures(dict[tuple[int, Dimensions], Figure]):
    """Bucket start (0 for a total) and place → row."""

    def __missing__(self, key: tuple[int, Dimensions]) -> Figure:
        figure = self[key] = new_figure(LAYOUTS[key[1].channel])
        return figure


def named(place: Dimensions, figure: Figure) -> dict[str, int]:
    """Return what is not zero, by name; what was taken back with a minus."""
    layout = LAYOUTS[place.channel]
    counts = {name: count for name, count in zip(layout.counts, figure.counts, strict=True) if count}
    stocks = {name: count for name, count in zip(layout.stocks, figure.stocks, strict=True) if count}
    return counts | stocks | {f"-{layout.counts[index]}": taken for index, taken in figure.corrected.items()}


def check_invariant(place: Dimensions, total: Figure) -> None:
    """Check that all who came are accounted for in the total row of a place."""
    layout = LAYOUTS[place.channel]
    count = dict(zip(layout.counts, total.counts, strict=True))
    stock = dict(zip(layout.stocks, total.stocks, strict=True))
    if layout is QUEUES:
        finished = sum(count[name] for name in ("transferred", "ended", "ended_forgotten"))
        assert count["offered"] == count["answered"] + count["abandoned"] + left(total) + stock["waiting"]
        assert count["answered"] == finished + stock["in_progress"]
    elif layout is MATTERS:
        assert count["received"] == sum(count[name] for name in CLOSED) + sum(stock.values())
        assert all(
            count[step] <= count["received"] for step in ("registered", "assigned", "responded", "scanned", "reopened")
        )
        assert count["postage_cents"] == sum(count[f"postage_cents_{postage}"] for postage in PostageClass)
    elif layout is APPOINTMENTS:
        settled = sum(count[name] for name in (*CANCELLED, "attended", "missed"))
        assert count["booked"] == settled + sum(stock.values())
        assert count["booked"] == count["booked_by_citizen"] + count["booked_by_service"]
    elif layout is CLOCKS:
        ended = sum(count[name] for name in ("met", "late", "cancelled", "cancelled_late"))
        assert count["started"] == ended + sum(stock.values())
        assert count["breached"] == count["late"] + count["cancelled_late"] + stock["overdue"]
        assert count["due"] == stock["running"] + stock["at_risk"] + stock["overdue"]
    elif layout is FEEDBACK:
        assert count["invited_answered"] <= count["invited"]
        for satisfied, scores in ((True, (4, 5)), (False, (1, 2, 3))):
            given = sum(count[f"given_csat_1_5_{score}"] for score in scores)
            assert given == sum(count[name_verdict(which, is_satisfied=satisfied)] for which in PROMISED)
            assert given >= sum(count[name_verdict(which, is_satisfied=satisfied)] for which in WAITED)
    for name, duration in layout.durations.items():
        start = layout.start(name)
        measured = sum(total.counts[start : start + len(duration.bounds) + 1])
        assert measured == sum(count[fact] for fact in duration.of)
