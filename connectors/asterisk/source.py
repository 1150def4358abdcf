"""One Asterisk as a source: its log, its manager interface, or both, and what has to be remembered of each."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from connectors.asterisk.call_history import CallHistory
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.interface_comparison import InterfaceComparison
from connectors.asterisk.manager.manager_input import ManagerCheckpoint, ManagerInput
from connectors.asterisk.manager.mapping import Context as ManagerContext
from connectors.asterisk.mapping import QueueLogMapping
from connectors.asterisk.queue_log import LogLine
from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.journaled_stream import JournalEntry
from connectors.sdk.reconcile import ReconcileChanges, ReconcileStats
from connectors.sdk.spool import SpoolPosition
from connectors.sdk.tail import LineTail, TailPosition
from models.reasons import Reason

LOOK_SECONDS: Final = 0.05
"""While nobody tells anything, the log is looked at this often."""


class _Saved(msgspec.Struct):
    tail: TailPosition | None
    memory: CallHistory
    manager: ManagerCheckpoint = msgspec.field(default_factory=ManagerCheckpoint)


class Position(NamedTuple):
    """Where the source is."""

    saved: bytes
    """What the cursor keeps."""
    journal_position: SpoolPosition | None
    """Up to where the journal of the manager interface is no longer needed."""
    changes: ReconcileChanges | None
    """What was learned by comparing the two."""


class LogPart:
    """Lines of `queue_log`, across rotation and restart."""

    def __init__(self, path: Path, config: AsteriskConfig, context: Context, saved: _Saved) -> None:
        self.memory = saved.memory
        self.tail = LineTail(path, saved.tail, config.start)
        self.is_behind = True
        """Whether its end was not reached yet since the start; one that cannot be opened has none."""
        self._begun = False
        self._mapping_with = partial(QueueLogMapping, context.source, config, context.pseudonym_key(config.sector))
        self._mapping = self._mapping_with(self.memory)

    def read(self, wait_seconds: float) -> Sequence[LogLine]:
        """Return the next lines. Raises `SourceUnavailableError`."""
        try:
            lines = self.tail.read(wait_seconds)
        except SourceUnavailableError:
            self.is_behind = self.is_behind and self._begun
            raise
        self._begun = True
        self.is_behind = self.is_behind and bool(lines)
        now = datetime.now(UTC)
        return [LogLine(line, now) for line in lines]

    def map(self, raw: LogLine) -> Outcome:
        """Return what a line means."""
        return self._mapping.map(raw)

    def reject(self, raw: LogLine, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a line, with what its call did before."""
        return self._mapping.reject(raw, reason, detail)

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:
        """Return what a line means that was rejected, with a memory of its own."""
        memory = msgspec.json.decode(reject.context, type=CallHistory)
        return self._mapping_with(memory, again=True).map(LogLine(reject.record, read_at))

    def close(self) -> None:
        """Close the log."""
        self.tail.close()


class AsteriskSource(Source[LogLine | JournalEntry, Position]):
    """What one Asterisk tells. If one of its two parts is away, the other goes on.

    After a start, the log is read to its end before anybody listens: what happens now is not to be told before what was.
    """

    checkpoint_seconds = 1.0  # what is remembered of calls is in the position: much, while an old log is read

    def __init__(self, config: AsteriskConfig, context: Context) -> None:
        self._cursor = context.cursor
        self._saved = saved = self._cursor.load_as(_Saved) or _Saved(None, CallHistory())
        self._log = LogPart(config.path, config, context, saved) if config.path else None
        self._manager = ManagerInput(config, config.ami, context, saved.manager) if config.ami else None
        self._comparison = InterfaceComparison(context.directory) if self._log and self._manager else None
        self._trouble = ""
        self._parts: list[LogPart | ManagerInput] = [part for part in (self._log, self._manager) if part is not None]

    @property
    def reconcile_stats(self) -> ReconcileStats | None:
        """How well the manager interface tells what the log has."""
        return self._comparison.reconcile_stats if self._comparison else None

    @property
    def trouble(self) -> str:
        """Why one of the two is not read now."""
        return self._trouble

    def read(self, wait_seconds: float) -> Sequence[LogLine | JournalEntry]:
        """Return what is new of both."""
        found: list[LogLine | JournalEntry] = []
        there: list[LogPart | ManagerInput] = []
        troubles: list[SourceUnavailableError] = []
        for part in self._parts:
            if part is self._manager and self._is_behind:
                break
            idle = part is self._parts[-1] and not found
            longest = wait_seconds if len(self._parts) == 1 else min(wait_seconds, LOOK_SECONDS)
            try:
                found += part.read(longest if idle else 0.0)
                there.append(part)
            except SourceUnavailableError as error:
                troubles.append(error)
        self._trouble = "; ".join(map(str, troubles))
        if not there:
            raise troubles[0] if len(troubles) == 1 else SourceUnavailableError(self._trouble)
        return there[0].read(wait_seconds) if troubles and not found else found

    def map(self, raw: LogLine | JournalEntry) -> Outcome:
        """Return what a line or a message means."""
        if isinstance(raw, LogLine):
            assert self._log is not None
            outcome = self._log.map(raw)
            if self._comparison is not None and self._manager is not None:
                # What happened before it listens it need not tell.
                self._comparison.read(outcome, 0 if self._is_behind else self._manager.state.watch.since)
            return outcome
        assert self._manager is not None
        outcome = self._manager.map(raw)
        if self._comparison is not None:
            self._comparison.add_manager_outcome(outcome)
        return outcome

    def reject(self, raw: LogLine | JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a line or a message."""
        if isinstance(raw, LogLine):
            assert self._log is not None
            return self._log.reject(raw, reason, detail)
        assert self._manager is not None
        return self._manager.reject(raw, reason, detail)

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:
        """Return what a line or a message means that was rejected; the rejection itself if that part is no longer configured."""
        if reject.context.startswith(b'{"manager"'):
            watch = msgspec.json.decode(reject.context, type=ManagerContext).manager
            return self._manager.map_rejected(reject.record, watch, read_at) if self._manager else reject
        return self._log.map_rejected(reject, read_at) if self._log else reject

    def position(self) -> Position:
        """Return the place in the log, the number of the last message, and what is remembered there."""
        if self._log is not None:
            self._saved.tail = self._log.tail.position
        return Position(
            msgspec.json.encode(self._saved),
            self._manager.journal_position if self._manager else None,
            self._comparison.take_changes() if self._comparison else None,
        )

    def acknowledge(self, position: Position) -> None:
        """Keep it."""
        self._cursor.save(position.saved)
        if self._comparison is not None and position.changes is not None:
            self._comparison.keep(position.changes)
        if self._manager is not None and position.journal_position is not None:
            self._manager.drop(position.journal_position)

    def close(self) -> None:
        """Let go of both."""
        for part in self._parts:
            part.close()
        if self._comparison is not None:
            self._comparison.close()

    @property
    def _is_behind(self) -> bool:
        return self._log is not None and self._log.is_behind
