"""Metrics of cases: letters, e-mails and forms."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from prometheus_client.core import Metric

from models.events import PostageClass
from models.topics import Channel
from streams.core.figures.case_facts import OUTCOMES, SENT, STEPS
from streams.core.figures.figure import Figure
from streams.core.figures.figure_schemas import CASE_SCHEMA, FIGURE_SCHEMAS
from streams.web.metrics.families import gauge_family
from streams.web.metrics.figure_readers import ReadByChannel, Values, channels_of, count, counts, join
from streams.web.metrics.measure import (
    DIMENSION_LABELS,
    FigureMeasure,
    Figures,
    counter_measure,
    histogram_measure,
    label,
)
from streams.web.view import Snapshot

_CENTS: Final = {(postage.value,): CASE_SCHEMA.index[f"postage_cents_{postage}"] for postage in PostageClass}


def measures() -> list[FigureMeasure]:
    """Return the definitions of the metrics of cases; `FiguresCollector` computes their values."""
    return [
        counter_measure("contact_registered", "Letters that got a number in the register.", _count_step("registered")),
        counter_measure(
            "contact_assigned", "Cases assigned to a service, or taken up by one.", _count_step("assigned")
        ),
        counter_measure(
            "contact_acknowledged",
            "Cases whose sender got an acknowledgement of receipt.",
            _count_step("acknowledged"),
        ),
        counter_measure(
            "contact_form_correction",
            "Forms: corrections requested from the sender, and corrections received.",
            counts(CASE_SCHEMA, {"requested": "correction_requested", "received": "corrected"}, Channel.FORM),
            ("step",),
        ),
        counter_measure(
            "contact_closed",
            "Cases answered, decided or closed otherwise, by outcome.",
            join(*map(_closed, OUTCOMES)),
            ("outcome",),
        ),
        counter_measure(
            "contact_sent", "Letters sent, by class of postage.", counts(CASE_SCHEMA, SENT, Channel.MAIL), ("postage",)
        ),
        counter_measure(
            "contact_postage_euros",
            "Postage of the letters sent, by class.",
            {Channel.MAIL: _euros},
            ("postage",),
            has_corrected=False,
        ),
        counter_measure(
            "contact_postage_corrected_euros",
            "Postage corrected later, which contact_postage_euros_total still contains.",
            {Channel.MAIL: _euros_corrected},
            ("postage",),
            has_corrected=False,
        ),
        counter_measure(
            "contact_reopened",
            "Cases reopened after they were closed; each counts once.",
            count(CASE_SCHEMA, "reopened"),
        ),
        histogram_measure(
            "contact_scan_seconds",
            "Elapsed time from receipt to the scan, for letters with both times.",
            "scan",
            (Channel.MAIL,),
        ),
        histogram_measure(
            "contact_registration_seconds",
            "Elapsed time from receipt to the number in the register.",
            "registration",
            _channels_with("registered"),
        ),
        histogram_measure(
            "contact_assignment_seconds",
            "Elapsed time from receipt to the assignment to a service.",
            "assignment",
            _channels_with("assigned"),
        ),
        histogram_measure(
            "contact_acknowledgement_seconds",
            "Elapsed time from receipt to the acknowledgement.",
            "acknowledgement",
            _channels_with("acknowledged"),
        ),
        histogram_measure(
            "contact_first_response_seconds",
            "Elapsed time from receipt to the first answer of a person, or request for a correction.",
            "first_response",
            channels_of(CASE_SCHEMA),
        ),
        histogram_measure(
            "contact_resolution_seconds",
            "Elapsed time from receipt to the closing answer or decision.",
            "resolution",
            channels_of(CASE_SCHEMA),
        ),
    ]


AGES: Final = {"lt_1d": 1, "lt_2d": 2, "lt_5d": 5, "lt_10d": 10, "lt_15d": 15, "lt_30d": 30}
"""Age band → upper limit in civil days, exclusive. Each band excludes the earlier ones; a case received today is in the first."""
OLDEST: Final = "ge_30d"
"""Age band of all older cases."""


def collect(snapshot: Snapshot, zone: ZoneInfo, cumulative: Figures) -> Iterator[Metric]:
    """Yield the metric of the backlog by age.

    Rows of an earlier release lack the ages: their dimensions are skipped until the rows change.
    """
    today = snapshot.taken_at.astimezone(zone).date()
    begins = [datetime.combine(today - timedelta(days - 1), time(), zone).timestamp() for days in AGES.values()]
    items: dict[tuple[str, ...], int] = {}
    for dimensions, figure in cumulative.items():
        if FIGURE_SCHEMAS[dimensions.channel] is CASE_SCHEMA and (
            figure.open_since is not None or not any(figure.stocks)
        ):
            bands = dict.fromkeys((*AGES, OLDEST), 0)
            for since, number in (figure.open_since or {}).items():
                age = next((band for band, begin in zip(AGES, begins, strict=True) if since >= begin), OLDEST)
                bands[age] += number
            items |= {(*label(dimensions), band): number for band, number in bands.items()}
    yield gauge_family(
        "contact_backlog_by_age_items",
        "Cases that wait for the service, by civil days since receipt; the bands add up to the states waiting and in_progress.",
        (*DIMENSION_LABELS, "age"),
        items,
    )


def _channels_with(step: str) -> tuple[Channel, ...]:
    return tuple(channel for channel, steps in STEPS.items() if step in steps)


def _count_step(step: str) -> ReadByChannel:
    return count(CASE_SCHEMA, step, *_channels_with(step))


def _closed(channel: Channel) -> ReadByChannel:
    return counts(CASE_SCHEMA, {outcome: f"closed_{outcome}" for outcome in OUTCOMES[channel]}, channel)


def _euros(figure: Figure) -> Values:
    return {postage: figure.counts[index] / 100 for postage, index in _CENTS.items()}


def _euros_corrected(figure: Figure) -> Values:
    return {postage: figure.corrected.get(index, 0) / 100 for postage, index in _CENTS.items()}
