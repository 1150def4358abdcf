"""The manager interface as a part of a source.

It tells what happens once, to who is there: so what it tells is kept on disk until it is confirmed, and read from there.
"""

import time
from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.asterisk.config import AsteriskConfig, Manager
from connectors.asterisk.manager.ami_protocol import CONNECTED, LISTED, Message
from connectors.asterisk.manager.call_tracker import CallTracker
from connectors.asterisk.manager.manager_session import ManagerSession
from connectors.asterisk.manager.mapping import ManagerMapping
from connectors.asterisk.manager.message_filter import ENTRY, MEMBER, ManagerRecord, filter_message, select_fields
from connectors.asterisk.name_resolver import NameResolver
from connectors.sdk.contract import Context, Outcome, Reject
from connectors.sdk.journaled_stream import JournaledStream, JournalEntry, ReconnectingConnection
from connectors.sdk.spool import SpoolPosition
from models.reasons import Reason


class ManagerCheckpoint(msgspec.Struct):
    """What is saved: the number of the last message that was mapped, and what is remembered then."""

    number: int = 0
    watch: CallTracker = msgspec.field(default_factory=CallTracker)


class ManagerInput:
    """Messages of one manager interface, across lost connections and restarts."""

    def __init__(self, config: AsteriskConfig, manager: Manager, context: Context, state: ManagerCheckpoint) -> None:
        self.state = state
        names = NameResolver(config, context.pseudonym_key(config.sector))
        line = ReconnectingConnection(lambda: ManagerConnection(manager, names))
        self._feed = JournaledStream(context.directory / "ami", ManagerRecord, line, state.number)
        self._config, self._context = config, context
        self._beside_log = config.path is not None or manager.log_elsewhere
        self._mapping = self._map_with(state.watch)

    @property
    def journal_position(self) -> SpoolPosition | None:
        """After what in the journal it is."""
        return self._feed.journal_position

    def read(self, wait_seconds: float) -> Sequence[JournalEntry]:
        """Return what was told, in order; nothing after `wait_seconds` without any. Raises `SourceUnavailableError`."""
        return self._feed.read(wait_seconds)

    def map(self, raw: JournalEntry) -> Outcome:
        """Return what a message means."""
        self.state.number = raw.number
        return self._mapping.map(raw)

    def reject(self, raw: JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a message."""
        return self._mapping.reject(raw, reason, detail)

    def map_rejected(self, content: bytes, watch: CallTracker, read_at: datetime) -> Outcome:
        """Return what a message means that was rejected, with a memory of its own."""
        return self._map_with(watch).map(JournalEntry(content, read_at))

    def close(self) -> None:
        """Let go of connection and journal."""
        self._feed.close()

    def drop(self, journal_position: SpoolPosition) -> None:
        """Forget what is safe."""
        self._feed.drop(journal_position)

    def _map_with(self, watch: CallTracker) -> ManagerMapping:
        key = self._context.pseudonym_key(self._config.sector)
        return ManagerMapping(self._context.source, self._config, key, watch, beside_log=self._beside_log)


class ManagerConnection:
    """One connection, and what is kept of what it tells."""

    def __init__(self, manager: Manager, names: NameResolver) -> None:
        self._names = names
        self._session = ManagerSession(manager)
        listed = list_queues(self._session)
        connected = ManagerRecord(0, listed.received_at, listed.message | {"Event": CONNECTED})
        self.initial_records = [connected, *self._kept(self._session.before), listed]

    def receive(self, wait_seconds: float) -> list[ManagerRecord]:
        """Return what happened. Raises `SourceUnavailableError`."""
        return self._kept(self._session.receive(wait_seconds))

    def close(self) -> None:
        """Leave."""
        self._session.close()

    def _kept(self, messages: Sequence[Message]) -> list[ManagerRecord]:
        now = time.time()
        return [
            ManagerRecord(0, now, kept)
            for message in messages
            if (kept := filter_message(message, self._names)) is not None
        ]


def list_queues(session: ManagerSession) -> ManagerRecord:
    """Return how things are in the queues."""
    members = [select_fields(row, MEMBER) for row in session.members]
    entries = [select_fields(row, ENTRY) for row in session.entries]
    return ManagerRecord(0, time.time(), {"Event": LISTED, "Timestamp": f"{session.now:.6f}"}, members, entries)
