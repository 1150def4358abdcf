"""The waiting room: which tickets there are, and what may be done with them. No clock, no disk.

What somebody wishes to do is resolved to an action first, which names its ticket and its time, and can be kept. An action is then
applied, now and after each restart, always with the same outcome.
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
"""More are not let in: somebody is playing with the buttons."""
LONGEST_WAITED: Final = timedelta(days=30)
"""A button that was pressed longer ago was pressed so long ago: clocks that jump must not lead into another century. What was
done is known for as long, so that it is done once."""
Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]


class ActionKind(StrEnum):
    """What can be done."""

    TAKE = "take"
    """A visitor takes a ticket."""
    CALL = "call"
    """An agent calls a visitor to a counter."""
    SERVE = "serve"
    """The visitor was served."""
    LEAVE = "leave"
    """The visitor left without, called or not."""


class ActionRequest(msgspec.Struct):
    """What a page asks for. Asked again with the same `id`, it is the same wish."""

    id: Id
    step: ActionKind
    waited_ms: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] = 0
    """How long ago the button was pressed."""
    queue: str = ""
    """Which one a ticket is taken for."""
    queues: list[str] = []
    """From which ones the next visitor is called; from all if there are none."""
    ticket: str = ""
    """Who is served or has left."""
    counter: Annotated[str, msgspec.Meta(max_length=8)] = ""
    """Where one is called to."""


class Action(msgspec.Struct, frozen=True):
    """What was done."""

    id: str
    step: ActionKind
    ticket: str
    at: datetime
    queue: str
    counter: str = ""


class Ticket(msgspec.Struct):
    """One visit."""

    id: str
    number: str
    queue: str
    taken_at: datetime
    counter: str = ""
    called_at: datetime | None = None
    over: bool = False

    @property
    def waits(self) -> bool:
        """Whether nobody called it yet."""
        return not self.over and self.called_at is None


class ActionRefusedError(Exception):
    """A wish cannot be granted; the text is a word for the pages: `nobody`, `over`, `unknown`, `full`."""


class WaitingRoom:
    """The tickets of one desk; `letters` has the queues, and what their numbers begin with."""

    def __init__(self, letters: Mapping[str, str], zone: ZoneInfo) -> None:
        self._letters = letters
        self._zone = zone
        self._tickets: dict[str, Ticket] = {}
        self._done: dict[str, str] = {}
        self._numbers: Counter[tuple[date, str]] = Counter()

    @property
    def waiting(self) -> list[Ticket]:
        """Who waits, the longest first."""
        return sorted((one for one in self._tickets.values() if one.waits), key=_age)

    def called(self, day: date) -> list[Ticket]:
        """Return who came that day, was called and is not served yet, the last first."""
        called = (one for one in self._tickets.values() if one.called_at and not one.over and self._day(one) == day)
        return sorted(called, key=lambda one: one.called_at or one.taken_at, reverse=True)

    def day_of(self, at: datetime) -> date:
        """Return the day that `at` is in."""
        return at.astimezone(self._zone).date()

    def of_action(self, action: str) -> Ticket | None:
        """Return the ticket of an action that was applied, by its id; None if it was not."""
        return self._tickets.get(self._done.get(action, ""))

    def resolve(self, action_request: ActionRequest, now: datetime) -> Action:
        """Return what is done to grant a wish. Raises `RefusedError`."""
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
            raise ActionRefusedError("over")  # the button was not pressed for this visitor
        at = max(at, ticket.called_at or ticket.taken_at)
        return Action(
            action_request.id, action_request.step, ticket.id, at, ticket.queue, action_request.counter if calls else ""
        )

    def apply(self, action: Action) -> Ticket | None:
        """Do what an action says, and return its ticket; None if that was forgotten."""
        if action.step is ActionKind.TAKE:
            place = self.day_of(action.at), action.queue
            self._numbers[place] += 1
            number = f"{self._letters.get(action.queue, '')}{self._numbers[place]:03}"
            self._tickets[action.ticket] = Ticket(action.ticket, number, action.queue, action.at)
        ticket = self._tickets.get(action.ticket)
        if ticket is None:
            return None
        self._done[action.id] = ticket.id
        if action.step is ActionKind.CALL:
            ticket.called_at, ticket.counter = action.at, action.counter
        elif action.step is not ActionKind.TAKE:
            ticket.over = True
        return ticket

    def close_days(self, today: date) -> Iterator[Action]:
        """Yield what is done with tickets of days before `today`: who waited has left at the end of the day.

        When a visit ended whose end nobody told is not known, and not made up; who was there may still tell.
        """
        for ticket in self.waiting:
            if (day := self._day(ticket)) < today:
                midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), self._zone)
                native = str(uuid.uuid5(uuid.UUID(ticket.id), ActionKind.LEAVE.value))
                at = max(midnight - timedelta(seconds=1), ticket.taken_at)
                yield Action(native, ActionKind.LEAVE, ticket.id, at, ticket.queue)

    def forget(self, before: date) -> None:
        """Forget the days before that day."""
        self._tickets = {name: one for name, one in self._tickets.items() if self._day(one) >= before}
        self._done = {action: ticket for action, ticket in self._done.items() if ticket in self._tickets}
        self._numbers = Counter({place: count for place, count in self._numbers.items() if place[0] >= before})

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
