"""Simulated switchboard with its manager interface and a connector."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import connectors.asterisk as asterisk
from connectors.asterisk.simulate import ManagerServer, ScriptedSwitchboard, configuration
from connectors.asterisk.simulate.call_profile import ZONE
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from tests.support.asterisk_manager import options
from tests.support.socket_sources import listen

MONDAY = date(2026, 3, 16)


NINE = datetime(2026, 3, 16, 9, tzinfo=ZONE).timestamp()


class AsteriskHarness:
    """A switchboard controlled by the test, and a connector."""

    def __init__(self, directory: Path, manager: ManagerServer, *, with_log: bool = False, **more: Any) -> None:
        self.log = directory / "queue_log"
        self.log.touch()
        self.manager = manager
        self.switchboard = ScriptedSwitchboard(self._write, manager)
        given = configuration(self.log if with_log else None, options(manager, **more))
        self.harness = ConnectorHarness(asterisk.CONNECTOR, given, directory / "data", directory / "keys")

    def _write(self, line: str) -> None:
        with self.log.open("a") as log:
            log.write(line)

    def listen(self, happen: Any = lambda: None) -> list[Event]:
        """Return the events published while `happen` runs."""
        return listen(self.harness, self.manager, happen)


def queue_events(events: Sequence[Event]) -> list[tuple[str, str, int]]:
    """Return type, queue and stay number of the queue events."""
    return [
        (event.type, event.data.queue, event.data.visit)
        for event in events
        if event.type.startswith("call.") and hasattr(event.data, "visit")
    ]


def call_in_two_queues(switchboard: ScriptedSwitchboard) -> str:
    """Simulate a call that was answered in one queue and waits in another."""
    call = switchboard.arrive(NINE + 1, caller="0639980001", dialled="0199000010")
    switchboard.log_in(NINE + 2, "600", "PJSIP/31")
    switchboard.enter(NINE + 3, call, "600")
    switchboard.answer(NINE + 9, call, "PJSIP/31")
    switchboard.transfer(NINE + 60, call, "610")
    switchboard.enter(NINE + 60, call, "610")
    return call
