"""Simulated `queue_log`."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.sdk.simulation.call_ledger import Ledger
from connectors.sdk.simulation.call_profile import SERVICES, ZONE, CallProfile
from connectors.sdk.simulation.switchboard import Agent, Call, Queue, Switchboard


class LogSwitchboard(Switchboard):
    """Switchboard that calls `write` with each line of its log."""

    def __init__(self, seed: int, write: Callable[[str], object], profile: CallProfile) -> None:
        super().__init__(seed, profile)
        self._write = write

    def record(
        self, call: Call | None, queue: Queue | None, agent: Agent | None, event: str, *parameters: object
    ) -> None:
        """Write a line. A missing queue, agent or call is written as `NONE`, or `MANAGER` for the call of a login or logout."""
        unique_id = call.id if call else "MANAGER" if event in {"ADDMEMBER", "REMOVEMEMBER"} else "NONE"
        names = queue.service.queue if queue else "NONE", agent.name if agent else "NONE"
        self._write("|".join(map(str, (int(self.now), unique_id, *names, event, *parameters))) + "\n")


def simulate_day(
    into: Path, *, day: date, seed: int, calls: int = 1_500, publish: Callable[[str, float], object] | None = None
) -> Ledger:
    """Append the log of `day`, Paris time, to `into`, pass each line and its time to `publish`, and return the true figures.

    `calls` is the number on a usual day (see `CallProfile`). Calls that last beyond midnight are logged to their end.
    """
    with into.open("a", encoding="ascii") as log:

        def write_line(line: str) -> None:
            log.write(line)
            if publish is not None:
                publish(line, switchboard.now)

        switchboard = LogSwitchboard(seed, write_line, CallProfile(calls))
        begin, end = (datetime(at.year, at.month, at.day, tzinfo=ZONE) for at in (day, day + timedelta(days=1)))
        switchboard.begin(begin.timestamp(), until=end.timestamp())
        switchboard.run_until(float("inf"))
    return switchboard.ledger


def configuration(path: Path | None = None, ami: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the connector options to read the simulated log at `path`, the manager interface with the options `ami`, or both."""
    return {
        **({"path": str(path)} if path else {}),
        **({"ami": ami} if ami else {}),
        "sector": "demonstration",
        "site": "siege",
        "queues": {
            service.queue: {"label": service.label, "service": service.label, "extensions": [service.queue]}
            for service in SERVICES
        },
        "dids": {service.number: {"line": service.label, "service": service.label} for service in SERVICES},
        "custom_events": {"FULL": "full", "CLOSED": "closed", "DIVERTED": "diverted"}
        | {"MENU": "menu", "VOICEMAIL": "voicemail"},
        "menu_options": {str(key): service.label for key, service in enumerate(SERVICES, 1)},
    }
