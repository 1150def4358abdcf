"""Detection of records that end the process."""

from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from connectors.sdk import attempts
from connectors.sdk.attempts import MOST_ATTEMPTS, Attempts, content_of
from connectors.sdk.testing.kill_injector import Killed


def kill() -> NoReturn:
    raise Killed


def end_at(directory: Path, record: bytes) -> None:
    """Simulate an end of the process during the mapping of `record`."""
    with closing(Attempts(directory)) as notes, suppress(Killed):
        notes.attempt(record, kill, lambda: None)


def is_rejected(directory: Path, record: bytes) -> bool:
    with closing(Attempts(directory)) as notes:
        return notes.attempt(record, lambda: False, lambda: True)


def test_record_is_rejected_after_several_ends(tmp_path: Path) -> None:
    for _ in range(MOST_ATTEMPTS):
        assert not is_rejected(tmp_path, b"one")
        end_at(tmp_path, b"one")
    assert is_rejected(tmp_path, b"one")
    assert not is_rejected(tmp_path, b"another")


def test_ends_at_different_records_reject_none(tmp_path: Path) -> None:
    records = [b"%d" % number for number in range(5 * MOST_ATTEMPTS)]
    for record in records:
        end_at(tmp_path, record)
    assert not any(is_rejected(tmp_path, record) for record in records)


def test_exception_does_not_count_as_an_end(tmp_path: Path) -> None:
    def fail() -> NoReturn:
        raise MemoryError

    for _ in range(MOST_ATTEMPTS + 1):
        with closing(Attempts(tmp_path)) as notes:
            with suppress(MemoryError), notes.batch():
                notes.attempt(b"one", fail, lambda: None)
            with suppress(MemoryError):
                notes.attempt(b"one", fail, lambda: None)
    assert not is_rejected(tmp_path, b"one")


def test_each_record_is_noted_after_an_end_within_a_batch(tmp_path: Path) -> None:
    with closing(Attempts(tmp_path)) as notes:
        assert not notes.is_careful
        with suppress(Killed), notes.batch():
            kill()
    with closing(Attempts(tmp_path)) as notes:
        assert notes.is_careful


def test_counts_are_deleted_after_steady_operation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(MOST_ATTEMPTS):
        end_at(tmp_path, b"one")
    monkeypatch.setattr(attempts, "STEADY_SECONDS", 0.0)
    with closing(Attempts(tmp_path)) as notes:
        with notes.batch():
            pass
        assert not notes.is_careful
    assert not is_rejected(tmp_path, b"one")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"a": "b"}', b'{"a": null}'])
def test_unreadable_counts_are_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "unfinished.json").write_bytes(content)
    assert not is_rejected(tmp_path, b"one")


def test_content_of_a_record_does_not_depend_on_the_time_of_reading() -> None:
    assert content_of(b"one") == content_of((b"one", datetime.now(UTC))) == content_of(("name", b"one"))
    assert content_of("\ud800") == content_of("\ud800")
