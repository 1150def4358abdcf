"""Board figures of SLA targets: their state, overdue contacts, next deadlines and opening hours."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import nsmallest
from itertools import chain, groupby, islice
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from models.calendars import BeyondCalendarError, Calendar, Unit
from models.policies import QUEUE_CHANNELS, ClockRule, Policies
from models.timestamps import milliseconds
from streams.core.figures.figure import BUCKET_SECONDS, Dimensions
from streams.core.figures.figure_schemas import SLA, SLA_SCHEMA
from streams.web.board.at_risk import AtRiskTarget, AtRiskTargets
from streams.web.options import WebOptions
from streams.web.sums import Ratio, add_up
from streams.web.view import Snapshot

MAX_LISTED: Final = 12
"""Limit of lines in each of the lists of overdue contacts and of next deadlines."""
_MINUTE_MS: Final = 60_000

State = Literal["overdue", "at_risk", "running"]


class OpeningState(msgspec.Struct, frozen=True):
    """State of a calendar: open or closed now, and the time of the next change."""

    calendar: str
    is_open: bool
    changes_at: int | None
    """Next opening or closing time, milliseconds since 1970; None if none follows."""


class WorkingTime(msgspec.Struct, frozen=True):
    """Working time of a span, by the calendar of an SLA target."""

    days: int
    """Whole working days; partial days at both ends are left out."""
    seconds: int
    """All opening hours, in seconds, rounded down to the minute."""


class SlaTargetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One SLA target (policy, clock and channel), for all services together: open clocks and the share met today."""

    policy: str
    clock: str
    channel: str
    running: int
    """Number of open clocks that are neither at risk, overdue nor paused."""
    at_risk: int
    overdue: int
    paused: int
    """Number of open clocks that stand still, because the citizen has to act."""
    oldest_overdue_at: int | None
    """Earliest deadline of the overdue clocks, milliseconds since 1970; None if none is overdue."""
    overdue_by: WorkingTime | None
    """Working time since `oldest_overdue_at`; None if none is overdue.

    None also if the target counts elapsed time or is no longer in force, or if its calendar does not reach that far."""
    kept: Ratio
    """Share of targets met today: met ÷ (met + breached), as in reports and metrics.

    A breach counts once, on the day of the deadline, even if the work is done later."""
    objective: float | None
    """Share of contacts that shall meet the target; None if the policy is no longer in force."""


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """Open contacts of one service and SLA target: all overdue ones, or those with deadlines in the same five minutes.

    After today, those with deadlines on the same day.
    """

    service: str
    label_fr: str
    label_en: str
    policy: str
    clock: str
    channel: str
    state: State
    """Of contacts that are not overdue, those with the next deadlines count as at risk: as many as there are clocks at risk."""
    number: int
    """Number of contacts."""
    due_at: int
    """Milliseconds since 1970: for overdue contacts the earliest deadline, otherwise the start of the five-minute bucket of the
    first deadline. A deadline at midnight is the end of the day before."""
    working_time: WorkingTime | None
    """Working time between now and the deadline; None as in `SlaTargetStatus.overdue_by`."""


class AtRisk(msgspec.Struct, frozen=True, kw_only=True):
    """A contact whose deadline is near, with only what its agent needs to recognise it."""

    contact: str
    """Last characters of its id (`AtRiskTarget.contact_suffix`)."""
    channel: str
    service: str
    label_fr: str
    label_en: str
    site: str
    queue: str
    """Queue of its clock; empty without a queue."""
    policy: str
    clock: str
    due_at: int
    """Deadline, in milliseconds since 1970."""
    working_time: WorkingTime | None
    """Working time until the deadline; None as in `SlaTargetStatus.overdue_by`."""


class WaitingCounts(msgspec.Struct, frozen=True):
    """Waiting contacts of one service at one site, in all its queues, that are at risk or overdue."""

    channel: str
    site: str
    service: str
    at_risk: int
    overdue: int


class SlaOverview(msgspec.Struct, frozen=True):
    """Contents of the board about SLA targets. Before the first clock starts, only `openings` can have entries."""

    openings: list[OpeningState]
    """Calendars of all policies in force, in the order of the SLA file; without those of single clocks."""
    standing: list[SlaTargetStatus]
    """State of each SLA target with figures, in the order of the SLA file; targets that are no longer in force come last."""
    waiting: list[WaitingCounts]
    """Waiting calls and visits: only services and sites where some are at risk or overdue."""
    overdue: list[Deadline]
    """Overdue contacts by service and target, the longest overdue first; at most `MAX_LISTED` lines. Calls and visits are left
    out, since their queues show the waits."""
    due: list[Deadline]
    """Next deadlines, limited in the same way; after today, one line per day."""
    overdue_lines: int
    """Number of all overdue lines, including those beyond `MAX_LISTED`."""
    overdue_contacts: int
    """Number of contacts in all overdue lines."""
    next_at_risk: list[AtRisk] | None
    """Contacts at risk with the next deadlines, without calls and visits; None while their events are not, or not all, read."""
    at_risk_unknown: int
    """Number of clocks at risk whose contacts are unknown, without calls and visits; 0 while `next_at_risk` is None.

    Kafka has deleted their events, or more than `at_risk.MAX_RETAINED` contacts are at risk. They may be due before all others.
    The number may be wrong for a moment, since figures and contacts are read separately.
    """


class _TargetKey(NamedTuple):
    policy: str
    clock: str
    channel: str


class _Line(NamedTuple):
    """A `Deadline` without labels and working time."""

    due_at: int
    state: State
    number: int
    service: str
    target: _TargetKey


class _Terms:
    """Rules, calendars and order of the SLA targets in force."""

    def __init__(self, policies: Policies, now: int) -> None:
        self.versions: Final = policies.in_force(now)
        self.calendars: Final = policies.calendars
        self._rules: Final[dict[tuple[str, str], tuple[ClockRule, str]]] = {
            (version.name, kind): (rule, rule.calendar or version.calendar)
            for version in self.versions
            for kind, rule in version.clocks.items()
        }
        self._order: Final = {key: number for number, key in enumerate(self._rules)}

    def order(self, target: _TargetKey) -> tuple[int, _TargetKey]:
        """Return the sort key of a target: the order of the SLA file, then targets that are no longer in force."""
        return self._order.get(target[:2], len(self._order)), target

    def objective(self, target: _TargetKey) -> float | None:
        """Return the share of contacts that shall meet the target; None if it is no longer in force."""
        return self._rules[target[:2]][0].objective if target[:2] in self._rules else None

    def measure(self, target: _TargetKey, begin: int, end: int) -> WorkingTime | None:
        """Return the working time from `begin` to `end` (milliseconds since 1970) by the calendar of `target`.

        None if the target counts elapsed time or is no longer in force, or if the span exceeds the range of its calendar.
        """
        if target[:2] not in self._rules:
            return None
        rule, calendar = self._rules[target[:2]]
        return None if rule.unit is Unit.ELAPSED else measure_working_time(self.calendars[calendar], begin, end)


def sla_overview_of(snapshot: Snapshot, options: WebOptions, risks: AtRiskTargets | None = None) -> SlaOverview:
    """Return the state of all SLA targets, overdue contacts and next deadlines.

    Contacts of channels whose history is being read are not listed as overdue or due. `risks` are the contacts at risk; None if
    unknown.
    """
    now = milliseconds(snapshot.taken_at)
    terms = _Terms(snapshot.policies, now)
    dimension_keys: dict[_TargetKey, dict[str, list[Dimensions]]] = {}
    for dimensions, figure in snapshot.totals.items():
        if dimensions.channel == SLA and any(figure.counts):
            dimension_keys.setdefault(_TargetKey(*dimensions.queue.split(":")), {}).setdefault(
                dimensions.service, []
            ).append(dimensions)
    lines = [
        line
        for target, by_service in dimension_keys.items()
        # While the history of a channel is read, most of its open contacts have long been answered.
        if target.channel not in QUEUE_CHANNELS and target.channel not in snapshot.history
        for service, of_service in by_service.items()
        for line in _lines(snapshot, of_service, service, target, options.time_zone)
    ]

    def first(*states: State) -> list[Deadline]:
        chosen = nsmallest(MAX_LISTED, (line for line in lines if line.state in states))
        return [_deadline(line, terms, now, options) for line in chosen]

    standing = [
        _status(snapshot, target, list(chain.from_iterable(dimension_keys[target].values())), terms, now)
        for target in sorted(dimension_keys, key=terms.order)
    ]
    listed = (
        status for status in standing if status.channel not in QUEUE_CHANNELS and status.channel not in snapshot.history
    )
    at_risk = sum(status.at_risk for status in listed)
    overdue = [line.number for line in lines if line.state == "overdue"]
    return SlaOverview(
        openings=_openings(terms, now),
        standing=standing,
        waiting=_waiting(snapshot, dimension_keys),
        overdue=first("overdue"),
        due=first("at_risk", "running"),
        overdue_lines=len(overdue),
        overdue_contacts=sum(overdue),
        next_at_risk=None if risks is None else [_at_risk(risk, terms, now, options) for risk in risks.next],
        at_risk_unknown=0 if risks is None else max(0, at_risk - risks.number),
    )


def measure_working_time(calendar: Calendar, begin: int, end: int) -> WorkingTime | None:
    """Return the working time from `begin` to `end` (milliseconds since 1970); None beyond the range of the calendar.

    A span that begins at midnight begins with the day that ends then, like an SLA clock.
    """
    try:
        days = calendar.between(begin - 1, end, Unit.WORKING_DAYS)
        opened = calendar.between(begin, end, Unit.OPENING_HOURS)
    except BeyondCalendarError:
        return None
    return WorkingTime(days, opened // _MINUTE_MS * 60)


def calendar_of(snapshot: Snapshot, dimension_keys: Iterable[Dimensions]) -> str:
    """Return the calendar name of the first policy that fits contacts arriving now at `dimension_keys`; "" if none fits.

    With several dimensions, the first one that a policy fits decides.
    """
    versions = snapshot.policies.in_force(milliseconds(snapshot.taken_at))
    calendars = (
        version.calendar for dimensions in dimension_keys for version in versions if version.match.fits(*dimensions)
    )
    return next(calendars, "")


def _at_risk(risk: AtRiskTarget, terms: _Terms, now: int, options: WebOptions) -> AtRisk:
    french, english = options.service_labels(risk.service)
    return AtRisk(
        contact=risk.contact_suffix,
        channel=risk.channel,
        service=risk.service,
        label_fr=french,
        label_en=english,
        site=risk.site,
        queue=risk.queue,
        policy=risk.policy,
        clock=risk.clock,
        due_at=risk.due_at,
        working_time=terms.measure(_TargetKey(risk.policy, risk.clock, risk.channel), now, max(now, risk.due_at)),
    )


def _openings(terms: _Terms, now: int) -> list[OpeningState]:
    openings = []
    for name in dict.fromkeys(version.calendar for version in terms.versions):
        change = terms.calendars[name].next_change(now)
        openings.append(OpeningState(name, terms.calendars[name].is_open(now), change.at if change else None))
    return openings


def _status(
    snapshot: Snapshot, target: _TargetKey, dimension_keys: Sequence[Dimensions], terms: _Terms, now: int
) -> SlaTargetStatus:
    total, today = (add_up(figures, dimension_keys, SLA_SCHEMA) for figures in (snapshot.totals, snapshot.today))
    met, breached = (today.counts[SLA_SCHEMA.index[name]] for name in ("met", "breached"))
    oldest_at = total.oldest_waiting_at
    return SlaTargetStatus(
        **target._asdict(),
        **dict(zip(SLA_SCHEMA.stocks, total.stocks, strict=True)),  # type: ignore[arg-type]
        oldest_overdue_at=oldest_at,
        overdue_by=None if oldest_at is None else terms.measure(target, oldest_at, now),
        kept=Ratio(met, met + breached),
        objective=terms.objective(target),
    )


def _waiting(
    snapshot: Snapshot, dimension_keys: Mapping[_TargetKey, Mapping[str, list[Dimensions]]]
) -> list[WaitingCounts]:
    found: dict[tuple[str, str, str], list[Dimensions]] = {}
    for target, by_service in dimension_keys.items():
        if target.channel in QUEUE_CHANNELS:
            for dimensions in chain.from_iterable(by_service.values()):
                found.setdefault((target.channel, dimensions.site, dimensions.service), []).append(dimensions)
    waiting = []
    for place, together in sorted(found.items()):
        _, at_risk, overdue, _ = add_up(snapshot.totals, together, SLA_SCHEMA).stocks
        if at_risk or overdue:
            waiting.append(WaitingCounts(*place, at_risk, overdue))
    return waiting


def _lines(
    snapshot: Snapshot, dimension_keys: Sequence[Dimensions], service: str, target: _TargetKey, zone: ZoneInfo
) -> Iterator[_Line]:
    total = add_up(snapshot.totals, dimension_keys, SLA_SCHEMA)
    running, at_risk, overdue, _ = total.stocks
    if overdue and total.oldest_waiting_at is not None:
        yield _Line(total.oldest_waiting_at, "overdue", overdue, service, target)
    due: dict[int, int] = {}
    present = int(snapshot.taken_at.timestamp()) // BUCKET_SECONDS * BUCKET_SECONDS
    for dimensions in dimension_keys:
        for start, number in snapshot.due.get(dimensions, {}).items():
            if start > present:
                due[start] = due.get(start, 0) + number
    # Deadlines in the current bucket may have passed: it gets the clocks that are neither overdue nor due later.
    if (rest := running + at_risk - sum(due.values())) > 0:
        due[present] = rest

    def when(bucket: tuple[int, int]) -> object:
        start, _ = bucket
        return start if start <= snapshot.day.end else datetime.fromtimestamp(start - 1, zone).date()

    for _, together in islice(groupby(sorted(due.items()), when), MAX_LISTED):
        starts, numbers = zip(*together, strict=True)
        state: State = "at_risk" if at_risk > 0 else "running"  # the earliest deadlines are at risk first
        at_risk -= sum(numbers)
        yield _Line(starts[0] * 1000, state, sum(numbers), service, target)


def _deadline(line: _Line, terms: _Terms, now: int, options: WebOptions) -> Deadline:
    french, english = options.service_labels(line.service)
    begin, end = sorted((line.due_at, now))
    return Deadline(
        **line.target._asdict(),
        service=line.service,
        label_fr=french,
        label_en=english,
        state=line.state,
        number=line.number,
        due_at=line.due_at,
        working_time=terms.measure(line.target, begin, end),
    )
