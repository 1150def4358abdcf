"""The manager interface as a part of a source.

It tells what happens once, to who is there: so what it tells is kept on disk until it is confirmed, and read from there.
"""

import time
from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.asterisk.config import AsteriskConfig, Manager
from connectors.asterisk.manager.kept import ENTRY, MEMBER, Told, cut, keep
from connectors.asterisk.manager.mapping import ManagerMapping
from connectors.asterisk.manager.session import Session
from connectors.asterisk.manager.watch import Watch
from connectors.asterisk.manager.wire import CONNECTED, LISTED, Message
from connectors.asterisk.names import Names
from connectors.sdk.contract import Context, Outcome, Reject
from connectors.sdk.live import Feed, Heard, Line
from connectors.sdk.spool import Mark
from models.reasons import Reason


class ManagerState(msgspec.Struct):
    """What is saved: the number of the last message that was mapped, and what is remembered then."""

    number: int = 0
    watch: Watch = msgspec.field(default_factory=Watch)


class ManagerPart:
    """Messages of one manager interface, across lost connections and restarts."""

    def __init__(self, config: AsteriskConfig, manager: Manager, context: Context, state: ManagerState) -> None:
        self.state = state
        names = Names(config, context.key_of(config.sector))
        line = Line(lambda: Listening(manager, names))
        self._feed = Feed(context.directory / "ami", Told, line, state.number)
        self._config, self._context = config, context
        self._beside_log = config.path is not None or manager.log_elsewhere
        self._mapping = self._map_with(state.watch)

    @property
    def mark(self) -> Mark | None:
        """After what in the journal it is."""
        return self._feed.mark

    def read(self, wait_seconds: float) -> Sequence[Heard]:
        """Return what was told, in order; nothing after `wait_seconds` without any. Raises `SourceUnavailableError`."""
        return self._feed.read(wait_seconds)

    def map(self, raw: Heard) -> Outcome:
        """Return what a message means."""
        self.state.number = raw.number
        return self._mapping.map(raw)

    def reject(self, raw: Heard, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a message."""
        return self._mapping.reject(raw, reason, detail)

    def map_again(self, content: bytes, watch: Watch, read_at: datetime) -> Outcome:
        """Return what a message means that was rejected, with a memory of its own."""
        return self._map_with(watch).map(Heard(content, read_at))

    def close(self) -> None:
        """Let go of connection and journal."""
        self._feed.close()

    def drop(self, mark: Mark) -> None:
        """Forget what is safe."""
        self._feed.drop(mark)

    def _map_with(self, watch: Watch) -> ManagerMapping:
        key = self._context.key_of(self._config.sector)
        return ManagerMapping(self._context.source, self._config, key, watch, beside_log=self._beside_log)


class Listening:
    """One connection, and what is kept of what it tells."""

    def __init__(self, manager: Manager, names: Names) -> None:
        self._names = names
        self._session = Session(manager)
        listed = list_queues(self._session)
        connected = Told(0, listed.received_at, listed.message | {"Event": CONNECTED})
        self.beginning = [connected, *self._kept(self._session.before), listed]

    def receive(self, wait_seconds: float) -> list[Told]:
        """Return what happened. Raises `SourceUnavailableError`."""
        return self._kept(self._session.receive(wait_seconds))

    def close(self) -> None:
        """Leave."""
        self._session.close()

    def _kept(self, messages: Sequence[Message]) -> list[Told]:
        now = time.time()
        return [Told(0, now, kept) for message in messages if (kept := keep(message, self._names)) is not None]


def list_queues(session: Session) -> Told:
    """Return how things are in the queues."""
    members = [cut(row, MEMBER) for row in session.members]
    entries = [cut(row, ENTRY) for row in session.entries]
    return Told(0, time.time(), {"Event": LISTED, "Timestamp": f"{session.now:.6f}"}, members, entries)
