"""What a system tells once, when the disk is full."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from connectors.sdk.errors import SourceUnavailableError, SpoolFullError
from connectors.sdk.journaled_stream import JournaledStream, ReconnectingConnection, StreamRecord
from connectors.sdk.spool import Spool


class Said(StreamRecord, array_like=True):
    word: str


class Talking:
    """One connection, that tells `words` one at a time."""

    def __init__(self, words: list[str]) -> None:
        self.initial_records: Sequence[Said] = [Said(0, 1.0, "here")]
        self._words = words

    def receive(self, wait_seconds: float) -> Sequence[Said]:
        return [Said(0, 2.0, self._words.pop(0))] if self._words else []

    def close(self) -> None:
        self._words.append("over")


def test_what_the_disk_has_no_room_for_is_held_until_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["one", "two"]
    with closing(JournaledStream(tmp_path, Said, ReconnectingConnection(lambda: Talking(words)), 0)) as feed:
        with monkeypatch.context() as patched:

            def refuse(*_: object) -> None:
                raise SpoolFullError("the disk is full")

            patched.setattr(Spool, "append", refuse)
            for _ in range(3):
                with pytest.raises(SourceUnavailableError, match="the disk is full"):
                    feed.read(0.0)
        assert words == ["two"], "more was heard than can be kept"
        heard = [*feed.read(0.0), *feed.read(0.0)]
        assert [one.number for one in heard] == [1, 2, 3]
        assert [word in one.content for word, one in zip((b"here", b"one", b"two"), heard, strict=True)] == [True] * 3
        assert words == []
