"""Manager interface as an input of the source.

The interface does not repeat events, so messages are stored on disk and read from there until they are confirmed.
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
    """Saved state: the number of the last mapped message, and the memory at this point."""

    number: int = 0
    tracker: CallTracker = msgspec.field(name="watch", default_factory=CallTracker)
    """Memory of earlier messages. Saved as `watch`."""


class ManagerInput:
    """Messages of one manager interface, across lost connections and restarts."""

    def __init__(self, config: AsteriskConfig, manager: Manager, context: Context, state: ManagerCheckpoint) -> None:
        self.state = state
        names = NameResolver(config, context.pseudonym_key(config.sector))
        connection = ReconnectingConnection(lambda: ManagerConnection(manager, names))
        self._stream = JournaledStream(context.directory / "ami", ManagerRecord, connection, state.number)
        self._config, self._context = config, context
        self._with_log = config.path is not None or manager.log_elsewhere
        self._mapping = self._map_with(state.tracker)

    @property
    def journal_position(self) -> SpoolPosition | None:
        """Position in the journal after the last message read."""
        return self._stream.journal_position

    def read(self, wait_seconds: float) -> Sequence[JournalEntry]:
        """Return the next messages in order; none after `wait_seconds` without any. Raises `SourceUnavailableError`."""
        return self._stream.read(wait_seconds)

    def map(self, raw: JournalEntry) -> Outcome:
        """Return the events of a message or its rejection, and store its number in the state."""
        self.state.number = raw.number
        return self._mapping.map(raw)

    def reject(self, raw: JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the message mapped last."""
        return self._mapping.reject(raw, reason, detail)

    def map_rejected(self, content: bytes, tracker: CallTracker, read_at: datetime) -> Outcome:
        """Return the outcome of a rejected message, mapped again with the memory saved in its rejection."""
        return self._map_with(tracker).map(JournalEntry(content, read_at))

    def close(self) -> None:
        """Close the connection and the journal."""
        self._stream.close()

    def drop(self, journal_position: SpoolPosition) -> None:
        """Delete the journal up to `journal_position`."""
        self._stream.drop(journal_position)

    def _map_with(self, tracker: CallTracker) -> ManagerMapping:
        key = self._context.pseudonym_key(self._config.sector)
        return ManagerMapping(self._context.source, self._config, key, tracker, with_log=self._with_log)


class ManagerConnection:
    """One connection whose messages are reduced to the retained fields."""

    def __init__(self, manager: Manager, names: NameResolver) -> None:
        self._names = names
        self._session = ManagerSession(manager)
        status = list_queues(self._session)
        connected = ManagerRecord(0, status.received_at, status.message | {"Event": CONNECTED})
        self.initial_records = [connected, *self._filtered(self._session.before), status]

    def receive(self, wait_seconds: float) -> list[ManagerRecord]:
        """Return new messages. Raises `SourceUnavailableError`."""
        return self._filtered(self._session.receive(wait_seconds))

    def close(self) -> None:
        """Log off and close the connection."""
        self._session.close()

    def _filtered(self, messages: Sequence[Message]) -> list[ManagerRecord]:
        now = time.time()
        return [
            ManagerRecord(0, now, filtered)
            for message in messages
            if (filtered := filter_message(message, self._names)) is not None
        ]


def list_queues(session: ManagerSession) -> ManagerRecord:
    """Return the queue status from the start of the session, as one record."""
    members = [select_fields(row, MEMBER) for row in session.members]
    entries = [select_fields(row, ENTRY) for row in session.entries]
    return ManagerRecord(0, time.time(), {"Event": LISTED, "Timestamp": f"{session.now:.6f}"}, members, entries)
