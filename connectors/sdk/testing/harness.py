"""Harness that runs one connector instance in a test."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from connectors.sdk import rejects
from connectors.sdk.attempts import Attempts
from connectors.sdk.config import parse
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons
from connectors.sdk.contract import Connector, Context, Outcome, Publisher, Source
from connectors.sdk.cursor import Cursor
from connectors.sdk.delivery import SpooledPublisher
from connectors.sdk.files import make_private_directory
from connectors.sdk.flow import Flow
from connectors.sdk.instance import Instance
from connectors.sdk.keys import Keys
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.probe import ProbeResult, read_first, sum_up
from connectors.sdk.reread import find_position_files, start_reread
from connectors.sdk.spool import LIMIT_BYTES, Spool
from connectors.sdk.testing.fake_broker import FakeBroker
from connectors.sdk.testing.kill_injector import KillInjector, kill_point
from models.codec import encode
from models.events import Event
from models.reasons import Reason

INSTANCE = "essai"
STALLED_SECONDS = 0.5
"""A step of this duration without records does not show that the source is idle: the source may have ended it early."""


class ManualPublisher:
    """A publisher that confirms events only when the test calls `confirm`."""

    ready, trouble = True, ""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.safe: list[Event] = []
        """Confirmed events: the only ones that remain if the process is killed."""
        self._held: deque[tuple[Sequence[Event], Callable[[], None]]] = deque()

    @property
    def pending(self) -> bool:
        """True if events are unconfirmed."""
        return bool(self._held)

    def publish(self, events: Sequence[Event], on_confirmed: Callable[[], None]) -> None:
        """Hold events until they are confirmed."""
        self.events.extend(events)
        self._held.append((events, on_confirmed))

    def poll(self, wait_seconds: float) -> None:
        """Do nothing."""

    def confirm(self, most: int = 1_000_000) -> None:
        """Confirm the oldest batches, at most `most`."""
        for _ in range(min(most, len(self._held))):
            events, on_confirmed = self._held.popleft()
            self.safe.extend(events)
            on_confirmed()

    def close(self) -> None:
        """Drop unconfirmed events, as a killed process does."""
        self._held.clear()


class ConnectorHarness:
    """One connector instance, opened and closed by the test, with a manual publisher or a fake broker."""

    def __init__(
        self,
        connector: Connector[Any],
        options: dict[str, Any],
        directory: Path,
        keys: Path,
        contact_reasons: ContactReasons = NO_REASONS,
    ) -> None:
        self.directory = directory / connector.name / INSTANCE
        self.registry = CollectorRegistry()
        self.source = f"{connector.name}/{INSTANCE}"
        self._connector = connector
        self.config = parse(connector.config, INSTANCE, options, contact_reasons)
        self._contact_reasons = contact_reasons
        self._reasons_after_map = Instance(INSTANCE, connector, self.config, None, contact_reasons).reasons_after_map
        self._keys = keys
        self._meter = Meter(Metrics(self.registry), self.source)
        self.positions: list[Any] = []
        """Positions that the source returned, in order."""
        self.slowest_seconds = 0.0
        """Longest processor time of `map` for one record."""
        self.before_map: Callable[[Source[Any, Any], Any], None] | None = None
        """Called with the source and each record before the record is mapped."""
        make_private_directory(self.directory)

    @contextmanager
    def opened_with(self, publisher: Publisher) -> Iterator[Flow]:
        """Open the instance at the last acknowledged position, with a checkpoint at each step. Close `publisher` at the end."""
        with (
            closing(publisher),
            closing(Attempts(self.directory)) as attempts,
            closing(rejects.Rejects(self.directory)) as stored_rejects,
            closing(self._connector.open(self.config, replace(self._context(), attempts=attempts))) as source,
        ):
            source.checkpoint_seconds = 0.0
            self._watch(source)
            yield Flow(source, publisher, stored_rejects, self._meter, attempts, self._reasons_after_map)

    @contextmanager
    def opened(self) -> Iterator[tuple[Flow, ManualPublisher]]:
        """Open the instance with a `ManualPublisher`."""
        publisher = ManualPublisher()
        with self.opened_with(publisher) as flow:
            yield flow, publisher

    @contextmanager
    def connected(self, broker: FakeBroker, spool_bytes: int = LIMIT_BYTES) -> Iterator[tuple[Flow, SpooledPublisher]]:
        """Open the instance as in production, with its spool and `broker`."""
        spool = Spool(self.directory / "spool", spool_bytes)
        publisher = SpooledPublisher(spool, self._meter, broker.open_producer)
        with self.opened_with(publisher) as flow:
            yield flow, publisher

    def read_all(self, *, confirm: bool) -> list[Event]:
        """Return the events of all records from the current position. Without `confirm`, the position stays unchanged."""
        with self.opened() as (flow, publisher):
            run_until_idle(flow, self.records_read)
            if confirm:
                publisher.confirm()
            return publisher.events

    def send_all(self, broker: FakeBroker, spool_bytes: int = LIMIT_BYTES) -> None:
        """Read all records from the current position until they are safe: on disk while `broker` is away."""
        with self.connected(broker, spool_bytes) as (flow, publisher):
            run_until_idle(flow, self.records_read, publisher)

    def run_with_kills(self, broker: FakeBroker, kills: KillInjector) -> None:
        """Read all records in successive runs, until a run with a reachable `broker` is not killed.

        In every second run the broker is away.
        """
        for number in count():
            broker.away = number % 2 == 1
            before = kills.count
            with kills.run():
                self.send_all(broker)
            if kills.count == before and not broker.away:
                return

    def probe(self) -> ProbeResult:
        """Test the source as `accueil connectors check` does."""
        outcomes = read_first(self._connector, self.config, self._context(lasting=False))
        return sum_up(outcomes, self._reasons_after_map)

    def start_reread(self) -> bool:
        """Reset the position as `accueil connectors reread` does; return False if the source has none to reset."""
        instance, context = Instance(INSTANCE, self._connector, self.config), self._context()
        if not find_position_files(instance, context):
            return False
        start_reread(instance, context)
        return True

    def rejected(self) -> dict[Reason, float]:
        """Return the number of rejected records by reason, including internal errors, since the harness was created."""
        labels = {"connector": self.source}
        counts = {
            reason: self.registry.get_sample_value("connector_errors_total", labels | {"reason": reason}) or 0.0
            for reason in Reason
        }
        return {reason: count for reason, count in counts.items() if count}

    def records_read(self) -> float:
        """Return the number of records read since the harness was created."""
        return self.registry.get_sample_value("connector_records_read_total", {"connector": self.source}) or 0.0

    def _context(self, *, lasting: bool = True) -> Context:
        keys = Keys(self._keys, self.directory, lasting=lasting)
        cursor = Cursor(self.directory)
        return Context(self.source, self.directory, cursor, keys.pseudonym_key, contact_reasons=self._contact_reasons)

    def _watch(self, source: Source[Any, Any]) -> None:
        position, acknowledge, map_one = source.position, source.acknowledge, source.map

        def note_position() -> Any:
            kill_point("position")
            self.positions.append(position())
            return self.positions[-1]

        def note_acknowledged(position: Any) -> None:
            kill_point("acknowledge")
            acknowledge(position)
            kill_point("acknowledged")

        def note_record(raw: Any) -> Outcome:
            if self.before_map:
                self.before_map(source, raw)
            before = time.thread_time()
            try:
                return map_one(raw)
            finally:
                self.slowest_seconds = max(self.slowest_seconds, time.thread_time() - before)

        source.position, source.acknowledge = note_position, note_acknowledged  # type: ignore[method-assign]
        source.map = note_record  # type: ignore[method-assign]


def run_until_idle(
    flow: Flow,
    records_read: Callable[[], float],
    publisher: SpooledPublisher | None = None,
    most_seconds: float = float("inf"),
) -> None:
    """Step `flow` until the source has no more records and, with a production `publisher`, all events are confirmed.

    Raises `AssertionError` if a step takes `most_seconds` of processor time.
    """
    is_idle = False
    while not is_idle or (publisher and (publisher.pending or not publisher.ready)):
        before, began_at, began = records_read(), time.monotonic(), time.thread_time()
        flow.step()
        count, took = records_read() - before, time.thread_time() - began
        assert took < most_seconds, f"{count:.0f} records took {took:.1f} s"
        is_idle = not count and time.monotonic() - began_at < STALLED_SECONDS


def comparable_form(events: Sequence[Event]) -> list[bytes]:
    """Return events, encoded, without the time of recording: they must not depend on the time of reading."""
    return [encode(event.model_copy(update={"recordedtime": None})) for event in events]
