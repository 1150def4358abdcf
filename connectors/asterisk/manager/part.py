"""The manager interface as a part of a source.

It tells what happens once, to who is there: so what it tells is kept on disk until it is confirmed, and read from there.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.asterisk.config import AsteriskConfig, Manager
from connectors.asterisk.manager.kept import ENTRY, MEMBER, Told, cut, keep
from connectors.asterisk.manager.mapping import ManagerMapping, ManagerRecord
from connectors.asterisk.manager.session import Session
from connectors.asterisk.manager.watch import Watch
from connectors.asterisk.manager.wire import CONNECTED, LISTED, Message
from connectors.asterisk.names import Names
from connectors.sdk.contract import Context, Outcome, Reject
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.pull import Backoff
from connectors.sdk.spool import Mark, Spool
from models.reasons import Reason

JOURNAL_BYTES: Final = 64 << 20
SEGMENT_BYTES: Final = 256 << 10
READ_AT_ONCE: Final = 1_000
STEADY_SECONDS: Final = 10.0
"""A connection that lasted so long is no failure when it ends."""
_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.Decoder(Told).decode


class ManagerState(msgspec.Struct):
    """What is saved: the number of the last message that was mapped, and what is remembered then."""

    number: int = 0
    watch: Watch = msgspec.field(default_factory=Watch)


class ManagerPart:
    """Messages of one manager interface, across lost connections and restarts."""

    def __init__(self, config: AsteriskConfig, manager: Manager, context: Context, state: ManagerState) -> None:
        self.state = state
        self.mark: Mark | None = None
        """After what in the journal it is."""
        self._last = state.number
        self._unread = True
        self._journal = Spool(context.directory / "ami", JOURNAL_BYTES, SEGMENT_BYTES)
        self._line = Line(manager, Names(config, context.key_of(config.sector)))
        self._config, self._context = config, context
        self._beside_log = config.path is not None or manager.log_elsewhere
        self._mapping = self._map_with(state.watch)

    def read(self, wait_seconds: float) -> Sequence[ManagerRecord]:
        """Return what was told, in order; nothing after `wait_seconds` without any. Raises `SourceUnavailableError`."""
        if records := self._read_journal():
            return records
        told = self._line.receive(wait_seconds)
        if not told:
            return ()
        for number, one in enumerate(told, self._last + 1):
            one.number = number
        self._journal.append([_encode(one) for one in told])
        self._unread = True
        return self._read_journal()

    def map(self, raw: ManagerRecord) -> Outcome:
        """Return what a message means."""
        self.state.number = raw.number
        return self._mapping.map(raw)

    def reject(self, raw: ManagerRecord, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a message."""
        return self._mapping.reject(raw, reason, detail)

    def map_again(self, content: bytes, watch: Watch, read_at: datetime) -> Outcome:
        """Return what a message means that was rejected, with a memory of its own."""
        return self._map_with(watch).map(ManagerRecord(content, read_at))

    def close(self) -> None:
        """Let go of connection and journal."""
        self._line.close()
        self._journal.close()

    def drop(self, mark: Mark) -> None:
        """Forget what is safe."""
        self._journal.drop(mark)

    def _map_with(self, watch: Watch) -> ManagerMapping:
        key = self._context.key_of(self._config.sector)
        return ManagerMapping(self._context.source, self._config, key, watch, beside_log=self._beside_log)

    def _read_journal(self) -> list[ManagerRecord]:
        while self._unread:
            contents, mark = self._journal.read(READ_AT_ONCE)
            self._unread = bool(contents)
            records = []
            for content in contents:
                told = _decode(content)
                self._last = max(self._last, told.number)
                if told.number > self.state.number:  # else it was confirmed before the last restart
                    records.append(ManagerRecord(content, datetime.fromtimestamp(told.received_at, UTC), told.number))
            if contents:
                self.mark = mark
            if records:
                return records
        return []


class Line:
    """A connection that is made anew when it is lost, later and later if that fails."""

    def __init__(self, manager: Manager, names: Names) -> None:
        self._manager = manager
        self._names = names
        self._session: Session | None = None
        self._backoff = Backoff()
        self._began_at = 0.0

    def receive(self, wait_seconds: float) -> list[Told]:
        """Return what is so, if the connection is new, and what happened. Raises `SourceUnavailableError`."""
        if self._session is None and self._backoff.resting:
            raise SourceUnavailableError(self._backoff.trouble)
        told: list[Told] = []
        try:
            if self._session is None:
                self._session = Session(self._manager)
                self._began_at = time.monotonic()
                told += self._beginning(self._session)
                wait_seconds = 0.0
            messages = self._session.receive(wait_seconds)
        except SourceUnavailableError as error:
            self.close()
            self._backoff.fail(str(error))
            if not told:
                raise
            messages = []
        else:
            if time.monotonic() - self._began_at > STEADY_SECONDS:
                self._backoff.succeed()
        return told + self._kept(messages)

    def close(self) -> None:
        """Leave."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _beginning(self, session: Session) -> list[Told]:
        """Return that a connection began, what happened until the queues were listed, and that list."""
        listed = list_queues(session)
        connected = Told(0, listed.received_at, listed.message | {"Event": CONNECTED})
        return [connected, *self._kept(session.before), listed]

    def _kept(self, messages: Sequence[Message]) -> list[Told]:
        now = time.time()
        return [Told(0, now, kept) for message in messages if (kept := keep(message, self._names)) is not None]


def list_queues(session: Session) -> Told:
    """Return how things are in the queues."""
    members = [cut(row, MEMBER) for row in session.members]
    entries = [cut(row, ENTRY) for row in session.entries]
    return Told(0, time.time(), {"Event": LISTED, "Timestamp": f"{session.now:.6f}"}, members, entries)
