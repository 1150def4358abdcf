"""Incidents, folded from the SLA events of a clock. Pure functions without a clock or I/O.

An incident is an SLA target that is missed or at risk: one of each kind per contact, clock and queue stay. It begins with its
event. It ends when the clock stops or pauses, or when its deadline, or for an at-risk incident the start of the risk, moves into
the future. An at-risk incident also ends when the target is missed. Duplicate events change nothing.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from models.ids import event_id
from models.policies import QUEUE_CHANNELS
from models.sla import (
    AnySlaEvent,
    SlaAtRisk,
    SlaBreached,
    SlaCancelled,
    SlaMet,
    SlaStarted,
)
from models.timestamps import milliseconds

SKEW_MS: Final = 10_000
"""Tolerated clock difference between two workers, in milliseconds. During a reread, an event older than the last one by more than
this is ignored, unless it is a new breach or risk."""
LATE_MS: Final = 900_000
"""Shortest delay of a late incident in channels other than calls and visits, in milliseconds. It allows for polling and for
`worker.news_seconds`. Incidents about calls and visits are late after `streams.core.sla.events.LATE_MS`."""
MAX_EVENT_IDS: Final = 64
"""Number of a clock's last events that are remembered to detect duplicates."""
BROKEN: Final = "breached"
"""End of an at-risk incident whose deadline passed."""


class IncidentKind(StrEnum):
    """Kind of an incident."""

    BREACHED = "breached"
    """The deadline passed."""
    AT_RISK = "at_risk"
    """The share `at_risk` of the target is used up."""


class Incident(msgspec.Struct, frozen=True, omit_defaults=True):
    """An SLA target that is missed or at risk. Times are milliseconds since 1970 UTC.

    Data about the contact is that of the beginning, so that the alert stays the same until its end.
    """

    kind: IncidentKind
    contact: str
    clock: str
    number: int
    policy: str
    channel: str
    service: str
    site: str
    queue: str
    starts_at: int
    due_at: int
    """Deadline that passed, or beginning of the risk."""
    deadline_at: int
    round: int
    """Ordinal of the incident among those of its `key`, from 1. An at-risk incident that was over when it became known has 0,
    and is never reported. A breach that was over has an ordinal, and `Unsent.ENDED`."""
    late: bool = False
    """True if it became known more than `LATE_MS` after `due_at`. For calls and visits, the limit is
    `streams.core.sla.events.LATE_MS`, ten seconds."""
    ended_at: int | None = None
    """Time of its end; None while it is open. It is before `starts_at` if the target turned out to be met."""
    end: str = ""
    """Reason of the end: `met cancelled paused moved`, for an at-risk incident also `breached`; empty if open or unknown."""
    told_due_at: int | None = None
    """`due_at` by the last breach or risk event, if a later event has changed `due_at`; None: the same as `due_at`."""
    target: int = 0
    """Target duration: days or months if these are the `unit`, else seconds; 0 in records of earlier releases."""
    unit: str = ""
    since: int = 0
    """Start of the clock, since which the citizen waits; 0 in records of earlier releases."""
    known_at: int = 0
    """Time at which a worker reported the beginning, or at which sending began if later; 0 in records of earlier releases."""
    unsent: str = ""
    """Reason not to send it (`Unsent`); empty if there is none."""
    held: bool = False
    """True while it is held back: it became known late, and its end may follow in the next records."""

    @property
    def key(self) -> str:
        """Key shared by all incidents of one kind and clock."""
        return f"{self.contact}|{self.clock}|{self.number}|{self.kind}"

    @property
    def id(self) -> str:
        """Unique id, the same on every machine."""
        return event_id("accueil/notify", self.key, str(self.round))


class Unsent(StrEnum):
    """Reason to record and count an incident without sending it."""

    ENDED = "ended"
    """It had ended when it became known."""
    OLD = "old"
    """It became known later than receivers accept, counted from `due_at`."""


class ClockIncidents(msgspec.Struct, frozen=True, omit_defaults=True):
    """Known state of a clock that has or had an incident."""

    told_at: int
    """Latest recorded time of the clock's events, in milliseconds since 1970."""
    heard: tuple[tuple[str, int], ...]
    """Id and recorded time, in milliseconds since 1970, of each of the last `MAX_EVENT_IDS` events of the clock."""
    breach: Incident | None = None
    risk: Incident | None = None
    is_retold: bool = False
    """True while the clock's events repeat from the beginning, for example after a worker rebuilt its state."""

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The latest breach and at-risk incident, open or ended, as far as they exist."""
        return tuple(incident for incident in (self.breach, self.risk) if incident is not None)

    @property
    def open(self) -> bool:
        """True if any incident is open."""
        return any(incident.ended_at is None for incident in self.incidents)


class ChangeKind(StrEnum):
    """Kind of a change."""

    STARTED = "started"
    HELD = "held"
    """It began, but became known late. `STARTED` follows unless an earlier end becomes known soon."""
    CHANGED = "changed"
    ENDED = "ended"


class Change(NamedTuple):
    """Change of an incident."""

    what: ChangeKind
    incident: Incident


def clock_key(event: AnySlaEvent) -> str:
    """Return the key of the clock of `event`: its contact, kind and queue stay."""
    return f"{event.subject}|{event.data.clock}|{event.data.number}"


def fold(known: ClockIncidents | None, event: AnySlaEvent, *, is_reread: bool = False) -> ClockIncidents | None:
    """Return the state of a clock after `event`; `known` itself if the event changes nothing.

    The state is None until the first breach or risk. `is_reread`: the topic is being read again, so old events may come again.
    Otherwise only exact duplicates are ignored, even if the worker's clock is behind that of the last event.
    """
    told_at = milliseconds(event.recordedtime or event.time)
    opens = isinstance(event, SlaBreached | SlaAtRisk)
    if known is None:
        if not opens:
            return None
        known = ClockIncidents(told_at, ())
    again = any(event.id == other for other, _ in known.heard)
    is_old = is_reread and told_at < known.told_at - SKEW_MS
    if (event.id, told_at) in known.heard or (is_old and (again or not opens)):
        return known
    is_retold = isinstance(event, SlaStarted) or (known.is_retold and again)
    heard = (*known.heard, (event.id, told_at))[-MAX_EVENT_IDS:]
    after = replace(known, told_at=max(known.told_at, told_at), heard=heard, is_retold=is_retold)
    if isinstance(event, SlaBreached):
        breach = _begin(IncidentKind.BREACHED, known.breach, event, again=again, is_retold=is_retold)
        return replace(after, breach=breach, risk=_break(known.risk, event))
    if isinstance(event, SlaAtRisk):
        return replace(after, risk=_begin(IncidentKind.AT_RISK, known.risk, event, again=again, is_retold=is_retold))
    return replace(after, breach=_follow(known.breach, event, told_at), risk=_follow(known.risk, event, told_at))


def resolve(
    before: ClockIncidents | None, after: ClockIncidents, max_age_ms: int | None = None
) -> tuple[ClockIncidents, list[Change]]:
    """Return `after` with `round`, `unsent` and `held` of its incidents set, and their changes since `before`.

    There may be several events in between: an incident that ended and began again counts as continued. An incident that became
    known more than `max_age_ms` after its `due_at` (None: no limit), or after its end, is marked as `unsent`.
    """
    breach, of_breach = _resolve_incident(before.breach if before else None, after.breach, max_age_ms)
    risk, of_risk = _resolve_incident(before.risk if before else None, after.risk, max_age_ms)
    return replace(after, breach=breach, risk=risk), [*of_risk, *of_breach]


def _resolve_incident(
    before: Incident | None, after: Incident | None, max_age_ms: int | None
) -> tuple[Incident | None, list[Change]]:
    if after is None or after == before:
        return after, []
    began = before.round if before else 0
    if before is not None and before.ended_at is None:
        is_another = bool(before.unsent) and after.round != before.round and not _reason_not_to_send(after, max_age_ms)
        if not is_another:
            after = replace(
                after, round=began, known_at=before.known_at, unsent=before.unsent, held=before.held, late=before.late
            )
            return _resolve_held(after) if after.ended_at is not None else (after, [Change(ChangeKind.CHANGED, after)])
    elif after.round == began:
        return after, [Change(ChangeKind.CHANGED, after)] if began else []
    unsent = _reason_not_to_send(after, max_age_ms)
    held = after.late and not unsent and after.ended_at is None
    after = replace(after, round=began + 1, unsent=unsent, held=held)
    began_as = ChangeKind.HELD if held else ChangeKind.STARTED
    kinds = (began_as,) if after.ended_at is None else (began_as, ChangeKind.ENDED)
    return after, [Change(kind, after) for kind in kinds]


def _resolve_held(after: Incident) -> tuple[Incident, list[Change]]:
    """Return `after`, which has ended, with its changes: `ENDED`, preceded by `STARTED` if it was held back.

    If it was held back and had ended when it became known, it is marked as `unsent`.
    """
    if not after.held:
        return after, [Change(ChangeKind.ENDED, after)]
    after = replace(after, held=False, unsent=_reason_not_to_send(after, None))
    return after, [Change(ChangeKind.STARTED, after), Change(ChangeKind.ENDED, after)]


def release(known: ClockIncidents) -> tuple[ClockIncidents, list[Change]]:
    """Return a clock without held-back incidents, and a `STARTED` change for each one that was held back."""
    breach, risk = (
        replace(incident, held=False) if incident and incident.held else incident
        for incident in (known.breach, known.risk)
    )
    changes = [
        Change(ChangeKind.STARTED, after)
        for before, after in ((known.risk, risk), (known.breach, breach))
        if after is not None and after is not before
    ]
    return replace(known, breach=breach, risk=risk), changes


def judge(known: ClockIncidents, now: int, max_age_ms: int | None) -> tuple[ClockIncidents, list[Change]]:
    """Return a clock for which sending begins at `now`, the new `known_at` of open incidents, and a `STARTED` change for each."""
    breach, risk = (_start_sending(incident, now, max_age_ms) for incident in (known.breach, known.risk))
    begun = [incident for incident in (risk, breach) if incident is not None and incident.ended_at is None]
    return replace(known, breach=breach, risk=risk), [Change(ChangeKind.STARTED, incident) for incident in begun]


def _start_sending(incident: Incident | None, now: int, max_age_ms: int | None) -> Incident | None:
    if incident is None or incident.ended_at is not None:
        return incident
    unsent = _reason_not_to_send(replace(incident, known_at=now), max_age_ms)
    return replace(incident, known_at=now, unsent=unsent, held=False)


def _reason_not_to_send(incident: Incident, max_age_ms: int | None) -> str:
    if not incident.known_at:
        return ""
    if incident.ended_at is not None and incident.ended_at <= incident.known_at:
        return Unsent.ENDED.value
    is_old = max_age_ms is not None and incident.known_at - incident.due_at > max_age_ms
    return Unsent.OLD.value if is_old else ""


def _begin(kind: IncidentKind, known: Incident | None, event: AnySlaEvent, *, again: bool, is_retold: bool) -> Incident:
    data, told_at = event.data, milliseconds(event.recordedtime or event.time)
    deadline_at, ended_at = _ms_or_none(data.deadline_at), _ms_or_none(data.ended_at)
    due_at, shown_at = milliseconds(event.time), deadline_at or milliseconds(event.time)
    # No at-risk incident begins if the deadline passed too, or if the clock stopped or is paused.
    is_over = kind is IncidentKind.AT_RISK and (ended_at is not None or deadline_at is None or deadline_at < told_at)
    is_known = again and (ended_at is not None or is_retold)
    if known is not None and (known.ended_at is None or is_known or is_over):
        ended_at = known.ended_at or ended_at
        return replace(known, due_at=due_at, told_due_at=due_at, deadline_at=shown_at, ended_at=ended_at)
    return Incident(
        kind,
        event.subject,
        data.clock,
        data.number,
        data.policy,
        event.channel,
        event.service,
        event.site,
        data.queue,
        milliseconds(event.time),
        due_at,
        shown_at,
        (known.round if known else 0) + (not is_over),
        late=data.late and (event.channel in QUEUE_CHANNELS or told_at - due_at > LATE_MS),
        ended_at=told_at if is_over and ended_at is None else ended_at,
        target=data.target,
        unit=data.unit.value,
        since=milliseconds(data.started_at),
        known_at=told_at,
    )


def _break(known: Incident | None, event: AnySlaEvent) -> Incident | None:
    """Return an at-risk incident after the deadline passed: ended, or unchanged if it had ended before."""
    if known is None or known.ended_at is not None:
        return known
    return replace(known, ended_at=milliseconds(event.time), end=BROKEN)


def _follow(known: Incident | None, event: AnySlaEvent, told_at: int) -> Incident | None:
    if known is None:
        return None
    data, at = event.data, milliseconds(event.time)
    deadline_at, ended_at = _ms_or_none(data.deadline_at), _ms_or_none(data.ended_at)
    due_at = deadline_at if known.kind is IncidentKind.BREACHED else _ms_or_none(data.at_risk_at)
    if known.ended_at is not None:
        if isinstance(event, SlaMet | SlaCancelled) and not known.end:
            return replace(known, end=event.type.removeprefix("sla."))
        is_same = due_at == (known.told_due_at or known.due_at)
        if isinstance(event, SlaStarted) or ended_at is not None or deadline_at is None or not is_same:
            return known
        if known.kind is IncidentKind.BREACHED or deadline_at >= told_at:
            # It was not the end, or the citizen need not act any more. The same deadline is not reported a second time.
            known_at = told_at if known.unsent else known.known_at
            again = replace(known, due_at=due_at or known.due_at, round=known.round + 1, known_at=known_at)
            return replace(again, deadline_at=deadline_at, ended_at=None, end="")
        return known
    if isinstance(event, SlaMet | SlaCancelled):
        return replace(known, ended_at=at, end=event.type.removeprefix("sla."))
    if ended_at is not None:
        return replace(known, ended_at=ended_at)
    if deadline_at is None or due_at is None:
        return replace(known, ended_at=at, end="paused")
    if due_at == known.due_at or due_at < told_at:
        told = known.told_due_at or known.due_at
        # Perhaps another deadline that passed as well.
        return replace(known, due_at=due_at, told_due_at=told, deadline_at=deadline_at)
    return replace(known, ended_at=told_at, end="moved")


def _ms_or_none(at: datetime | None) -> int | None:
    return None if at is None else milliseconds(at)
