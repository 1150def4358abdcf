"""Board figures of services: letters, e-mails, forms, appointments and feedback."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure
from streams.core.figures.figure_schemas import (
    APPOINTMENT_SCHEMA,
    CANCELLED_COUNTS,
    CASE_SCHEMA,
    CLOSED_COUNTS,
    FEEDBACK,
    MIN_SATISFIED_SCORE,
)
from streams.core.figures.satisfaction import DETRACTOR_SCORE, PROMOTER_SCORE, answers
from streams.web.board.sla_targets import calendar_of
from streams.web.options import WebOptions
from streams.web.sums import Ratio, add_up, divide_seconds
from streams.web.view import Snapshot

_INVITED: Final = FEEDBACK.index["invited"]


class Cases(msgspec.Struct, frozen=True):
    """Cases of one channel (letters, e-mails or forms): flows of today and current stocks."""

    received: int
    closed: int
    """Answered, decided, or closed otherwise."""
    waiting: int
    """Open, and not taken up by an agent yet."""
    in_progress: int
    pending_citizen: int
    """Open, but waiting for the citizen."""
    oldest_open_at: int | None
    """Receipt of the oldest case that waits for the service, milliseconds since 1970; None if none waits."""
    responded: int
    """Cases that got their first answer of a person today."""
    mean_first_response_seconds: float | None
    """Mean time from receipt to these answers, nights and holidays included; None without answers."""


class Appointments(msgspec.Struct, frozen=True):
    """Appointments: flows of today, and current stocks."""

    booked: int
    attended: int
    missed: int
    cancelled_by_citizen: int
    cancelled_by_service: int
    waiting: int
    """Citizens who have arrived and wait."""
    upcoming: int
    """Booked appointments in the future, on any day."""


class FeedbackCounts(msgspec.Struct, frozen=True):
    """Survey invitations and answers of today. `Board.fewest_answers` is the minimum for showing a score."""

    invited: int
    given: int
    """Answers on all scales."""
    response: Ratio | None
    """Response rate: citizens who answered ÷ citizens invited. An answer on several scales counts once.

    None where invitations are not used, such as for a feedback button; its answers are not counted here. Answers of today may
    be to earlier invitations."""
    scores: dict[str, Ratio]
    """Scale with any answer so far → score of today. The denominator is the number of answers.

    For `csat_1_5` it is the share of satisfied, for `nps_0_10` promoters minus detractors (perhaps negative), else the mean."""


class Channels(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Figures of one service or of all services. Channels neither configured nor used are None and left out of the JSON."""

    mail: Cases | None = None
    email: Cases | None = None
    form: Cases | None = None
    appointment: Appointments | None = None
    feedback: FeedbackCounts | None = None


class Service(Channels, frozen=True, kw_only=True):
    """Figures and labels of one service: a row of the table of services."""

    service: str
    """Empty for contacts without a service."""
    label_fr: str
    label_en: str
    calendar: str
    """Calendar of its opening hours (see `SlaOverview.openings`); empty if none is known."""


def services_of(snapshot: Snapshot, options: WebOptions) -> tuple[Channels, list[Service]]:
    """Return the figures of all services together, and of each service.

    The configured services come first, then the others sorted by name, at the end contacts without a service.

    Dimensions that are not configured, and whose figures are all zero, are skipped. They occur when contacts have moved, such
    as a letter without a service that was assigned to one. A service without other dimensions is left out.
    """
    shown: dict[str, list[Dimensions]] = {service.service: [] for service in options.services}
    found = (dimensions for dimensions, figure in snapshot.totals.items() if any(figure.counts) or any(figure.stocks))
    dimension_keys = {dimensions for dimensions in (*options.known, *found) if dimensions.channel in _READERS}
    for dimensions in sorted(
        dimension_keys, key=lambda dimensions: (not dimensions.service, dimensions.service, dimensions)
    ):
        shown.setdefault(dimensions.service, []).append(dimensions)
    services = []
    for name, of_service in shown.items():
        if of_service:
            french, english = options.service_labels(name)
            figures = _channels_of(snapshot, of_service)
            calendar = calendar_of(snapshot, of_service)
            services.append(Service(**figures, service=name, label_fr=french, label_en=english, calendar=calendar))
    return Channels(**_channels_of(snapshot, dimension_keys)), services


def _channels_of(snapshot: Snapshot, dimension_keys: Collection[Dimensions]) -> dict[str, Any]:
    figures = {}
    for channel, read in _READERS.items():
        if of_channel := [dimensions for dimensions in dimension_keys if dimensions.channel == channel]:
            figures[channel.value] = read(snapshot, of_channel)
    return figures


def _read_cases(snapshot: Snapshot, dimension_keys: Sequence[Dimensions]) -> Cases:
    total, today = (add_up(figures, dimension_keys, CASE_SCHEMA) for figures in (snapshot.totals, snapshot.today))
    count = dict(zip(CASE_SCHEMA.counts, today.counts, strict=True))
    return Cases(
        received=count["received"],
        closed=sum(count[name] for name in CLOSED_COUNTS),
        **dict(zip(CASE_SCHEMA.stocks, total.stocks, strict=True)),
        oldest_open_at=total.oldest_waiting_at,
        responded=count["responded"],
        mean_first_response_seconds=divide_seconds(count["first_response_milliseconds"], count["responded"]),
    )


def _read_appointments(snapshot: Snapshot, dimension_keys: Sequence[Dimensions]) -> Appointments:
    total, today = (
        add_up(figures, dimension_keys, APPOINTMENT_SCHEMA) for figures in (snapshot.totals, snapshot.today)
    )
    count = dict(zip(APPOINTMENT_SCHEMA.counts, today.counts, strict=True))
    return Appointments(
        **{name: count[name] for name in ("booked", "attended", "missed", *CANCELLED_COUNTS)},
        waiting=total.stocks[APPOINTMENT_SCHEMA.stock_index["waiting"]],
        upcoming=total.stocks[APPOINTMENT_SCHEMA.stock_index["pending_citizen"]],
    )


def _read_feedback(snapshot: Snapshot, dimension_keys: Sequence[Dimensions]) -> FeedbackCounts:
    total, today = add_up(snapshot.totals, dimension_keys, FEEDBACK), add_up(snapshot.today, dimension_keys, FEEDBACK)
    scores = {scale.value: score(scale, today) for scale in FeedbackScale if any(answers(scale, total).values())}
    given = sum(ratio.denominator for ratio in scores.values())
    return FeedbackCounts(today.counts[_INVITED], given, _read_response(snapshot, dimension_keys), scores)


def _read_response(snapshot: Snapshot, dimension_keys: Iterable[Dimensions]) -> Ratio | None:
    invited = [
        dimensions
        for dimensions in dimension_keys
        if dimensions in snapshot.totals and snapshot.totals[dimensions].counts[_INVITED]
    ]
    if not invited:
        return None
    today = [snapshot.today[dimensions] for dimensions in invited if dimensions in snapshot.today]
    answered = (max(sum(answers(scale, figure).values()) for scale in FeedbackScale) for figure in today)
    return Ratio(sum(answered), sum(figure.counts[_INVITED] for figure in today))


def score(scale: FeedbackScale, figure: Figure) -> Ratio:
    """Return the score of the answers on `scale` in `figure`; see `FeedbackCounts.scores`."""
    number = answers(scale, figure)
    total = sum(number.values())
    match scale:
        case FeedbackScale.CSAT_5:
            return Ratio(sum(times for given, times in number.items() if given >= MIN_SATISFIED_SCORE), total)
        case FeedbackScale.NPS:
            promoters = sum(times for given, times in number.items() if given >= PROMOTER_SCORE)
            return Ratio(promoters - sum(times for given, times in number.items() if given <= DETRACTOR_SCORE), total)
        case _:
            return Ratio(sum(given * times for given, times in number.items()), total)


_READERS: Final[Mapping[Channel, Callable[[Snapshot, Sequence[Dimensions]], msgspec.Struct]]] = {
    Channel.MAIL: _read_cases,
    Channel.EMAIL: _read_cases,
    Channel.FORM: _read_cases,
    Channel.APPOINTMENT: _read_appointments,
    Channel.FEEDBACK: _read_feedback,
}
