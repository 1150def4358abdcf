"""A switchboard, its manager interface, and a connector before it."""

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
    """A switchboard that does what it is told, and a connector that may or may not listen."""

    def __init__(self, directory: Path, manager: ManagerServer, *, with_log: bool = False, **more: Any) -> None:
        self.log = directory / "queue_log"
        self.log.touch()
        self.manager = manager
        self.exchange = ScriptedSwitchboard(self._write, manager)
        given = configuration(self.log if with_log else None, options(manager, **more))
        self.harness = ConnectorHarness(asterisk.CONNECTOR, given, directory / "data", directory / "keys")

    def _write(self, line: str) -> None:
        with self.log.open("a") as log:
            log.write(line)

    def listen(self, happen: Any = lambda: None) -> list[Event]:
        """What is told of what happens while it listens."""
        return listen(self.harness, self.manager, happen)


def told(events: Sequence[Event]) -> list[tuple[str, str, int]]:
    """Type, queue and visit of what happened in queues."""
    return [
        (event.type, event.data.queue, event.data.visit)
        for event in events
        if event.type.startswith("call.") and hasattr(event.data, "visit")
    ]


def call_in_two_queues(exchange: ScriptedSwitchboard) -> str:
    """A call that was answered in one queue and waits in another."""
    call = exchange.arrive(NINE + 1, caller="0639980001", dialled="0199000010")
    exchange.log_in(NINE + 2, "600", "PJSIP/31")
    exchange.enter(NINE + 3, call, "600")
    exchange.answer(NINE + 9, call, "PJSIP/31")
    exchange.transfer(NINE + 60, call, "610")
    exchange.enter(NINE + 60, call, "610")
    return call
