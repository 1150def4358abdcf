"""Waiting room: tickets, and the actions allowed on them. Does no I/O and does not read the clock.

A request is first resolved to an action, which contains its ticket and its time and is journaled. Applying an action gives the
same result after each restart.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

MOST_WAITING: Final = 300
"""Number of waiting visitors, in all queues, at which new tickets are refused: against misuse of the buttons."""
LONGEST_WAITED: Final = timedelta(days=30)
"""Longest accepted time between a button press and its request, against clocks that jump; longer times are shortened to it.
Tickets and their actions are remembered for the same time, so that a repeated request is performed once."""
Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]


class ActionKind(StrEnum):
    """Kind of an action; `take`, `call`, `serve` and `leave` in requests and in the journal."""

    TAKE = "take"
    """A visitor takes a ticket."""
    CALL = "call"
    """An agent calls a visitor to a counter."""
    SERVE = "serve"
    """The visit is over: the visitor was served."""
    LEAVE = "leave"
    """The visitor left without being served, before or after a call."""


class ActionRequest(msgspec.Struct):
    """Request of a page. Requests with the same `id` are the same request; its action, and a new ticket, get this id."""

    id: Id
    step: ActionKind
    waited_ms: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] = 0
    """Milliseconds since the button was pressed."""
    queue: str = ""
    """Name of the queue of a new ticket; only for `TAKE`."""
    queues: list[str] = []
    """Names of the queues whose oldest waiting visitor is called, empty for all queues; only for `CALL`."""
    ticket: str = ""
    """Id of the ticket of a visitor who was served or has left; only for `SERVE` and `LEAVE`."""
    counter: Annotated[str, msgspec.Meta(max_length=8)] = ""
    """Label of the counter that the visitor is called to; only for `CALL`."""


class Action(msgspec.Struct, frozen=True):
    """An action on a ticket, in the form that is journaled. Its `id` is that of its request, unless `close_days` made it."""

    id: str
    step: ActionKind
    ticket: str
    at: datetime
    queue: str
    counter: str = ""


class Ticket(msgspec.Struct):
    """Ticket of one visit. Its `number`, such as `A001`, is its queue's letter and its place among the day's tickets there."""

    id: str
    number: str
    queue: str
    taken_at: datetime
    counter: str = ""
    called_at: datetime | None = None
    over: bool = False
    """True if the visitor was served or has left."""

    @property
    def waits(self) -> bool:
        """True if the visitor still waits: was not called yet and has not left."""
        return not self.over and self.called_at is None


class ActionRefusedError(Exception):
    """A request is refused. The text is a code for the pages.

    `nobody`: no visitor waits in these queues. `over`: the visit is over, was not called yet but is to be served, or the button
    was pressed on another day than the ticket was taken. `unknown`: no such queue or ticket. `full`: see `MOST_WAITING`.
    """


class WaitingRoom:
    """The tickets of one front desk; `letters` gives the first letter of ticket numbers by queue."""

    def __init__(self, letters: Mapping[str, str], zone: ZoneInfo) -> None:
        self._letters = letters
        self._zone = zone
        self._tickets: dict[str, Ticket] = {}
        self._tickets_by_action: dict[str, str] = {}
        self._numbers: Counter[tuple[date, str]] = Counter()

    @property
    def waiting(self) -> list[Ticket]:
        """Tickets that wait, of all queues and days, the oldest first."""
        return sorted((ticket for ticket in self._tickets.values() if ticket.waits), key=_age)

    def called(self, day: date) -> list[Ticket]:
        """Return the tickets taken on `day` that were called and are not `over`, the last call first."""
        called = (
            ticket
            for ticket in self._tickets.values()
            if ticket.called_at and not ticket.over and self._day(ticket) == day
        )
        return sorted(called, key=lambda ticket: ticket.called_at or ticket.taken_at, reverse=True)

    def day_of(self, at: datetime) -> date:
        """Return the day of `at` in the time zone of the front desk."""
        return at.astimezone(self._zone).date()

    def of_action(self, action: str) -> Ticket | None:
        """Return the ticket of the applied action with the id `action`; None if it was not applied or `forget` removed it."""
        return self._tickets.get(self._tickets_by_action.get(action, ""))

    def resolve(self, action_request: ActionRequest, now: datetime) -> Action:
        """Return the action that fulfils a request received at `now`, without applying it. Raises `ActionRefusedError`.

        A call gets the oldest waiting ticket of the requested queues.
        """
        at = now - min(timedelta(milliseconds=action_request.waited_ms), LONGEST_WAITED)
        if action_request.step is ActionKind.TAKE:
            if action_request.queue not in self._letters:
                raise ActionRefusedError("unknown")
            if len(self.waiting) >= MOST_WAITING:
                raise ActionRefusedError("full")
            return Action(action_request.id, action_request.step, action_request.id, at, action_request.queue)
        calls = action_request.step is ActionKind.CALL
        ticket = self._next(action_request.queues) if calls else self._open(action_request)
        if self.day_of(at) != self._day(ticket):
            raise ActionRefusedError("over")  # the button was pressed on another day, for another visitor
        at = max(at, ticket.called_at or ticket.taken_at)
        return Action(
            action_request.id, action_request.step, ticket.id, at, ticket.queue, action_request.counter if calls else ""
        )

    def apply(self, action: Action) -> Ticket | None:
        """Apply an action from `resolve`, `close_days` or the journal, and return its ticket; None if `forget` removed that."""
        if action.step is ActionKind.TAKE:
            key = self.day_of(action.at), action.queue
            self._numbers[key] += 1
            number = f"{self._letters.get(action.queue, '')}{self._numbers[key]:03}"
            self._tickets[action.ticket] = Ticket(action.ticket, number, action.queue, action.at)
        ticket = self._tickets.get(action.ticket)
        if ticket is None:
            return None
        self._tickets_by_action[action.id] = ticket.id
        if action.step is ActionKind.CALL:
            ticket.called_at, ticket.counter = action.at, action.counter
        elif action.step is not ActionKind.TAKE:
            ticket.over = True
        return ticket

    def close_days(self, today: date) -> Iterator[Action]:
        """Yield the actions, to be applied, by which visitors leave whose tickets still wait from days before `today`.

        The time is the last second of the ticket's day. The id depends on the ticket only, so a repeated action is the same.
        The end of a called visit is unknown if no agent reported it. It is not invented, since an agent may still report it.
        """
        for ticket in self.waiting:
            if (day := self._day(ticket)) < today:
                midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), self._zone)
                native = str(uuid.uuid5(uuid.UUID(ticket.id), ActionKind.LEAVE.value))
                at = max(midnight - timedelta(seconds=1), ticket.taken_at)
                yield Action(native, ActionKind.LEAVE, ticket.id, at, ticket.queue)

    def forget(self, before: date) -> None:
        """Remove the tickets taken on days before `before`, with their actions and the last numbers of these days."""
        self._tickets = {name: ticket for name, ticket in self._tickets.items() if self._day(ticket) >= before}
        self._tickets_by_action = {
            action: ticket for action, ticket in self._tickets_by_action.items() if ticket in self._tickets
        }
        self._numbers = Counter({key: count for key, count in self._numbers.items() if key[0] >= before})

    def _day(self, ticket: Ticket) -> date:
        return self.day_of(ticket.taken_at)

    def _next(self, queues: list[str]) -> Ticket:
        for ticket in self.waiting:
            if not queues or ticket.queue in queues:
                return ticket
        raise ActionRefusedError("nobody")

    def _open(self, action_request: ActionRequest) -> Ticket:
        ticket = self._tickets.get(action_request.ticket)
        if ticket is None:
            raise ActionRefusedError("unknown")
        if ticket.over or (action_request.step is ActionKind.SERVE and ticket.waits):
            raise ActionRefusedError("over")
        return ticket


def _age(ticket: Ticket) -> tuple[datetime, str]:
    return ticket.taken_at, ticket.number
