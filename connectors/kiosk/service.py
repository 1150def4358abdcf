"""Service of one kiosk: waiting room, journal, and sending of the journaled actions."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from connectors.kiosk.config import KioskConfig
from connectors.kiosk.journal import Journal
from connectors.kiosk.waiting_room import LONGEST_WAITED, Action, ActionKind, ActionRequest, Ticket, WaitingRoom
from connectors.sdk.errors import safe_error_text
from connectors.sdk.webhook.sender import Sender

PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses after consecutive failures of sending: after the first, the second, …; the last one repeats."""
LAST_CALLS: Final = 3
"""Number of calls, the latest first, that the kiosk shows as last calls."""
DAY_SECONDS: Final = 30.0
"""Interval of checks for a new day while no action is performed, in seconds."""
MESSAGE_TYPES: Final = {
    ActionKind.TAKE: "ticket.taken",
    ActionKind.CALL: "ticket.called",
    ActionKind.SERVE: "ticket.served",
    ActionKind.LEAVE: "ticket.left",
}
"""Types of messages, as in the example in the `webhook` connector's README."""


class KioskService:
    """Performs actions from any thread, and sends them from its own thread. The constructor raises the errors of `Journal`.

    `report` is called in that thread with each new problem with sending, and with an empty text when sending works again.
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
        """Perform the requested action, store it for sending, and return its ticket; a repeated request only returns the ticket.

        The first call of a day first ends the waits of earlier days, and drops old tickets. Raises `ActionRefusedError`, and
        `OSError` or `JournalDamagedError` if the journal cannot be written.
        """
        with self._lock:
            self._begin_day()
            if ticket := self._room.of_action(action_request.id):
                return ticket
            performed = self._apply(self._room.resolve(action_request, self._now()))
            assert performed is not None
            self._close_days()  # the ticket may be of an earlier day, if its page was offline overnight
            return performed

    def state(self) -> dict[str, Any]:
        """Return the state that the pages show, as JSON values. The first call of a day first does the same as in `perform`.

        Waiting tickets come oldest first, calls latest first. Raises the errors of `perform`, except `ActionRefusedError`.
        """
        with self._lock:
            self._begin_day()
            now, waiting, called = self._now(), self._room.waiting, self._room.called(self._day)
            queues = [
                {
                    "name": name,
                    "fr": queue.fr,
                    "en": queue.en,
                    "waiting": sum(ticket.queue == name for ticket in waiting),
                }
                for name, queue in self._config.queues.items()
            ]
            return {
                "site": self._config.site,
                "counters": self._config.counters,
                "queues": queues,
                "waiting": [_show(ticket, ticket.taken_at, now) for ticket in waiting],
                "called": [_show(ticket, ticket.called_at or ticket.taken_at, now) for ticket in called],
                "last_calls": [{"number": ticket.number, "counter": ticket.counter} for ticket in called[:LAST_CALLS]],
                "unsent": len(self._journal.unsent),
                "trouble": self._trouble,
            }

    def close(self) -> None:
        """Wait for the message being sent, stop sending and close the journal. Unsent actions are sent after the next start."""
        self._stop.set()
        self._more.set()
        self._sending.join()
        self._sender.close()
        self._journal.close()

    def _apply(self, action: Action) -> Ticket | None:
        self._journal.append(action)
        ticket = self._room.apply(action)
        self._more.set()
        return ticket

    def _begin_day(self) -> None:
        """On the first call of a day, close earlier days, and remove tickets taken more than `LONGEST_WAITED` ago.

        Also remove the sent actions of that age from the journal. Later calls on that day do nothing.
        """
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
            self._apply(action)

    # ----------------------------------------------------------------------------------------- in the sending thread
    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._more.clear()
            try:
                while self._journal.unsent and not self._stop.is_set():
                    self._send_first()
                    failures = 0
                with self._lock:
                    self._begin_day()
                self._more.wait(DAY_SECONDS)
            except Exception as error:  # noqa: BLE001 - any error is reported, and sending is tried again
                self._report_change(safe_error_text(error))
                self._stop.wait(PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS) - 1)])
                failures += 1

    def _send_first(self) -> None:
        self._sender.send(*message_for(self._journal.unsent[0].action, self._config.site))
        with self._lock:
            self._journal.confirm()
        self._report_change("")

    def _report_change(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._report(trouble)


def message_for(action: Action, site: str) -> tuple[str, bytes]:
    """Return the id, which is the action's, and the JSON body of the message about an action at the site labelled `site`."""
    body = {
        "type": MESSAGE_TYPES[action.step],
        "timestamp": action.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "data": {"ticket": {"id": action.ticket}, "office": site, "room": action.queue, "counter": action.counter},
    }
    return action.id, msgspec.json.encode(body)


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def _show(ticket: Ticket, since: datetime, now: datetime) -> dict[str, Any]:
    seconds = max(0, int((now - since).total_seconds()))
    shown = {"id": ticket.id, "number": ticket.number, "queue": ticket.queue, "counter": ticket.counter}
    return shown | {"seconds": seconds}
