"""What a service has to do: letters, e-mails, forms, appointments, and what citizens think of it."""

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
    """Letters, e-mails or forms: what today has brought, and what is open now."""

    received: int
    closed: int
    """Answered, decided, or closed otherwise."""
    waiting: int
    """Open, and nobody has taken them up."""
    in_progress: int
    pending_citizen: int
    """Open, but it is the citizen who has to act."""
    oldest_open_at: int | None
    """When the one was received that waits longest for the service to act, milliseconds since 1970; None if none does."""
    responded: int
    """Those to which a person first answered today."""
    mean_first_response_seconds: float | None
    """How long these took since they were received, nights and holidays too; None without any."""


class Appointments(msgspec.Struct, frozen=True):
    """Appointments: what happened today, and those to come."""

    booked: int
    attended: int
    missed: int
    cancelled_by_citizen: int
    cancelled_by_service: int
    waiting: int
    """Citizens who have come, and are not seen yet."""
    upcoming: int
    """Booked, and yet to come, on any day."""


class FeedbackCounts(msgspec.Struct, frozen=True):
    """What citizens said today. Of few answers a score says little: see `Board.fewest_answers`."""

    invited: int
    given: int
    """Answers, on all scales."""
    response: Ratio | None
    """Who answered of those invited, as far as scores tell: who answers on several scales is one. None where nobody was ever
    invited, as on a page with a button: who answers there is not counted here. Today's answers may be to earlier invitations."""
    scores: dict[str, Ratio]
    """Scale that was ever used → its score: of `csat_1_5` the share that is satisfied, of `nps_0_10` promoters less detractors
    (may be negative), of others the mean. The denominator is the number of answers."""


class Channels(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One service's figures, or those of all; None, and left out of what is sent, where there was never anything."""

    mail: Cases | None = None
    email: Cases | None = None
    form: Cases | None = None
    appointment: Appointments | None = None
    feedback: FeedbackCounts | None = None


class Service(Channels, frozen=True, kw_only=True):
    """One row of the table."""

    service: str
    """Empty for what no service has yet."""
    label_fr: str
    label_en: str
    calendar: str
    """By which it is open or closed, see `Promises.openings`; empty if none is known."""


def services_of(snapshot: Snapshot, options: WebOptions) -> tuple[Channels, list[Service]]:
    """Return the figures of all services together, and of each: those that the options name first.

    Where all that was ever counted is counted elsewhere now, as of a letter that got its service, there is nothing to show.
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
            told = _channels_of(snapshot, of_service)
            calendar = calendar_of(snapshot, of_service)
            services.append(Service(**told, service=name, label_fr=french, label_en=english, calendar=calendar))
    return Channels(**_channels_of(snapshot, dimension_keys)), services


def _channels_of(snapshot: Snapshot, dimension_keys: Collection[Dimensions]) -> dict[str, Any]:
    told = {}
    for channel, read in _READERS.items():
        if of_channel := [dimensions for dimensions in dimension_keys if dimensions.channel == channel]:
            told[channel.value] = read(snapshot, of_channel)
    return told


def _read_matters(snapshot: Snapshot, dimension_keys: Sequence[Dimensions]) -> Cases:
    total, today = (
        add_up(snapshot.totals, dimension_keys, CASE_SCHEMA),
        add_up(snapshot.today, dimension_keys, CASE_SCHEMA),
    )
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
        add_up(snapshot.totals, dimension_keys, APPOINTMENT_SCHEMA),
        add_up(snapshot.today, dimension_keys, APPOINTMENT_SCHEMA),
    )
    count = dict(zip(APPOINTMENT_SCHEMA.counts, today.counts, strict=True))
    return Appointments(
        **{name: count[name] for name in ("booked", "attended", "missed", *CANCELLED_COUNTS)},
        waiting=total.stocks[APPOINTMENT_SCHEMA.stock_index["waiting"]],
        upcoming=total.stocks[APPOINTMENT_SCHEMA.stock_index["pending_citizen"]],
    )


def _read_opinions(snapshot: Snapshot, dimension_keys: Sequence[Dimensions]) -> FeedbackCounts:
    total, today = add_up(snapshot.totals, dimension_keys, FEEDBACK), add_up(snapshot.today, dimension_keys, FEEDBACK)
    scores = {scale.value: score(scale, today) for scale in FeedbackScale if any(answers(scale, total).values())}
    given = sum(ratio.denominator for ratio in scores.values())
    return FeedbackCounts(today.counts[_INVITED], given, _read_response(snapshot, dimension_keys), scores)


def _read_response(snapshot: Snapshot, dimension_keys: Iterable[Dimensions]) -> Ratio | None:
    asked = [
        dimensions
        for dimensions in dimension_keys
        if dimensions in snapshot.totals and snapshot.totals[dimensions].counts[_INVITED]
    ]
    if not asked:
        return None
    today = [snapshot.today[dimensions] for dimensions in asked if dimensions in snapshot.today]
    answered = (max(sum(answers(scale, figure).values()) for scale in FeedbackScale) for figure in today)
    return Ratio(sum(answered), sum(figure.counts[_INVITED] for figure in today))


def score(scale: FeedbackScale, figure: Figure) -> Ratio:
    """Return the score that the answers on a scale give; see `Opinions.scores`."""
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
    Channel.MAIL: _read_matters,
    Channel.EMAIL: _read_matters,
    Channel.FORM: _read_matters,
    Channel.APPOINTMENT: _read_appointments,
    Channel.FEEDBACK: _read_opinions,
}
"""Channel → how the figures of its places are read."""
