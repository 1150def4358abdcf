import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest
import structlog

from connectors.sdk import tail
from connectors.sdk.errors import SourceMisconfiguredError, SourceUnavailableError
from connectors.sdk.tail import CHUNK_BYTES, MAX_LINE_BYTES, LineTail, TailPosition


class Reader:
    """A tail that can be reopened at its position; with `restless`, after every read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.restless = False
        self.position: TailPosition | None = None
        self.tail = LineTail(path, None, "beginning")

    def read(self) -> list[bytes]:
        lines: list[bytes] = []
        quiet = 0
        while quiet < 3:  # a rewritten file is detected in one call and followed in the next
            new = self.tail.read(0)
            self.position = self.tail.position
            if self.restless:
                self.restart()
            lines += new
            quiet = 0 if new else quiet + 1
        return lines

    def restart(self) -> None:
        self.tail.close()
        self.tail = LineTail(self.path, self.position, "beginning")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "queue_log"


@pytest.fixture
def reader(log: Path) -> Iterator[Reader]:
    reader = Reader(log)
    yield reader
    reader.tail.close()


def write(path: Path, *lines: str, mode: str = "a") -> None:
    with path.open(mode) as file:
        file.writelines(f"{line}\n" for line in lines)


def later(path: Path, seconds: float) -> None:
    """Set a later modification time: real rotations are hours apart, but file system clocks are coarse."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + int(seconds * 1e9)))


def test_missing_file_is_awaited(reader: Reader, log: Path) -> None:
    with pytest.raises(SourceMisconfiguredError, match="queue_log is not there"):
        reader.read()
    write(log, "one")
    assert reader.read() == [b"one"]


@pytest.mark.parametrize("names", [("2", "1"), ("20260301", "20260302"), ("0", "1")])
@pytest.mark.parametrize("restless", [False, True])
def test_first_start_reads_rotated_files_in_order(
    reader: Reader, log: Path, names: tuple[str, str], *, restless: bool
) -> None:
    reader.restless = restless
    for place, path in enumerate([*(log.with_name(f"{log.name}.{name}") for name in names), log]):
        write(path, f"{place} one", f"{place} two")
        later(path, (place - 3) * 3600)
    (log.with_name(f"{log.name}.9")).touch()
    assert reader.read() == [f"{place} {what}".encode() for place in range(3) for what in ("one", "two")]
    write(log, "more")
    assert reader.read() == [b"more"]


def test_first_start_skips_copies_and_reports_compressed_files(reader: Reader, log: Path) -> None:
    write(log, "one", "two")
    write(log.with_name(f"{log.name}.bak"), "one")
    later(log.with_name(f"{log.name}.bak"), -60)
    for name in (f"{log.name}.2.gz", f"{log.name}_other.1.gz"):
        log.with_name(name).write_bytes(b"packed")
    with structlog.testing.capture_logs() as logs:
        assert reader.read() == [b"one", b"two"]
    assert [(entry["event"], entry["file"], entry["count"]) for entry in logs] == [
        ("log_compressed", "queue_log.2.gz", 1)
    ]


def test_first_start_at_the_end_reads_no_rotated_file(log: Path) -> None:
    write(log.with_name(f"{log.name}.1"), "old")
    write(log, "one")
    tail = LineTail(log, None, "end")
    assert tail.read(0) == []
    tail.close()


def test_line_without_a_line_end_is_awaited(reader: Reader, log: Path) -> None:
    log.write_bytes(b"one\r\ntw")
    assert reader.read() == [b"one"]
    reader.restart()
    with log.open("ab") as file:
        file.write(b"o\n\nthree\n")
    assert reader.read() == [b"two", b"", b"three"]


def test_first_start_at_the_end_of_an_empty_file(log: Path) -> None:
    log.write_bytes(b"old\nolder, not fini")
    tail = LineTail(log, None, "end")
    assert tail.read(0) == []
    with log.open("ab") as file:
        file.write(b"shed\nnew\n")
    assert tail.read(0) == [b"older, not finished", b"new"]
    tail.close()


def test_file_created_after_a_start_at_the_end_is_read_from_its_beginning(log: Path) -> None:
    tail = LineTail(log, None, "end")
    with pytest.raises(SourceUnavailableError):
        tail.read(0)
    write(log, "one")
    assert tail.read(0) == [b"one"]
    tail.close()


def test_file_created_while_stopped_is_read_from_its_beginning(log: Path) -> None:
    write(log.with_name("queue_log.1"), "long ago")
    first = LineTail(log, None, "end")
    with pytest.raises(SourceUnavailableError):
        first.read(0)
    write(log, "one")
    log.rename(log.with_name("queue_log.2"))
    later(log.with_name("queue_log.2"), 1)
    write(log, "two")
    later(log, 2)
    second = LineTail(log, first.position, "end")
    assert second.read(0) + second.read(0) == [b"one", b"two"]
    second.close()


def test_unreadable_file_is_later_read_from_its_end(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(log, "old")
    tail = LineTail(log, None, "end")
    with monkeypatch.context() as patch:
        forbid(patch, log)
        with pytest.raises(SourceUnavailableError, match="queue_log may not be read"):
            tail.read(0)
    assert tail.read(0) == []
    write(log, "new")
    assert tail.read(0) == [b"new"]
    tail.close()


def forbid(patch: pytest.MonkeyPatch, path: Path) -> None:
    """Make `path` unreadable with a patch, since permissions do not apply to root."""

    def refuse(opened: Path, *arguments: int) -> int:
        if Path(opened) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(opened))
        return real(opened, *arguments)

    real = os.open
    patch.setattr(os, "open", refuse)


@pytest.mark.parametrize("start", ["beginning", "end"])
def test_failure_of_any_single_call_loses_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Literal["beginning", "end"]
) -> None:
    failed: list[str] = []
    while True:
        before = len(failed)
        directory = tmp_path / f"{before}"
        directory.mkdir()
        with monkeypatch.context() as patch:
            stale = Stale(patch, before, failed)
            lines = read_through_rotations(directory / "queue_log", start, stale)
        assert (
            lines == [b"one", b"two", b"three", LONG, b"four", b"five, unfinished", b"six", b"seven"][start == "end" :]
        )
        if len(failed) == before:
            break
    assert set(failed) == {"open", "fstat", "pread", "scandir", "stat", "close"}
    descriptors = [str(place.readlink()) for place in Path("/proc/self/fd").iterdir() if place.exists()]
    assert not [path for path in descriptors if path.startswith(str(tmp_path))]


LONG = b"x" * (MAX_LINE_BYTES + 1)


class Stale:
    """A network file system on which the call number `ordinal` fails; its name is added to `failed`."""

    def __init__(self, patch: pytest.MonkeyPatch, ordinal: int, failed: list[str]) -> None:
        self._left, self._failed, self.on = ordinal, failed, False
        for name in ("open", "fstat", "pread", "scandir", "stat", "close"):
            patch.setattr(os, name, partial(self._call, name, getattr(os, name)))

    def _call(self, name: str, real: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        self._left -= self.on
        if self.on and self._left == -1:
            self._failed.append(name)
            if name == "close":  # as on Linux: the call fails, but the file is closed
                real(*arguments)
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(*arguments, **options)


def read_through_rotations(log: Path, start: Literal["beginning", "end"], stale: Stale) -> list[bytes]:
    tail, lines = LineTail(log, None, start), list[bytes]()

    def read() -> None:
        stale.on = True
        for _ in range(5):
            with suppress(SourceUnavailableError):
                lines.extend(tail.read(0))
        stale.on = False

    write(log, "one")
    read()
    write(log, "two", "three")
    with log.open("ab") as file:
        file.write(LONG + b"x" * CHUNK_BYTES)
    read()
    with log.open("ab") as file:
        file.write(b"xx\nfour\nfive, unfinished")
    read()
    log.rename(log.with_name("queue_log.1"))
    write(log, "six")
    later(log, 1)
    read()
    log.rename(log.with_name("queue_log.2"))
    write(log, "seven")
    later(log, 2)
    read()
    stale.on = True
    tail.close()
    stale.on = False
    return lines


def test_unreadable_file_is_named_and_not_skipped(reader: Reader, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(log, "one")
    assert reader.read() == [b"one"]
    rotated = log.with_name("queue_log.1")
    log.write_text("one\ntwo, never finis")
    log.rename(log.with_name("queue_log.2"))
    write(rotated, "three")
    later(rotated, 1)
    write(log, "four")
    later(log, 2)
    with monkeypatch.context() as patch:
        forbid(patch, rotated)
        for _ in range(2):
            with pytest.raises(SourceUnavailableError, match=r"queue_log\.1 may not be read"):
                reader.read()
    assert reader.read() == [b"two, never finis", b"three", b"four"]


@pytest.mark.parametrize("restart", [False, True])
class TestRotation:
    def restart_if(self, reader: Reader, restart: bool) -> None:
        if restart:
            reader.restart()

    def test_log_renamed_and_created(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one", "two")
        assert reader.read() == [b"one", b"two"]
        write(log, "three")
        log.rename(log.with_name("queue_log.1"))
        write(log, "four")
        later(log, 1)
        self.restart_if(reader, restart)
        assert reader.read() == [b"three", b"four"]

    def test_old_file_is_read_until_the_new_one_is_written(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one")
        assert reader.read() == [b"one"]
        rotated = log.rename(log.with_name("queue_log.1"))
        log.touch()
        self.restart_if(reader, restart)
        write(rotated, "two")
        assert reader.read() == [b"two"]
        with rotated.open("a") as file:
            file.write("three, never finished")
        write(log, "four")
        later(log, 1)
        assert reader.read() == [b"three, never finished", b"four"]

    def test_log_copied_and_truncated(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one", "two")
        assert reader.read() == [b"one", b"two"]
        write(log, "three")
        shutil.copy(log, log.with_name("queue_log.1"))
        os.truncate(log, 0)
        self.restart_if(reader, restart)
        assert reader.read() == [b"three"]
        write(log, "four")
        later(log, 1)
        assert reader.read() == [b"four"]

    def test_log_copied_truncated_and_grown_beyond_the_position(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one")
        assert reader.read() == [b"one"]
        write(log, "two")
        shutil.copy(log, log.with_name("queue_log.1"))
        write(log, "three is a longer line", "four", mode="w")
        later(log, 1)
        self.restart_if(reader, restart)
        assert reader.read() == [b"two", b"three is a longer line", b"four"]

    def test_log_truncated_without_a_copy(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one", "two")
        assert reader.read() == [b"one", b"two"]
        write(log, "a", mode="w")
        self.restart_if(reader, restart)
        assert reader.read() == [b"a"]

    def test_log_replaced_by_a_file_with_the_same_inode(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one", "two")
        assert reader.read() == [b"one", b"two"]
        log.write_bytes(b"ONE\nTWO\nthree\n")
        self.restart_if(reader, restart)
        assert reader.read() == [b"ONE", b"TWO", b"three"]

    def test_compressed_file_is_not_read(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one")
        assert reader.read() == [b"one"]
        log.rename(log.with_name("queue_log.1.gz"))
        write(log, "two")
        later(log, 1)
        self.restart_if(reader, restart)
        assert reader.read() == [b"two"]


def test_log_copied_and_truncated_during_a_read(reader: Reader, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check_and_truncate(tail: LineTail) -> bool:
        rewritten = stat_elsewhere(tail)
        if not log.with_name("queue_log.1").exists():
            write(log, "two")
            shutil.copy(log, log.with_name("queue_log.1"))
            os.truncate(log, 0)
        return rewritten

    stat_elsewhere = LineTail._was_rewritten
    monkeypatch.setattr(LineTail, "_was_rewritten", check_and_truncate)
    write(log, "one")
    assert reader.read() == [b"one", b"two"]
    write(log, "three")
    later(log, 1)
    assert reader.read() == [b"three"]


@pytest.mark.parametrize(("just_seconds", "levels"), [(float("inf"), []), (0.0, ["warning"])])
@pytest.mark.parametrize("grown", [False, True])
def test_truncated_file_is_reported_as_lost_only_if_its_end_was_not_read(
    reader: Reader,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    just_seconds: float,
    levels: list[str],
    grown: bool,
) -> None:
    monkeypatch.setattr(tail, "JUST_SECONDS", just_seconds)
    write(log, "one", "two")
    with structlog.testing.capture_logs() as logs:
        assert reader.read() == [b"one", b"two"]
        os.truncate(log, 0)
        if grown:
            write(log, "three is a longer line")
        assert reader.read() == [b"three is a longer line"] * grown
    assert [entry["log_level"] for entry in logs if entry["event"] == "log_rewritten"] == ["info"]
    assert [entry["log_level"] for entry in logs if entry["event"] == "log_lost"] == levels


@pytest.mark.parametrize("away", [False, True])
def test_file_truncated_before_its_end_was_read_is_reported_as_lost(reader: Reader, log: Path, away: bool) -> None:
    write(log, "one")
    with structlog.testing.capture_logs() as logs:
        if away:
            assert reader.read() == [b"one"]
            reader.restart()
        else:
            assert reader.tail.read(0) == [b"one"]
        write(log, "2", mode="w")
        assert reader.read() == [b"2"]
    assert "log_lost" in [entry["event"] for entry in logs]


def test_several_rotations_while_stopped(reader: Reader, log: Path) -> None:
    write(log, "one")
    assert reader.read() == [b"one"]
    reader.restart()
    for n, number in enumerate(("two", "three", "four"), 1):
        write(log, number)
        later(log, n)
        for old in (2, 1):
            rotated = log.with_name(f"queue_log.{old}")
            if rotated.exists():
                rotated.rename(log.with_name(f"queue_log.{old + 1}"))
        log.rename(log.with_name("queue_log.1"))
    write(log, "five")
    later(log, 9)
    assert reader.read() == [b"two", b"three", b"four", b"five"]


NUMBERS = ("queue_log.2", "queue_log.1", ("queue_log.4", "queue_log.3"))
DATES = ("queue_log-20261125", "queue_log-20261126", ("queue_log-20261123", "queue_log-20261124"))
SEQUENCE = ("queue_log.2", "queue_log.3", ("queue_log.0", "queue_log.1"))
"""Names of the current file, of the next one, and of two that were read before."""


def rotate_twice(
    reader: Reader, log: Path, names: tuple[str, str, tuple[str, ...]], *, older: int, newest_at: int
) -> None:
    """Read a file of 12:00, set the clock back by an hour, and rotate twice, at 11:30 and later."""
    own, following, before = names
    write(log, "one")
    os.utime(log, (11_900, 11_900))
    assert reader.read() == [b"one"]
    for age, name in enumerate(before[2 - older :]):
        write(log.with_name(name), f"long ago {age}")
        os.utime(log.with_name(name), (age, age))
    write(log, "two")
    os.utime(log, (12_000, 12_000))
    log.rename(log.with_name(own))
    write(log.with_name(following), "three")
    os.utime(log.with_name(following), (11_500, 11_500))
    write(log, "four")
    os.utime(log, (newest_at, newest_at))


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize(
    ("names", "older", "newest_at"),
    [(NUMBERS, 0, 11_800), (NUMBERS, 2, 11_800), (NUMBERS, 2, 12_200), (DATES, 0, 11_800), (DATES, 2, 12_200)],
)
def test_clock_set_back_hides_no_file_whose_name_shows_its_order(
    reader: Reader,
    log: Path,
    names: tuple[str, str, tuple[str, ...]],
    older: int,
    newest_at: int,
    restless: bool,
) -> None:
    with structlog.testing.capture_logs() as logs:
        rotate_twice(reader, log, names, older=older, newest_at=newest_at)
        reader.restart()
        reader.restless = restless
        assert reader.read() == [b"two", b"three", b"four"]
        assert "log_lost" not in [entry["event"] for entry in logs]
        for number in (4, 3, 2, 1):
            with suppress(FileNotFoundError):
                log.with_name(f"queue_log.{number}").rename(log.with_name(f"queue_log.{number + 1}"))
        log.rename(log.with_name("queue_log-20261127" if names is DATES else "queue_log.1"))
        write(log, "five")
        os.utime(log, (newest_at + 100, newest_at + 100))
        assert reader.read() == [b"five"]


def move_to_other_device(monkeypatch: pytest.MonkeyPatch, log: Path, inode: int | None = None) -> None:
    """Make `log` appear on another device, with `inode` if given."""

    def stat_elsewhere(path: Path, **options: Any) -> os.stat_result:
        mode, own, device, *others = status = real(path, **options)
        return os.stat_result((mode, inode or own, device + 1, *others)) if path == log else status

    real = Path.stat
    monkeypatch.setattr(Path, "stat", stat_elsewhere)


@pytest.mark.parametrize("same", [False, True])
def test_other_file_system_is_mounted_with_a_file_of_the_same_inode(
    reader: Reader, log: Path, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    write(log, "one")
    assert reader.read() == [b"one"]
    inode = log.stat().st_ino
    mounted = log.with_name("mounted")
    write(mounted, *(["one"] if same else []), "two")
    mounted.replace(log)

    move_to_other_device(monkeypatch, log, inode)
    assert reader.read() == [b"two"]


@pytest.mark.parametrize("restart", [False, True])
def test_rotated_link_to_another_file_system_is_not_read_for_ever(
    reader: Reader, log: Path, monkeypatch: pytest.MonkeyPatch, restart: bool
) -> None:
    write(log, "one")
    assert reader.read() == [b"one"]
    log.rename(log.with_name("queue_log.1"))  # still the open file
    write(log, "two")
    later(log, 1)

    move_to_other_device(monkeypatch, log)
    reader.restless = restart
    assert reader.read() == [b"two"]


def test_touched_old_file_is_not_read_again(reader: Reader, log: Path) -> None:
    write(log, "one")
    assert reader.read() == [b"one"]
    for age, name in enumerate(("queue_log.5", "queue_log.4", "queue_log.3", "queue_log.2")):
        write(log.with_name(name), f"long ago {age}")
        os.utime(log.with_name(name), (age, age))
    log.rename(log.with_name("queue_log.1"))
    later(log.with_name("queue_log.4"), 3e9)
    write(log, "two")
    later(log, 2)
    assert reader.read() == [b"two"]


@pytest.mark.parametrize("stopped", [False, True])
def test_files_possibly_hidden_by_a_clock_set_back_are_reported(
    reader: Reader, log: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    with structlog.testing.capture_logs() as logs:
        rotate_twice(reader, log, SEQUENCE, older=2, newest_at=11_800)
        if stopped:
            reader.restart()
        else:
            monkeypatch.setattr(
                "connectors.sdk.tail.JUST_SECONDS", 0.0
            )  # not read for a long time, as while the spool is full
        assert reader.read() == [b"two", b"four"]
    (files,) = (entry["file"] for entry in logs if entry["event"] == "log_lost")
    assert files == "queue_log.0, queue_log.1, queue_log.3"


@pytest.mark.parametrize("restart", [False, True])
def test_log_rotated_twice_and_not_created_again(reader: Reader, log: Path, restart: bool) -> None:
    write(log, "one")
    assert reader.read() == [b"one"]
    reader.restless = restart
    log.rename(log.with_name("queue_log.1"))
    write(log, "two")
    later(log, 1)
    log.rename(log.with_name("queue_log.2"))
    assert reader.read() == [b"two"]
    write(log, "three")
    later(log, 2)
    assert reader.read() == [b"three"]


@pytest.mark.parametrize("read_before_stop", [0, 1])
def test_stop_between_two_files_loses_no_line(reader: Reader, log: Path, read_before_stop: int) -> None:
    write(log, "one")
    assert reader.read() == [b"one"]
    log.rename(log.with_name("queue_log.2"))
    (log.with_name("queue_log.1")).write_text("two, never finished")
    later(log.with_name("queue_log.1"), 1)
    write(log, "three")
    later(log, 2)
    lines = [line for _ in range(read_before_stop) for line in reader.tail.read(0)]
    reader.position = reader.tail.position
    reader.restart()
    assert lines + reader.read() == [b"two, never finished", b"three"]


@pytest.mark.parametrize("other", ["queue_log_site2", "queue_log2", "queue_log.site2", "queue_log-b", "queue_log.1.gz"])
@pytest.mark.parametrize("restart", [False, True])
def test_other_log_with_the_same_name_prefix_is_not_read(reader: Reader, log: Path, other: str, restart: bool) -> None:
    write(log, "one")
    assert reader.read() == [b"one"]
    write(log.with_name(other), "not ours")
    later(log.with_name(other), 1)
    log.rename(log.with_name("queue_log.1"))
    write(log, "two")
    later(log, 2)
    if restart:
        reader.restart()
    assert reader.read() == [b"two"]


@pytest.mark.parametrize(
    "rotated",
    ["queue_log.0", "queue_log.1773650000", "queue_log-20260316", "queue_log-2026-03-16_04:00", "queue_log.1.old"],
)
def test_rotated_file_has_a_number_or_a_date(reader: Reader, log: Path, rotated: str) -> None:
    write(log, "one")
    assert reader.read() == [b"one"]
    log.rename(log.with_name("queue_log.7"))
    write(log.with_name(rotated), "two")
    later(log.with_name(rotated), 1)
    write(log, "three")
    later(log, 2)
    assert reader.read() == [b"two", b"three"]


def test_current_file_is_gone_but_later_ones_exist(reader: Reader, log: Path) -> None:
    write(log, "one", "two")
    assert reader.read() == [b"one", b"two"]
    reader.restart()
    log.unlink()
    write(log.with_name("queue_log.1"), "three")
    later(log.with_name("queue_log.1"), 1)
    write(log, "four")
    later(log, 2)
    assert reader.read() == [b"three", b"four"]


def test_manual_copy_is_not_read(reader: Reader, log: Path) -> None:
    write(log, "one")
    assert reader.read() == [b"one"]
    shutil.copy(log, log.with_name("queue_log.bak"))
    later(log.with_name("queue_log.bak"), 1)
    log.rename(log.with_name("queue_log.1"))
    write(log, "two")
    later(log, 2)
    assert reader.read() == [b"two"]


@pytest.mark.parametrize("restart", [False, True])
def test_too_long_line_is_cut_and_skipped(reader: Reader, log: Path, restart: bool) -> None:
    log.write_bytes(b"before\n" + b"x" * (MAX_LINE_BYTES * 6))
    assert reader.read() == [b"before", b"x" * (MAX_LINE_BYTES + 1)]
    if restart:
        reader.restart()
    with log.open("ab") as file:
        file.write(
            b"x" * MAX_LINE_BYTES + b"\nafter\n" + b"y" * (MAX_LINE_BYTES + 5) + b"\n" + b"z" * MAX_LINE_BYTES + b"\n"
        )
    assert reader.read() == [b"after", b"y" * (MAX_LINE_BYTES + 1), b"z" * MAX_LINE_BYTES]


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_every_line_is_read_once_in_order_after_random_operations(
    reader: Reader, log: Path, seed: int, restless: bool
) -> None:
    """Random writes, rotations of both kinds, reads and restarts; restarts return to an earlier position."""
    random = Random(seed)
    reader.restless = restless
    written: list[bytes] = []
    read: list[bytes] = []
    clock = 0
    log.touch()
    os.utime(log, (0, 0))
    reader.read()
    kept = (reader.position, 0)
    for _ in range(150):
        match random.choices(("write", "read", "restart", "rename", "copy"), (10, 8, 2, 1, 1))[0]:
            case "write":
                lines = [b"line %d" % (len(written) + n) + b"." * random.randrange(90) for n in range(3)]
                with log.open("ab") as file:
                    file.write(b"".join(line + b"\n" for line in lines))
                written += lines
                clock += 1
                os.utime(log, (clock, clock))
            case "read":
                read += reader.read()
                if random.random() < 0.5:
                    kept = (reader.position, len(read))
            case "restart":
                reader.position = kept[0]
                del read[kept[1] :]
                reader.restart()
            case how if log.stat().st_size:
                for old in sorted(log.parent.glob("queue_log.*"), key=lambda path: -int(path.suffix[1:])):
                    old.rename(log.with_name(f"queue_log.{int(old.suffix[1:]) + 1}"))
                rotated = log.with_name("queue_log.1")
                if how == "rename":
                    log.rename(rotated)
                    log.touch()
                else:
                    read += reader.read()  # a copy of a file without any line read cannot be recognised
                    write(log, f"last {clock}")
                    written.append(b"last %d" % clock)
                    shutil.copy(log, rotated)
                    os.truncate(log, 0)
                    clock += 1
                    os.utime(rotated, (clock, clock))
                clock += 1
                os.utime(log, (clock, clock))
    read += reader.read()
    assert read == written
