"""Stream whose journal is on a full disk."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from connectors.sdk.errors import SourceUnavailableError, SpoolFullError
from connectors.sdk.journaled_stream import Checkpoint, JournaledStream, StreamRecord
from connectors.sdk.spool import Spool


class FakeConnection:
    """A connection that sends `words` one at a time."""

    def __init__(self, words: list[str]) -> None:
        self.initial_records: Sequence[StreamRecord] = [StreamRecord(0, 1.0, {"word": "here"})]
        self._words = words

    def receive(self, wait_seconds: float) -> Sequence[StreamRecord]:
        return [StreamRecord(0, 2.0, {"word": self._words.pop(0)})] if self._words else []

    def close(self) -> None:
        self._words.append("over")


def test_records_are_held_in_memory_while_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["one", "two"]
    stream: JournaledStream[StreamRecord, Any] = JournaledStream(
        tmp_path, StreamRecord, lambda: FakeConnection(words), Checkpoint(0, None), lambda _: Mock()
    )
    with closing(stream):
        with monkeypatch.context() as patched:

            def refuse(*_: object) -> None:
                raise SpoolFullError("the disk is full")

            patched.setattr(Spool, "append", refuse)
            for _ in range(3):
                with pytest.raises(SourceUnavailableError, match="the disk is full"):
                    stream.read(0.0)
        assert words == ["two"], "the stream read more than it can hold"
        entries = [*stream.read(0.0), *stream.read(0.0)]
        assert [entry.number for entry in entries] == [1, 2, 3]
        assert all(word in entry.content for word, entry in zip((b"here", b"one", b"two"), entries, strict=True))
        assert words == []
