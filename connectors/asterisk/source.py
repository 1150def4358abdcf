"""The log of one Asterisk, as a source: a tail, and what has to be remembered of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.mapping import QueueLogMapping
from connectors.asterisk.memory import Memory
from connectors.asterisk.records import LogLine
from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import CursorDamagedError
from connectors.sdk.tail import LineTail, TailPosition
from connectors.sdk.words import say
from models.reasons import Reason


class _Saved(msgspec.Struct):
    tail: TailPosition | None
    memory: Memory


_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.Decoder(_Saved).decode


class QueueLogSource(Source[LogLine, bytes]):
    """Lines of `queue_log`, across rotation and restart."""

    checkpoint_seconds = 0.25

    def __init__(self, config: AsteriskConfig, context: Context) -> None:
        self._cursor: Cursor = context.cursor
        saved = _load(self._cursor)
        self._memory = saved.memory
        self._tail = LineTail(config.path, saved.tail, config.start)
        self._mapping_with = partial(QueueLogMapping, context.source, config, context.key_of(config.sector))
        self._mapping = self._mapping_with(self._memory)

    def read(self, wait_seconds: float) -> Sequence[LogLine]:
        """Return the next lines."""
        lines = self._tail.read(wait_seconds)
        now = datetime.now(UTC)
        return [LogLine(line, now) for line in lines]

    def map(self, raw: LogLine) -> Outcome:
        """Return what a line means."""
        return self._mapping.map(raw)

    def reject(self, raw: LogLine, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a line, with what its call did before."""
        return self._mapping.reject(raw, reason, detail)

    def map_again(self, reject: Reject, read_at: datetime) -> Outcome:
        """Return what a line means that was rejected, with a memory of its own."""
        memory = msgspec.json.decode(reject.context, type=Memory)
        return self._mapping_with(memory).map(LogLine(reject.record, read_at))

    def position(self) -> bytes:
        """Return the place in the log and what is remembered there."""
        return _encode(_Saved(self._tail.position, self._memory))

    def acknowledge(self, position: bytes) -> None:
        """Keep it."""
        self._cursor.save(position)

    def close(self) -> None:
        """Close the log."""
        self._tail.close()


def _load(cursor: Cursor) -> _Saved:
    position = cursor.load()
    if position is None:
        return _Saved(None, Memory())
    try:
        return _decode(position)
    except msgspec.DecodeError as error:
        raise CursorDamagedError(
            say(
                f"the position in {cursor} is not of this version: use the version that wrote it, "
                "or remove these files to begin as on a first start",
                f"la position dans {cursor} n'est pas de cette version : prendre la version qui l'a écrite, "
                "ou supprimer ces fichiers pour repartir comme la première fois",
            )
        ) from error
