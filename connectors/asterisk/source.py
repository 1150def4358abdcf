"""Asterisk as a source: reads its log, its manager interface, or both."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.asterisk.call_history import CallHistory
from connectors.asterisk.config import AsteriskConfig, Manager
from connectors.asterisk.manager.call_tracker import CallTracker
from connectors.asterisk.manager.manager_session import ManagerSession
from connectors.asterisk.manager.mapping import Context as ManagerContext
from connectors.asterisk.manager.mapping import ManagerMapping
from connectors.asterisk.manager.message_filter import ManagerRecord
from connectors.asterisk.mapping import QueueLogMapping
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.queue_log import LogLine
from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.journaled_stream import Checkpoint, JournaledStream, JournalEntry, StreamPosition
from connectors.sdk.tail import LineTail, TailPosition
from models.reasons import Reason

LOOK_SECONDS: Final = 0.05
"""Longest wait for records of one interface before the other is read again, in seconds."""
ManagerInput = JournaledStream[ManagerRecord, CallTracker]


class _Saved(msgspec.Struct):
    tail: TailPosition | None
    memory: CallHistory
    manager: Checkpoint[CallTracker] = msgspec.field(default_factory=lambda: Checkpoint(0, CallTracker()))


class LogInput:
    """Lines of `queue_log`, across rotation and restart."""

    def __init__(self, path: Path, config: AsteriskConfig, context: Context, saved: _Saved) -> None:
        self.tail = LineTail(path, saved.tail, config.start)
        self.is_behind = True
        """True until a read first returns no lines. If the very first read fails, False: a missing log delays nothing."""
        self._was_read = False
        self._mapping_with = partial(QueueLogMapping, context.source, config, context.pseudonym_key(config.sector))
        mapping = self._mapping_with(saved.memory)
        self.map, self.reject, self.close = mapping.map, mapping.reject, self.tail.close

    def read(self, wait_seconds: float) -> Sequence[LogLine]:
        """Return the next lines; none after `wait_seconds` without any. Raises `SourceUnavailableError`.

        Clears `is_behind` at the end of the log, or if the first read fails: a missing log must not delay the manager interface.
        """
        try:
            lines = self.tail.read(wait_seconds)
        except SourceUnavailableError:
            self.is_behind = self.is_behind and self._was_read
            raise
        self._was_read = True
        self.is_behind = self.is_behind and bool(lines)
        now = datetime.now(UTC)
        return [LogLine(line, now) for line in lines]

    def map_again(self, reject: Reject, read_at: datetime) -> Outcome:
        """Return the events of a rejected line, mapped with the memory saved in its rejection. Raises `UnusableRecord`."""
        memory = msgspec.json.decode(reject.context, type=CallHistory)
        return self._mapping_with(memory, again=True).map(LogLine(reject.record, read_at))


class AsteriskSource(Source[LogLine | JournalEntry, StreamPosition]):
    """Source for one Asterisk. If one of its two interfaces is unavailable, the other is still read.

    After a start, the log is read to its end before the manager interface is connected, unless the first read of the log
    fails. Otherwise new events would make the older ones appear late.
    """

    checkpoint_seconds = 1.0  # the position contains the memory of calls, which is large while an old log is read

    def __init__(self, config: AsteriskConfig, context: Context) -> None:
        self._cursor = context.cursor
        self._saved = saved = self._cursor.load_as(_Saved) or _Saved(None, CallHistory())
        self._log = LogInput(config.path, config, context, saved) if config.path else None
        self._manager = _open_manager(config, config.ami, context, saved.manager) if config.ami else None
        self._trouble = ""
        self._inputs: list[LogInput | ManagerInput] = [part for part in (self._log, self._manager) if part is not None]

    @property
    def trouble(self) -> str:
        """Reasons why interfaces could not be read in the last call of `read`, joined by `; `; empty if there are none."""
        return self._trouble

    @property
    def unread_bytes(self) -> int:
        """Size of the rest of the log; 0 without a log."""
        return self._log.tail.unread_bytes if self._log else 0

    def read(self, wait_seconds: float) -> Sequence[LogLine | JournalEntry]:
        """Return new log lines, then new messages. Raises `SourceUnavailableError` if no interface tried can be read."""
        found: list[LogLine | JournalEntry] = []
        readable: list[LogInput | ManagerInput] = []
        troubles: list[SourceUnavailableError] = []
        for part in self._inputs:
            if part is self._manager and self._log is not None and self._log.is_behind:
                break
            idle = part is self._inputs[-1] and not found
            longest = wait_seconds if len(self._inputs) == 1 else min(wait_seconds, LOOK_SECONDS)
            try:
                found += part.read(longest if idle else 0.0)
                readable.append(part)
            except SourceUnavailableError as error:
                troubles.append(error)
        self._trouble = "; ".join(map(str, troubles))
        if not readable:
            raise troubles[0] if len(troubles) == 1 else SourceUnavailableError(self._trouble)
        return readable[0].read(wait_seconds) if troubles and not found else found

    def map(self, raw: LogLine | JournalEntry) -> Outcome:
        """Return the events of a line or a message, and update the memory of its interface. Raises `UnusableRecord`."""
        outcome: Outcome = self._input_of(raw).map(raw)
        return outcome

    def reject(self, raw: LogLine | JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the line or message mapped last, with the memory needed to map it again."""
        rejected: Reject = self._input_of(raw).reject(raw, reason, detail)
        return rejected

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:
        """Return the events of a rejected record; the rejection itself if its interface is no longer configured.

        Raises `UnusableRecord`.
        """
        if reject.context.startswith(b'{"manager"'):
            tracker = msgspec.json.decode(reject.context, type=ManagerContext).manager
            return self._manager.map_again(reject.record, tracker, read_at) if self._manager else reject
        return self._log.map_again(reject, read_at) if self._log else reject

    def position(self) -> StreamPosition:
        """Return the position after the last record read: in the log and in the journal of messages, with both memories."""
        if self._log is not None:
            self._saved.tail = self._log.tail.position
        return StreamPosition(
            msgspec.json.encode(self._saved), self._manager.journal_position if self._manager else None
        )

    def acknowledge(self, position: StreamPosition) -> None:
        """Save the position, and delete the messages before it from the journal."""
        self._cursor.save(position.saved)
        if self._manager is not None and position.journal_position is not None:
            self._manager.drop(position.journal_position)

    def close(self) -> None:
        """Close both interfaces."""
        for part in self._inputs:
            part.close()

    def _input_of(self, raw: LogLine | JournalEntry) -> Any:
        return self._log if isinstance(raw, LogLine) else self._manager


def _open_manager(
    config: AsteriskConfig, manager: Manager, context: Context, state: Checkpoint[CallTracker]
) -> ManagerInput:
    key = context.pseudonym_key(config.sector)
    return JournaledStream(
        context.directory / "ami",
        ManagerRecord,
        partial(ManagerSession, manager, NameResolver(config, key)),
        state,
        partial(ManagerMapping, context.source, config, key),
    )
