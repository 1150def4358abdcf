"""One desk at work: the room, its journal, and the sending of what is in it."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.kiosk.config import KioskConfig
from connectors.kiosk.journal import Journal
from connectors.kiosk.messages import message_for
from connectors.kiosk.waiting_room import LONGEST_WAITED, Action, ActionRequest, Ticket, WaitingRoom
from connectors.sdk.errors import safe_error_text
from connectors.sdk.webhook.sender import Sender

PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""How long is waited after a message that was not taken, the first time, the second …"""
LAST_CALLS: Final = 3
DAY_SECONDS: Final = 30.0
"""How often it is looked whether a new day has begun, with nobody there."""


class KioskService:
    """Grants wishes from any thread, and sends from one of its own. Raises what `Journal` does.

    `report` is told, in words for people, what is wrong with the sending, and an empty text when it works again.
    """

    def __init__(self, config: KioskConfig, report: Callable[[str], None], now: Callable[[], datetime]) -> None:
        self._config = config
        self._report = report
        self._now = now
        self._room = WaitingRoom(
            {name: queue.letter for name, queue in config.queues.items()}, ZoneInfo(config.timezone)
        )
        self._journal = Journal(config.data)
        self._sender = Sender(config.url, config.secret)
        self._lock = threading.Lock()
        self._trouble = ""
        self._stop = threading.Event()
        self._more = threading.Event()
        for action in self._journal.actions:
            self._room.apply(action)
        self._day = date.min
        self._sending = threading.Thread(target=self._run, name="sending", daemon=True)
        self._sending.start()

    def perform(self, action_request: ActionRequest) -> Ticket:
        """Do what a page wishes, once, and return its ticket. Raises `RefusedError`, and `OSError` if it cannot be kept."""
        with self._lock:
            self._begin_day()
            if done := self._room.of_action(action_request.id):
                return done
            ticket = self._do(self._room.resolve(action_request, self._now()))
            assert ticket is not None
            self._close_days()  # which it may be of, if its page was cut off overnight
            return ticket

    def state(self) -> dict[str, Any]:
        """Return what the pages show."""
        with self._lock:
            self._begin_day()
            now, waiting, called = self._now(), self._room.waiting, self._room.called(self._day)
            queues = [
                {"name": name, "fr": queue.fr, "en": queue.en, "waiting": sum(one.queue == name for one in waiting)}
                for name, queue in self._config.queues.items()
            ]
            return {
                "site": self._config.site,
                "counters": self._config.counters,
                "queues": queues,
                "waiting": [_show(one, one.taken_at, now) for one in waiting],
                "called": [_show(one, one.called_at or one.taken_at, now) for one in called],
                "last_calls": [{"number": one.number, "counter": one.counter} for one in called[:LAST_CALLS]],
                "unsent": len(self._journal.unsent),
                "trouble": self._trouble,
            }

    def close(self) -> None:
        """Send no more, and let go of the journal. What was not sent is sent after the next start."""
        self._stop.set()
        self._more.set()
        self._sending.join()
        self._sender.close()
        self._journal.close()

    def _do(self, action: Action) -> Ticket | None:
        self._journal.append(action)
        ticket = self._room.apply(action)
        self._more.set()
        return ticket

    def _begin_day(self) -> None:
        """Close the days before, the first time that a day is seen."""
        today = self._room.day_of(self._now())
        if today <= self._day:
            return
        self._day = today
        self._close_days()
        oldest = today - LONGEST_WAITED
        self._room.forget(oldest)
        self._journal.drop(lambda action: self._room.day_of(action.at) < oldest)

    def _close_days(self) -> None:
        for action in self._room.close_days(self._day):
            self._do(action)

    # ------------------------------------------------------------------------------------- in the thread that sends
    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._more.clear()
            try:
                while self._journal.unsent and not self._stop.is_set():
                    self._send_one()
                    failures = 0
                with self._lock:
                    self._begin_day()
                self._more.wait(DAY_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and tried again
                self._tell(safe_error_text(error))
                self._stop.wait(PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS) - 1)])
                failures += 1

    def _send_one(self) -> None:
        self._sender.send(*message_for(self._journal.unsent[0].action, self._config.site))
        with self._lock:
            self._journal.confirm()
        self._tell("")

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._report(trouble)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def _show(ticket: Ticket, since: datetime, now: datetime) -> dict[str, Any]:
    seconds = max(0, int((now - since).total_seconds()))
    shown = {"id": ticket.id, "number": ticket.number, "queue": ticket.queue, "counter": ticket.counter}
    return shown | {"seconds": seconds}
