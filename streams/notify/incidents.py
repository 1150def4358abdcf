"""Incidents: what is told of a clock on `contact.sla.v1`, folded to what people have to know. Pure; no clock, no I/O.

An incident is a promise that is broken, or about to be: one for each contact, clock and stay. It begins when that is told, and
ends when the clock stops, or has another deadline, or none since it stood still before. One that is about to be broken also ends
when it is. Whatever is told again changes nothing.
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
"""By how much the clocks of two workers may differ: when a topic is read again, what was told longer before the last news of a
clock is no news."""
LATE_MS: Final = 900_000
"""An incident about a letter, e-mail or form is late if it became known longer after its time: sources are polled, and workers
wait for them (`worker.news_seconds`). Incidents about calls and visits are late after `streams.core.sla.events.LATE_MS`."""
HEARD: Final = 64
"""So many of the last events of a clock are known again."""
BROKEN: Final = "breached"
"""Why a warning ends when the deadline passes."""


class IncidentKind(StrEnum):
    """What an incident is about."""

    BREACHED = "breached"
    """The deadline passed."""
    AT_RISK = "at_risk"
    """Most of the time is over."""


class Incident(msgspec.Struct, frozen=True, omit_defaults=True):
    """One broken promise, or one that soon will be. Times are milliseconds since 1970 UTC.

    What is said of the contact is said as of the beginning, so that it is the same alert until its end.
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
    """The time that passed: the deadline, or when the clock began to be at risk."""
    deadline_at: int
    round: int
    """It may happen to one clock several times: the first time is 1; 0 if it was over when it was told."""
    late: bool = False
    """It became known long after its time."""
    ended_at: int | None = None
    """When its clock stopped: before `starts_at` if it became known later that the promise had been kept."""
    end: str = ""
    """Why it ended: `met cancelled paused moved`, of a warning also `breached`; empty if that is not known."""
    told_due_at: int | None = None
    """What time was told to have passed last: `due_at`, unless another one that passed too is known since."""
    target: int = 0
    """What was promised, in `unit`; 0 if an earlier release recorded it."""
    unit: str = ""
    since: int = 0
    """When the clock started: since when the citizen waits; 0 if an earlier release recorded it."""
    known_at: int = 0
    """When a worker reported that it began; 0 if an earlier release recorded it."""
    unsent: str = ""
    """Why it is not sent to receivers (`Unsent`); empty if it is."""
    held: bool = False
    """It became known late and is not sent yet: its end may follow in the next records."""

    @property
    def key(self) -> str:
        """What it has in common with those before it of the same clock."""
        return f"{self.contact}|{self.clock}|{self.number}|{self.kind}"

    @property
    def id(self) -> str:
        """A name that no other incident has, the same on every machine."""
        return event_id("accueil/notify", self.key, str(self.round))


class Unsent(StrEnum):
    """Why an incident is recorded and counted, but not sent."""

    ENDED = "ended"
    """It had ended when it became known."""
    OLD = "old"
    """It became known longer after its `due_at` than receivers want to know of."""


class ClockIncidents(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a clock that has, or had, an incident."""

    told_at: int
    heard: tuple[tuple[str, int], ...]
    """Ids of the last events, and when they were told."""
    breach: Incident | None = None
    risk: Incident | None = None
    is_retold: bool = False
    """Its story is told from the beginning, as after a worker's state was made anew, and nothing new was told yet."""

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Those that there are."""
        return tuple(one for one in (self.breach, self.risk) if one is not None)

    @property
    def open(self) -> bool:
        """Whether any of them goes on."""
        return any(one.ended_at is None for one in self.incidents)


class ChangeKind(StrEnum):
    """What became of an incident."""

    STARTED = "started"
    HELD = "held"
    """It began, but became known late: that it started follows, when nothing was heard of an earlier end for a while."""
    CHANGED = "changed"
    ENDED = "ended"


class Change(NamedTuple):
    """What became of an incident."""

    what: ChangeKind
    incident: Incident


def clock_key(event: AnySlaEvent) -> str:
    """Return the name of the clock that `event` is about."""
    return f"{event.subject}|{event.data.clock}|{event.data.number}"


def fold(known: ClockIncidents | None, event: AnySlaEvent, *, is_reread: bool = False) -> ClockIncidents | None:
    """Return what is known of a clock after `event`; `known` itself if that says nothing new.

    `is_reread`: the topic is read again, and what was told long before may come once more. Else whatever comes is news, also
    where the worker's clock is behind the one by which the last news was told.
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
    heard = (*known.heard, (event.id, told_at))[-HEARD:]
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
    """Return `after` and what became of the incidents since `before`, however many events lie between them.

    One that ended and at once began again has gone on. An incident that became known more than `max_age_ms` after its `due_at`,
    or after its end, is marked as `unsent`.
    """
    breach, of_breach = _settle(before.breach if before else None, after.breach, max_age_ms)
    risk, of_risk = _settle(before.risk if before else None, after.risk, max_age_ms)
    return replace(after, breach=breach, risk=risk), [*of_risk, *of_breach]


def _settle(
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
            return _settle_held(after) if after.ended_at is not None else (after, [Change(ChangeKind.CHANGED, after)])
    elif after.round == began:
        return after, [Change(ChangeKind.CHANGED, after)] if began else []
    unsent = _reason_not_to_send(after, max_age_ms)
    held = after.late and not unsent and after.ended_at is None
    after = replace(after, round=began + 1, unsent=unsent, held=held)
    began_as = ChangeKind.HELD if held else ChangeKind.STARTED
    both = (began_as,) if after.ended_at is None else (began_as, ChangeKind.ENDED)
    return after, [Change(what, after) for what in both]


def _settle_held(after: Incident) -> tuple[Incident, list[Change]]:
    """Return an incident that ended and what became of it; one that was held back has only now started."""
    if not after.held:
        return after, [Change(ChangeKind.ENDED, after)]
    after = replace(after, held=False, unsent=_reason_not_to_send(after, None))
    return after, [Change(ChangeKind.STARTED, after), Change(ChangeKind.ENDED, after)]


def release(known: ClockIncidents) -> tuple[ClockIncidents, list[Change]]:
    """Return a clock of which nothing is held back any more, and the incidents that are to be sent now."""
    breach, risk = (replace(one, held=False) if one and one.held else one for one in (known.breach, known.risk))
    changes = [
        Change(ChangeKind.STARTED, after)
        for before, after in ((known.risk, risk), (known.breach, breach))
        if after is not None and after is not before
    ]
    return replace(known, breach=breach, risk=risk), changes


def judge(known: ClockIncidents, now: int, max_age_ms: int | None) -> tuple[ClockIncidents, list[Change]]:
    """Return a clock whose open incidents become known to receivers `now`, and those incidents."""
    breach, risk = (
        replace(one, known_at=now, unsent=_reason_not_to_send(replace(one, known_at=now), max_age_ms), held=False)
        if one and one.ended_at is None
        else one
        for one in (known.breach, known.risk)
    )
    begun = [one for one in (risk, breach) if one is not None and one.ended_at is None]
    return replace(known, breach=breach, risk=risk), [Change(ChangeKind.STARTED, one) for one in begun]


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
    # Nobody is warned when the deadline passed too, or the clock stopped or stands still.
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
    """Return what becomes of a warning when the deadline passes."""
    if known is None or known.ended_at is not None:
        return known
    return replace(known, ended_at=milliseconds(event.time), end=BROKEN)


def _follow(known: Incident | None, event: AnySlaEvent, told_at: int) -> Incident | None:
    """Return what becomes of an incident when its clock runs otherwise than before."""
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
            # It was not the end, or it is not for the citizen to act: what was told of that time is not told a second time.
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
        return replace(
            known, due_at=due_at, told_due_at=told, deadline_at=deadline_at
        )  # perhaps another that passed too
    return replace(known, ended_at=told_at, end="moved")


def _ms_or_none(at: datetime | None) -> int | None:
    return None if at is None else milliseconds(at)
