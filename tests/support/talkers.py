"""Listening to systems that talk by themselves."""

import threading
from collections.abc import Callable
from pathlib import Path

from connectors.sdk.simulating.talking import Talker
from connectors.sdk.testing import Bench
from models.events import Event
from tests.support.processes import wait_until


def listen(bench: Bench, talker: Talker, happen: Callable[[], object] = lambda: None) -> list[Event]:
    """Return what `bench` tells of what happens while it listens: `happen()` lets it."""
    with bench.opened() as (flow, publisher):
        wait_until(lambda: flow.turn() or talker.listeners, "somebody to listen")
        thread = threading.Thread(target=happen)
        thread.start()
        while True:
            over, before = not thread.is_alive(), bench.records_read()
            flow.turn()
            if over and bench.records_read() == before:
                break
        thread.join()
        publisher.confirm()
        events = publisher.events
    alone(talker)
    return events


def alone(talker: Talker) -> None:
    """Return once nobody listens any more."""
    wait_until(lambda: not talker.listeners, "all who listened to have left")


def has_kept(listener: Path) -> bool:
    """Return whether who has the directory `listener` has kept anything of what was told."""
    return any(listener.rglob("*.spool")) or any(listener.rglob("cursor-*.json"))
