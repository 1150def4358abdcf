"""What the board shows, computed from a snapshot: the shape of `/api/board` and of every message of `/events`."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from models.timestamps import milliseconds
from streams.core.figures.figure import Formula, local_time
from streams.web.board.at_risk import AtRiskTargets
from streams.web.board.queues import (
    Curve,
    LastArrival,
    LiveFigures,
    Queue,
    calls_of,
    curve_of,
    last_arrivals_of,
    queues_of,
)
from streams.web.board.satisfaction import Satisfaction, satisfaction_of
from streams.web.board.services import Channels, Service, services_of
from streams.web.board.sla_targets import SlaOverview, sla_overview_of
from streams.web.board.typical_day import TypicalDay, typical_day_of
from streams.web.merged_rows import recent_span
from streams.web.options import Thresholds, WebOptions
from streams.web.view import ReaderState, Snapshot


class DataState(StrEnum):
    """Whether the figures can be trusted, and if not, what is waited for."""

    LIVE = "live"
    CATCHING_UP = "catching_up"
    """The workers write, but the figures are of an earlier time: a worker takes in what came while it was stopped, or a connector
    reads an old log, whose events may be years old."""
    SILENT = "silent"
    """The workers have written nothing for too long."""
    NO_FIGURES = "no_figures"
    """Some partition was never written to."""
    LOADING = "loading"
    REFUSED = "refused"
    """Kafka refuses the login, or the reading of the topic."""
    NO_TOPIC = "no_topic"
    NO_BROKER = "no_broker"


class Freshness(msgspec.Struct, frozen=True):
    """When it is, and when the figures are from; in milliseconds since 1970."""

    now: int
    as_of: int | None
    """None until every partition has told."""
    event_at: int | None
    """When the latest event happened: figures of now that hold nothing of the last hour may have lost a source."""
    state: DataState
    stale_after_seconds: float


class Span(msgspec.Struct, frozen=True):
    """A span of time as commands take it: ISO 8601 with the offset, to the minute."""

    since: str
    until: str


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """All that is on the board, but for the time."""

    version: str
    """Of the page: one that has another version loads itself anew."""
    formula: Formula
    """How service levels are computed."""
    target_seconds: int
    desk_target_seconds: int
    """The target of visits."""
    short_abandon_seconds: int
    service_level: Thresholds
    abandonment: Thresholds
    backlog_age_seconds: Mapping[str, Thresholds]
    """Channel → from which age on its oldest open contact asks for attention, or for action."""
    fewest_answers: int
    """Of fewer no score is shown, nor a rate of fewer invited."""
    quiet_after_seconds: float
    recent: Span
    """The last half hour, of which `recent_service_level` is: from its first five minutes to the end of the present ones."""
    history: dict[str, int]
    """Channels whose figures are not complete yet, since history of them is being read → as of when that is, milliseconds since
    1970. All other figures are of now."""
    all: LiveFigures
    """All calls together."""
    queues: list[Queue]
    """Of calls, then of visits."""
    arrivals: list[LastArrival]
    day: Curve
    usual: TypicalDay | None
    """How days of this weekday went before, beside `day`; None where too few are known."""
    all_services: Channels
    services: list[Service]
    satisfaction: list[Satisfaction]
    promises: SlaOverview


class Message(msgspec.Struct, frozen=True):
    """What is sent: always the time; the board may be left out where it did not change."""

    clock: Freshness
    board: Board


def make_message(snapshot: Snapshot, options: WebOptions, version: str, risks: AtRiskTargets | None = None) -> Message:
    """Return the board of `snapshot`; `risks` are the contacts at risk, None if they are not known."""
    all_services, services = services_of(snapshot, options)
    board = Board(
        version=version,
        formula=options.formula,
        target_seconds=options.target_seconds,
        desk_target_seconds=options.desk_target_seconds,
        short_abandon_seconds=options.short_abandon_seconds,
        service_level=options.service_level,
        abandonment=options.abandonment,
        backlog_age_seconds=options.backlog_age_seconds,
        fewest_answers=options.fewest_answers,
        quiet_after_seconds=options.quiet_after_seconds,
        recent=_recent_of(snapshot, options),
        history=snapshot.history,
        all=calls_of(snapshot, options),
        queues=queues_of(snapshot, options),
        arrivals=last_arrivals_of(snapshot, options),
        day=curve_of(snapshot),
        usual=typical_day_of(snapshot.past_days, snapshot.taken_at, options),
        all_services=all_services,
        services=services,
        satisfaction=satisfaction_of(snapshot, options),
        promises=sla_overview_of(snapshot, options, risks),
    )
    return Message(_clock_of(snapshot, options), board)


def _recent_of(snapshot: Snapshot, options: WebOptions) -> Span:
    span = recent_span(snapshot.taken_at)
    return Span(*(local_time(at, options.time_zone).isoformat(timespec="minutes") for at in span))


def _clock_of(snapshot: Snapshot, options: WebOptions) -> Freshness:
    return Freshness(
        milliseconds(snapshot.taken_at),
        snapshot.as_of,
        snapshot.event_at,
        _state_of(snapshot, options),
        options.stale_after_seconds,
    )


def _state_of(snapshot: Snapshot, options: WebOptions) -> DataState:
    if snapshot.reader_state is not ReaderState.FOLLOWING:
        return DataState(snapshot.reader_state.value)
    if not snapshot.partitions or not snapshot.progress.keys() >= set(snapshot.partitions):
        return DataState.NO_FIGURES
    oldest = milliseconds(snapshot.taken_at) - 1000 * options.stale_after_seconds
    behind = [number for number in snapshot.partitions if snapshot.progress[number].step_at < oldest]
    if not behind:
        return DataState.LIVE
    writing = all(snapshot.written_at[number] >= oldest for number in behind)
    return DataState.CATCHING_UP if writing else DataState.SILENT
