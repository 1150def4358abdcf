"""Row of an agent, folded from `agent.state_changed` events, and the agent's state per queue.

Each login, pause and contact state is a register, where the latest event wins, by time and then `sequence`. The same events
therefore give the same row in any order, with or without duplicates. Only `forget` depends on the clock.

Agents and contacts share a topic; keys of agents begin with `agent:`.
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
"""Maximum number of unanswered rings in a row."""


class Register(NamedTuple):
    """Value of the latest event about one login, pause or contact. The greater of two registers wins."""

    at: int
    """Milliseconds since 1970 UTC."""
    sequence: str
    on: bool
    dimensions: Dimensions


class Ring(NamedTuple):
    """A call that rang at the agent without being answered."""

    at: int
    """Milliseconds since 1970 UTC."""
    sequence: str
    fingerprint: bytes
    dimensions: Dimensions


class Agent(Row, tag=1):
    """Row of one agent. The tag is the row version."""

    logins: dict[str, Register] = field(default_factory=dict)
    """Queue → register of whether the agent is logged in; the empty name means all queues.

    Taking a contact in a queue implies a login to it."""
    pauses: dict[str, Register] = field(default_factory=dict)
    """Queue → register of whether the agent is paused; the empty name means all queues.

    A login or logout of a queue ends the pause in it."""
    contact: Register | None = None
    """Register of whether the agent is on a contact; None without an event about it."""
    rings: tuple[Ring, ...] = ()
    """The latest `MAX_RINGS` unanswered rings, sorted. An older ring is taken for a duplicate."""
    silent_since: int = 0
    """Registers up to this time, in milliseconds since 1970, no longer apply (`forget`)."""

    touched_at: int = 0
    """Time of the last change of the row by the worker's clock, in milliseconds since 1970. Set by the worker."""

    @property
    def last_at(self) -> int:
        """Return the latest event time in the row, in milliseconds since 1970; 0 without one."""
        registers = [*self.logins.values(), *self.pauses.values(), *([self.contact] if self.contact else [])]
        return max([*(register.at for register in registers), *(ring.at for ring in self.rings)], default=0)


_PAUSED, _AVAILABLE, _ON_CONTACT = "agents_paused", "agents_available", "agents_on_contact"
_LOGIN: Final = {AgentChange.LOGGED_IN: True, AgentChange.LOGGED_OUT: False}
_PAUSE: Final = {AgentChange.PAUSED: True, AgentChange.UNPAUSED: False}


def fold(row: Agent | None, event: AgentStateChanged, at: int | None = None) -> Agent:
    """Return the row with `event` added: a new row, or `row` itself if the event changes nothing.

    `at` is the event's time in milliseconds, if the caller has it. Raises `rows.TooManyDimensions`.
    """
    if at is None:
        at = milliseconds(event.time)
    before = Agent() if row is None else row
    logins, pauses, contact, rings = before.logins, before.pauses, before.contact, before.rings
    data = event.data
    change, queue = data.change, data.queue
    dimensions = intern_dimensions(event.channel, event.site, event.service, queue, MAX_DIMENSIONS)
    if change is AgentChange.RING_UNANSWERED:
        rings = _add_ring(rings, Ring(at, event.sequence, fingerprint(event.id), dimensions))
    elif change in _LOGIN:
        logins = _write(logins, queue, Register(at, event.sequence, _LOGIN[change], dimensions))
        if queue:  # joining or leaving a queue ends the pause in it
            pauses = _write(pauses, queue, Register(at, event.sequence, on=False, dimensions=dimensions))
    elif change in _PAUSE:
        pauses = _write(pauses, queue, Register(at, event.sequence, _PAUSE[change], dimensions))
    else:
        register = Register(at, event.sequence, change is AgentChange.CONTACT_STARTED, dimensions)
        contact = register if contact is None or register > contact else contact
        if register.on and queue:
            logins = _write(logins, queue, register)
    if (
        row is not None
        and logins is row.logins
        and pauses is row.pauses
        and contact is row.contact
        and rings == row.rings
    ):
        return row
    return Agent(logins, pauses, contact, rings, before.silent_since, before.touched_at)


def _write(registers: dict[str, Register], queue: str, new: Register) -> dict[str, Register]:
    known = registers.get(queue)
    if known is None and len(registers) >= MAX_DIMENSIONS_PER_ROW:
        raise TooManyDimensions
    return registers if known is not None and known >= new else registers | {queue: new}


def _add_ring(rings: tuple[Ring, ...], ring: Ring) -> tuple[Ring, ...]:
    """Add a ring. After a change of configuration a ring may come twice with different dimensions: the lesser wins."""
    known = next((old for old in rings if old.fingerprint == ring.fingerprint), None)
    if known is None:
        return tuple(sorted((*rings, ring))[-MAX_RINGS:])
    return rings if known <= ring else tuple(sorted((*(old for old in rings if old is not known), ring)))


def states(agent: Agent) -> dict[Dimensions, str]:
    """Return dimensions → state (a stock of `figure_schemas.QUEUE_SCHEMA`) of each queue that the agent is logged in to.

    The start of a contact in a queue is a login to it (see `Agent.logins`), also after a logout. A pause in a queue implies a
    login only if no login or logout is known. A login to all queues counts only in queues that the agent's events name. An agent
    on a contact is so in all queues, also while paused.

    If there is any queue, an additional entry with empty service and queue counts the agent once: on a contact, else available
    in any queue, else paused.
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
        latest = login if pause is None else _later(login, pause)
        if login_to_all is not None:
            login = _later(login, login_to_all)
        if latest is None or (login is not None and not login.on):
            continue
        if on_contact:
            state = best = _ON_CONTACT
        else:
            if pause_of_all is not None:
                pause = _later(pause, pause_of_all)
            state = _PAUSED
            if pause is None or not pause.on:
                state = best = _AVAILABLE
        found[latest.dimensions] = state
    if found:
        channel, site, _, _ = min(found)
        found[intern_dimensions(channel, site, "", "")] = best
    return found


def _later(first: Register | None, second: Register | None) -> Register | None:
    return max(first, second) if first and second else first or second


def forget(row: Agent, now_ms: int, ttl_ms: int) -> Agent:
    """Return `row` with the agent logged out if it has no event within `ttl_ms`, else `row` itself.

    Switchboards do not report every logout. Later events of the agent count again.
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
