"""What is promised to citizens: how each promise stands, what is late, what falls due next, and what is open now."""

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
"""So many lines are told of what is late, and of what falls due next."""
_MINUTE_MS: Final = 60_000

State = Literal["overdue", "at_risk", "running"]


class OpeningState(msgspec.Struct, frozen=True):
    """Whether it is open now by a calendar."""

    calendar: str
    is_open: bool
    changes_at: int | None
    """When it next opens or closes, milliseconds since 1970; None if it never does."""


class WorkingTime(msgspec.Struct, frozen=True):
    """How much of a span is working time, by the calendar of a promise."""

    days: int
    """Whole working days, without what is left of the first and of the last."""
    seconds: int
    """All of it, in opening hours, to the minute."""


class SlaTargetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One clock of one policy, of all services together: how many are open now, and how many were kept today."""

    policy: str
    clock: str
    channel: str
    running: int
    """Neither at risk nor overdue."""
    at_risk: int
    overdue: int
    paused: int
    """The citizen has to act."""
    oldest_overdue_at: int | None
    """The earliest deadline that passed of what is still to be done, milliseconds since 1970; None if none did."""
    overdue_by: WorkingTime | None
    """How long ago that is; None also where time counts by day and night, or by a calendar that is no longer there."""
    kept: Ratio
    """Promises of which it came out today that they were kept, of all of which it came out: one that is broken counts once, on
    the day of its deadline, whether it was done since or not (as in reports and metrics: met ÷ (met + breached))."""
    objective: float | None
    """The share that is to be kept; None where the policy is no longer in force."""


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """What a service has to do by a time, or had."""

    service: str
    label_fr: str
    label_en: str
    policy: str
    clock: str
    channel: str
    state: State
    number: int
    due_at: int
    """Milliseconds since 1970: of what is overdue the earliest deadline of all, else the start of the five minutes in which the
    first falls due. A deadline at midnight is the end of the day before."""
    working_time: WorkingTime | None
    """From now until then, or since then; None as `Promise.overdue_by`."""


class AtRisk(msgspec.Struct, frozen=True, kw_only=True):
    """A contact whose deadline is near: where it lies, and no more of it than who works on it needs to know it again."""

    contact: str
    """The end of its number (`Risk.short`)."""
    channel: str
    service: str
    label_fr: str
    label_en: str
    site: str
    queue: str
    """Of its clock; empty where there is none."""
    policy: str
    clock: str
    due_at: int
    """Milliseconds since 1970."""
    working_time: WorkingTime | None
    """From now until then; None as `Promise.overdue_by`."""


class WaitingCounts(msgspec.Struct, frozen=True):
    """Of those who wait for a service at a site, in whichever of its queues, how many do so for long by what is promised."""

    channel: str
    site: str
    service: str
    at_risk: int
    overdue: int


class SlaOverview(msgspec.Struct, frozen=True):
    """All that is shown of promises; nothing where nothing was ever promised."""

    openings: list[OpeningState]
    """Of the calendars of all policies in force, in the order of the SLA file."""
    standing: list[SlaTargetStatus]
    """In the order of the SLA file."""
    waiting: list[WaitingCounts]
    """Of calls and visits, whose queues tell it: those alone of which some are at risk or overdue."""
    overdue: list[Deadline]
    """Each service's promises that are late, the longest first; at most `MOST`, and without calls and visits: their queues
    show how long these wait."""
    due: list[Deadline]
    """Likewise what falls due next; after today, all of a day together."""
    overdue_lines: int
    """How many lines there are of what is late, those that are not told with the rest."""
    overdue_contacts: int
    """How many contacts these are about."""
    next_at_risk: list[AtRisk] | None
    """The contacts at risk that fall due next; None while it is not known which, or if nobody reads that."""
    at_risk_unknown: int
    """Of how many promises at risk it is not known whose they are: that was told before what Kafka still holds. They may fall due
    before all others."""


class _Which(NamedTuple):
    policy: str
    clock: str
    channel: str


class _Line(NamedTuple):
    """A `Deadline` whose words and working time are yet to be found."""

    due_at: int
    state: State
    number: int
    service: str
    which: _Which


class _Terms:
    """What the policies in force say of each promise."""

    def __init__(self, policies: Policies, now: int) -> None:
        self.versions: Final = policies.in_force(now)
        self.calendars: Final = policies.calendars
        self._rules: Final[dict[tuple[str, str], tuple[ClockRule, str]]] = {
            (version.name, kind): (rule, rule.calendar or version.calendar)
            for version in self.versions
            for kind, rule in version.clocks.items()
        }
        self._order: Final = {which: number for number, which in enumerate(self._rules)}

    def order(self, which: _Which) -> tuple[int, _Which]:
        """Return what puts promises in the order of the file, and those that are no longer in it last."""
        return self._order.get(which[:2], len(self._order)), which

    def objective(self, which: _Which) -> float | None:
        """Return the share that is to be kept."""
        return self._rules[which[:2]][0].objective if which[:2] in self._rules else None

    def measure(self, which: _Which, begin: int, end: int) -> WorkingTime | None:
        """Return the working time of a span, None if that is not what counts."""
        if which[:2] not in self._rules:
            return None
        rule, calendar = self._rules[which[:2]]
        return None if rule.unit is Unit.ELAPSED else measure_working_time(self.calendars[calendar], begin, end)


def sla_overview_of(snapshot: Snapshot, options: WebOptions, risks: AtRiskTargets | None = None) -> SlaOverview:
    """Return how all promises stand, what is late, and what falls due next; `risks` are contacts of the latter."""
    now = milliseconds(snapshot.taken_at)
    terms = _Terms(snapshot.policies, now)
    dimension_keys: dict[_Which, dict[str, list[Dimensions]]] = {}
    for dimensions, figure in snapshot.totals.items():
        if dimensions.channel == SLA and any(figure.counts):
            dimension_keys.setdefault(_Which(*dimensions.queue.split(":")), {}).setdefault(
                dimensions.service, []
            ).append(dimensions)
    lines = [
        line
        for which, by_service in dimension_keys.items()
        # What falls due while history of a channel is told is not known yet: most of it was done long ago.
        if which.channel not in QUEUE_CHANNELS and which.channel not in snapshot.history
        for service, of_service in by_service.items()
        for line in _lines(snapshot, of_service, service, which, options.time_zone)
    ]

    def first(*states: State) -> list[Deadline]:
        chosen = nsmallest(MAX_LISTED, (line for line in lines if line.state in states))
        return [_deadline(line, terms, now, options) for line in chosen]

    standing = [
        _promise(snapshot, which, list(chain.from_iterable(dimension_keys[which].values())), terms, now)
        for which in sorted(dimension_keys, key=terms.order)
    ]
    listed = (told for told in standing if told.channel not in QUEUE_CHANNELS and told.channel not in snapshot.history)
    at_risk = sum(told.at_risk for told in listed)
    late = [line.number for line in lines if line.state == "overdue"]
    return SlaOverview(
        openings=_openings(terms, now),
        standing=standing,
        waiting=_waiting(snapshot, dimension_keys),
        overdue=first("overdue"),
        due=first("at_risk", "running"),
        overdue_lines=len(late),
        overdue_contacts=sum(late),
        next_at_risk=None if risks is None else [_at_risk(risk, terms, now, options) for risk in risks.next],
        at_risk_unknown=0 if risks is None else max(0, at_risk - risks.number),
    )


def measure_working_time(calendar: Calendar, begin: int, end: int) -> WorkingTime | None:
    """Return how much of a span is working time; None if it goes beyond what calendars know.

    A span that begins with midnight begins with the day that ends then, as a delay does.
    """
    try:
        days = calendar.between(begin - 1, end, Unit.WORKING_DAYS)
        opened = calendar.between(begin, end, Unit.OPENING_HOURS)
    except BeyondCalendarError:
        return None
    return WorkingTime(days, opened // _MINUTE_MS * 60)


def calendar_of(snapshot: Snapshot, dimension_keys: Iterable[Dimensions]) -> str:
    """Return by which calendar it is open at `places`: that of the first policy for who comes there now; "" without one."""
    versions = snapshot.policies.in_force(milliseconds(snapshot.taken_at))
    fitting = (
        version.calendar for dimensions in dimension_keys for version in versions if version.match.fits(*dimensions)
    )
    return next(fitting, "")


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
        working_time=terms.measure(_Which(risk.policy, risk.clock, risk.channel), now, max(now, risk.due_at)),
    )


def _openings(terms: _Terms, now: int) -> list[OpeningState]:
    openings = []
    for name in dict.fromkeys(version.calendar for version in terms.versions):
        change = terms.calendars[name].next_change(now)
        openings.append(OpeningState(name, terms.calendars[name].is_open(now), change.at if change else None))
    return openings


def _promise(
    snapshot: Snapshot, which: _Which, dimension_keys: Sequence[Dimensions], terms: _Terms, now: int
) -> SlaTargetStatus:
    total, today = (
        add_up(snapshot.totals, dimension_keys, SLA_SCHEMA),
        add_up(snapshot.today, dimension_keys, SLA_SCHEMA),
    )
    met, breached = (today.counts[SLA_SCHEMA.index[name]] for name in ("met", "breached"))
    oldest_at = total.oldest_waiting_at
    return SlaTargetStatus(
        **which._asdict(),
        **dict(zip(SLA_SCHEMA.stocks, total.stocks, strict=True)),  # type: ignore[arg-type]
        oldest_overdue_at=oldest_at,
        overdue_by=None if oldest_at is None else terms.measure(which, oldest_at, now),
        kept=Ratio(met, met + breached),
        objective=terms.objective(which),
    )


def _waiting(
    snapshot: Snapshot, dimension_keys: Mapping[_Which, Mapping[str, list[Dimensions]]]
) -> list[WaitingCounts]:
    found: dict[tuple[str, str, str], list[Dimensions]] = {}
    for which, by_service in dimension_keys.items():
        if which.channel in QUEUE_CHANNELS:
            for dimensions in chain.from_iterable(by_service.values()):
                found.setdefault((which.channel, dimensions.site, dimensions.service), []).append(dimensions)
    told = []
    for where, together in sorted(found.items()):
        _, at_risk, overdue, _ = add_up(snapshot.totals, together, SLA_SCHEMA).stocks
        if at_risk or overdue:
            told.append(WaitingCounts(*where, at_risk, overdue))
    return told


def _lines(
    snapshot: Snapshot, dimension_keys: Sequence[Dimensions], service: str, which: _Which, zone: ZoneInfo
) -> Iterator[_Line]:
    total = add_up(snapshot.totals, dimension_keys, SLA_SCHEMA)
    running, at_risk, overdue, _ = total.stocks
    if overdue and total.oldest_waiting_at is not None:
        yield _Line(total.oldest_waiting_at, "overdue", overdue, service, which)
    due: dict[int, int] = {}
    present = int(snapshot.taken_at.timestamp()) // BUCKET_SECONDS * BUCKET_SECONDS
    for dimensions in dimension_keys:
        for start, number in snapshot.due.get(dimensions, {}).items():
            if start > present:
                due[start] = due.get(start, 0) + number
    # Of these five minutes it is not known which are over: all that has its deadline neither before nor later has it in them.
    if (rest := running + at_risk - sum(due.values())) > 0:
        due[present] = rest

    def when(bucket: tuple[int, int]) -> object:
        start, _ = bucket
        return start if start <= snapshot.day.end else datetime.fromtimestamp(start - 1, zone).date()

    for _, together in islice(groupby(sorted(due.items()), when), MAX_LISTED):
        starts, numbers = zip(*together, strict=True)
        state: State = "at_risk" if at_risk > 0 else "running"  # the sooner something is due, the sooner it is at risk
        at_risk -= sum(numbers)
        yield _Line(starts[0] * 1000, state, sum(numbers), service, which)


def _deadline(line: _Line, terms: _Terms, now: int, options: WebOptions) -> Deadline:
    french, english = options.service_labels(line.service)
    begin, end = sorted((line.due_at, now))
    return Deadline(
        **line.which._asdict(),
        service=line.service,
        label_fr=french,
        label_en=english,
        state=line.state,
        number=line.number,
        due_at=line.due_at,
        working_time=terms.measure(line.which, begin, end),
    )
