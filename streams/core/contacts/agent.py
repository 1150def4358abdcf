"""One agent: the row that `agent.state_changed` events fold to, and the state per queue that it means.

Each thing that changes is a register of its own, in which the latest event wins, by time and then `sequence`. So the same
events give the same row in any order and however often they come; `forget` alone depends on when somebody looked.

Agents share a topic with contacts; the key's prefix `agent:` tells them apart.
"""

from typing import Final, NamedTuple

from msgspec import field

from models.events import AgentChange, AgentStateChanged
from models.timestamps import milliseconds
from streams.core.figures.figure import Dimensions
from streams.core.rows import (
    MAX_DIMENSIONS,
    MAX_DIMENSIONS_PER_ROW,
    Codec,
    Row,
    TooManyDimensions,
    fingerprint,
    intern_dimensions,
)

AGENT_CHANGED: Final = "agent.state_changed"
MAX_RINGS: Final = 32


class Register(NamedTuple):
    """What the latest event told about one thing; of two registers the greater holds."""

    at: int
    """Milliseconds since 1970 UTC."""
    sequence: str
    on: bool
    dimensions: Dimensions


class Ring(NamedTuple):
    """A call that rang at the agent and was not answered."""

    at: int
    """Milliseconds since 1970 UTC."""
    sequence: str
    fingerprint: bytes
    dimensions: Dimensions


class Agent(Row, tag=1):
    """One agent. The tag is the version of the layout."""

    logins: dict[str, Register] = field(default_factory=dict)
    """Queue → logged in there; under the empty name in all queues. Taking a contact in a queue shows a login there."""
    pauses: dict[str, Register] = field(default_factory=dict)
    """Queue → paused there; under the empty name in all queues. A login or logout of a queue ends the pause in it."""
    contact: Register | None = None
    """Whether the agent is on a contact."""
    rings: tuple[Ring, ...] = ()
    """The latest unanswered rings, sorted. One from before the first of `RINGS_REMEMBERED` is taken for a repetition."""
    silent_since: int = 0
    """What was told up to here, milliseconds since 1970, no longer holds (`forget`)."""

    touched_at: int = 0
    """When a worker last changed the row, by its own clock; set by the worker, no part of what the events mean."""

    @property
    def last_at(self) -> int:
        """The latest event time of what the row holds."""
        registers = [*self.logins.values(), *self.pauses.values(), *([self.contact] if self.contact else [])]
        return max([*(register.at for register in registers), *(ring.at for ring in self.rings)], default=0)


_PAUSED, _AVAILABLE, _ON_CONTACT = "agents_paused", "agents_available", "agents_on_contact"
_LOGIN: Final = {AgentChange.LOGGED_IN: True, AgentChange.LOGGED_OUT: False}
_PAUSE: Final = {AgentChange.PAUSED: True, AgentChange.UNPAUSED: False}


def fold(row: Agent | None, event: AgentStateChanged, at: int | None = None) -> Agent:
    """Return the agent with `event` added: a new row, or `row` itself if the event changes nothing.

    `at` is the event's time, for who has it in milliseconds already. Raises `rows.TooManyPlaces`.
    """
    if at is None:
        at = milliseconds(event.time)
    before = Agent() if row is None else row
    logins, pauses, contact, rings = before.logins, before.pauses, before.contact, before.rings
    data = event.data
    change, queue = data.change, data.queue
    dimensions = intern_dimensions(event.channel, event.site, event.service, queue, MAX_DIMENSIONS)
    if change is AgentChange.RING_UNANSWERED:
        rings = _remember(rings, Ring(at, event.sequence, fingerprint(event.id), dimensions))
    elif change in _LOGIN:
        logins = _write(logins, queue, Register(at, event.sequence, _LOGIN[change], dimensions))
        if queue:  # a new member of a queue, or none of it any more, is not paused there
            pauses = _write(pauses, queue, Register(at, event.sequence, on=False, dimensions=dimensions))
    elif change in _PAUSE:
        pauses = _write(pauses, queue, Register(at, event.sequence, _PAUSE[change], dimensions))
    else:
        told = Register(at, event.sequence, change is AgentChange.CONTACT_STARTED, dimensions)
        contact = told if contact is None or told > contact else contact
        if told.on and queue:
            logins = _write(logins, queue, told)
    if (
        row is not None
        and logins is row.logins
        and pauses is row.pauses
        and contact is row.contact
        and rings == row.rings
    ):
        return row
    return Agent(logins, pauses, contact, rings, before.silent_since, before.touched_at)


def _write(registers: dict[str, Register], queue: str, told: Register) -> dict[str, Register]:
    known = registers.get(queue)
    if known is None and len(registers) >= MAX_DIMENSIONS_PER_ROW:
        raise TooManyDimensions
    return registers if known is not None and known >= told else registers | {queue: told}


def _remember(rings: tuple[Ring, ...], ring: Ring) -> tuple[Ring, ...]:
    """Add a ring; of one that was told with two places, as after a change of the configuration, the lesser holds."""
    known = next((one for one in rings if one.fingerprint == ring.fingerprint), None)
    if known is None:
        return tuple(sorted((*rings, ring))[-MAX_RINGS:])
    return rings if known <= ring else tuple(sorted((*(one for one in rings if one is not known), ring)))


def states(agent: Agent) -> dict[Dimensions, str]:
    """Return place → state (a name in `layouts.QUEUES`): each queue that the agent is logged in to, and once without a queue.

    Who pauses or takes a contact in a queue without any known login or logout is a member of it. On a contact, an agent is
    so in all queues, also while paused. Without a queue stands the best of these states, so that agents can be counted once
    however many queues they serve.
    """
    found: dict[Dimensions, str] = {}
    logins, pauses, silent_since = agent.logins, agent.pauses, agent.silent_since
    if silent_since:
        logins = {queue: login for queue, login in logins.items() if login.at > silent_since}
        pauses = {queue: pause for queue, pause in pauses.items() if pause.at > silent_since}
    login_to_all, pause_of_all = logins.get(""), pauses.get("")
    on_contact = agent.contact is not None and agent.contact.on and agent.contact.at > silent_since
    best = _PAUSED
    for queue in logins if pauses.keys() <= logins.keys() else logins | pauses:
        if not queue:
            continue
        login, pause = logins.get(queue), pauses.get(queue)
        told = login if pause is None else _later(login, pause)
        if login_to_all is not None:
            login = _later(login, login_to_all)
        if told is None or (login is not None and not login.on):
            continue
        if on_contact:
            state = best = _ON_CONTACT
        else:
            if pause_of_all is not None:
                pause = _later(pause, pause_of_all)
            state = _PAUSED
            if pause is None or not pause.on:
                state = best = _AVAILABLE
        found[told.dimensions] = state
    if found:
        channel, site, _, _ = min(found)
        found[intern_dimensions(channel, site, "", "")] = best
    return found


def _later(one: Register | None, other: Register | None) -> Register | None:
    return max(one, other) if one and other else one or other


def forget(row: Agent, now_ms: int, ttl_ms: int) -> Agent:
    """Return `row` as gone if nothing was told of the agent for `ttl_ms`: a switchboard does not tell every logout.

    Else `row` itself. What the agent does later counts again.
    """
    last_at = row.last_at
    if last_at + ttl_ms > now_ms or not states(row):
        return row
    after = row.__copy__()
    after.silent_since = last_at
    return after


_codec: Final = Codec(Agent)
encode: Final = _codec.encode
decode: Final = _codec.decode
