"""Contents of the board, computed from a snapshot: the schema of `/api/board` and of the messages of `/events`."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from models.timestamps import milliseconds
from streams.core.figures.figure import Formula, local_time
from streams.web.board.at_risk import AtRiskTargets
from streams.web.board.derived import (
    Callbacks,
    ContactReason,
    CountedPost,
    Line,
    MenuChoice,
    callbacks_of,
    contact_reasons_of,
    lines_of,
    menu_of,
    post_of,
)
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
from streams.web.topic_view import ReaderState
from streams.web.view import Snapshot


class DataState(StrEnum):
    """State of the figures: up to date, or the reason why not."""

    LIVE = "live"
    """The progress of all partitions is at most `stale_after_seconds` old."""
    CATCHING_UP = "catching_up"
    """The workers write, but the figures are of an earlier time: a worker catches up after a stop, or a connector reads an old
    log, whose events may be years old."""
    SILENT = "silent"
    """The figures are not up to date, and at least one partition has had no new row for `stale_after_seconds`."""
    NO_FIGURES = "no_figures"
    """At least one partition has no progress yet: its worker has written nothing."""
    LOADING = "loading"
    """This process is still reading the existing rows."""
    REFUSED = "refused"
    """Kafka refuses the login, or read access to the topic."""
    NO_TOPIC = "no_topic"
    NO_BROKER = "no_broker"


class Freshness(msgspec.Struct, frozen=True):
    """Current time and time of the figures, in milliseconds since 1970."""

    now: int
    as_of: int | None
    """None until each partition has recorded progress."""
    event_at: int | None
    """Time of the latest event. If it is old although the figures are current, a source may have stopped."""
    state: DataState
    stale_after_seconds: float


class Span(msgspec.Struct, frozen=True):
    """Time span in the format of the command line: ISO 8601 with UTC offset, to the minute."""

    since: str
    until: str


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of the board, except the clock."""

    version: str
    """Hash of the texts and files of the pages; a page with another hash reloads itself."""
    formula: Formula
    """Formula of the service level."""
    target_seconds: int
    desk_target_seconds: int
    """Target wait of visits."""
    short_abandon_seconds: int
    service_level: Thresholds
    abandonment: Thresholds
    backlog_age_seconds: Mapping[str, Thresholds]
    """Channel → thresholds for the age of the oldest case that waits for the service, in seconds."""
    fewest_answers: int
    """Minimum number of answers for a score, and of invitations for a response rate."""
    quiet_after_seconds: float
    recent: Span
    """Span of `recent_service_level`: the last half hour, up to the end of the current five-minute bucket."""
    history: dict[str, int]
    """Channels, except calls, whose history is being read → time up to which it is read, milliseconds since 1970. Their figures
    are incomplete; those of other channels are complete up to `Freshness.as_of`."""
    all: LiveFigures
    """Figures of all calls together, without visits."""
    queues: list[Queue]
    """Queues of calls, then of visits."""
    rejected: Mapping[str, int]
    """Connector instance → number of records that it rejected today, without zeros. Only instances on the board's machine."""
    arrivals: list[LastArrival]
    """Latest arrival at each site of the channels in which the board reports missing arrivals."""
    day: Curve
    """Calls of today, for the chart."""
    usual: TypicalDay | None
    """Typical course of this weekday, to compare with `day`; None if too few days are known."""
    all_services: Channels
    """Figures of all services together."""
    services: list[Service]
    satisfaction: list[Satisfaction]
    sla_targets: SlaOverview = msgspec.field(name="promises")
    reasons: list[ContactReason]
    """Reasons for contact of today; empty, like the next four, while there are none."""
    lines: list[Line]
    menu: list[MenuChoice]
    callbacks: list[Callbacks]
    post: list[CountedPost]


class Message(msgspec.Struct, frozen=True):
    """Message to the page. `/events` leaves out the board if it has not changed."""

    clock: Freshness
    board: Board


def make_message(
    snapshot: Snapshot,
    options: WebOptions,
    version: str,
    risks: AtRiskTargets | None = None,
    rejected: Mapping[str, int] | None = None,
) -> Message:
    """Return the message for `snapshot`. `risks` are the contacts at risk, None if unknown; `rejected` as in `Board`."""
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
        rejected=rejected or {},
        arrivals=last_arrivals_of(snapshot, options),
        day=curve_of(snapshot),
        usual=typical_day_of(snapshot.past_days, snapshot.taken_at, options),
        all_services=all_services,
        services=services,
        satisfaction=satisfaction_of(snapshot, options),
        sla_targets=sla_overview_of(snapshot, options, risks),
        reasons=contact_reasons_of(snapshot, options),
        lines=lines_of(snapshot),
        menu=menu_of(snapshot),
        callbacks=callbacks_of(snapshot, options),
        post=post_of(snapshot),
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
