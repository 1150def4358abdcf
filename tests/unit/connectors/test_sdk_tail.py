"""Reader of a log file across rotation, truncation and restart."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog

from connectors.sdk import tail
from connectors.sdk.errors import SourceMisconfiguredError, SourceUnavailableError
from connectors.sdk.tail import MAX_LINE_BYTES, LineTail, TailPosition


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


@pytest.fixture
def started(reader: Reader, log: Path) -> Reader:
    """Reader that has read one line."""
    write(log, "one")
    assert reader.read() == [b"one"]
    return reader


def write(path: Path, *lines: str, mode: str = "a", later: float = 0) -> None:
    """Write lines; with `later`, move the modification time by seconds: file system clocks are coarse."""
    with path.open(mode) as file:
        file.writelines(f"{line}\n" for line in lines)
    if later:
        status = path.stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + int(later * 1e9)))


@pytest.fixture(params=[False, True], ids=["running", "stopped"])
def pause(request: pytest.FixtureRequest, reader: Reader) -> Callable[[], None]:
    """Function that restarts the reader, or does nothing."""
    return reader.restart if request.param else lambda: None


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
    for number, path in enumerate([*(log.with_name(f"{log.name}.{name}") for name in names), log]):
        write(path, f"{number} one", f"{number} two", later=(number - 3) * 3600)
    (log.with_name(f"{log.name}.9")).touch()
    assert reader.read() == [f"{number} {word}".encode() for number in range(3) for word in ("one", "two")]
    write(log, "more")
    assert reader.read() == [b"more"]


def test_first_start_skips_copies_and_reports_compressed_files(reader: Reader, log: Path) -> None:
    write(log, "one", "two")
    write(log.with_name(f"{log.name}.bak"), "one", later=-60)
    for name in (f"{log.name}.2.gz", f"{log.name}_other.1.gz"):
        log.with_name(name).write_bytes(b"packed")
    with structlog.testing.capture_logs() as logs:
        assert reader.read() == [b"one", b"two"]
    assert [(entry["event"], entry["file"], entry["count"]) for entry in logs] == [
        ("log_compressed", "queue_log.2.gz", 1)
    ]


def test_first_start_at_the_end_reads_only_what_follows(log: Path) -> None:
    write(log.with_name("queue_log.1"), "rotated")
    log.write_bytes(b"old\nolder, not fini")
    with closing(LineTail(log, None, "end")) as tail:
        assert tail.read(0) == []
        with log.open("ab") as file:
            file.write(b"shed\nnew\n")
        assert tail.read(0) == [b"older, not finished", b"new"]


def test_start_at_the_end_without_a_file_reads_the_next_file_whole(log: Path) -> None:
    write(log.with_name("queue_log.1"), "long ago")
    with closing(LineTail(log, None, "end")) as first, pytest.raises(SourceUnavailableError):
        first.read(0)
    write(log, "one", later=1)
    log.rename(log.with_name("queue_log.2"))
    write(log, "two", later=2)
    with closing(LineTail(log, first.position, "end")) as second:
        assert second.read(0) + second.read(0) == [b"one", b"two"]


def test_line_without_a_line_end_is_awaited(reader: Reader, log: Path) -> None:
    log.write_bytes(b"one\r\ntw")
    assert reader.read() == [b"one"]
    reader.restart()
    with log.open("ab") as file:
        file.write(b"o\n\nthree\n")
    assert reader.read() == [b"two", b"", b"three"]


def forbid(patch: pytest.MonkeyPatch, path: Path) -> None:
    """Make `path` unreadable with a patch, since permissions do not apply to root."""

    def refuse(real: Callable[..., Any], opened: Path, *arguments: Any) -> Any:
        if Path(opened) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(opened))
        return real(opened, *arguments)

    patch.setattr(os, "open", partial(refuse, os.open))
    real_open = Path.open
    patch.setattr(Path, "open", lambda self, *arguments: refuse(real_open, self, *arguments))


def test_unreadable_file_is_named_and_not_skipped(started: Reader, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rotated = log.with_name("queue_log.1")
    log.write_text("one\ntwo, never finis")
    log.rename(log.with_name("queue_log.2"))
    write(rotated, "three", later=1)
    write(log, "four", later=2)
    with monkeypatch.context() as patch:
        forbid(patch, rotated)
        for _ in range(2):
            with pytest.raises(SourceUnavailableError, match=r"queue_log\.1 may not be read"):
                started.read()
    assert started.read() == [b"two, never finis", b"three", b"four"]


@pytest.mark.parametrize("new", ["created", "not created yet"])
def test_renamed_log_is_read_to_its_end_before_the_new_one(
    reader: Reader, log: Path, pause: Callable[[], None], new: str
) -> None:
    write(log, "one", "two")
    assert reader.read() == [b"one", b"two"]
    write(log, "three")
    log.rename(log.with_name("queue_log.1"))
    write(log, "four", later=1)
    if new == "not created yet":
        log.rename(log.with_name("queue_log.2"))
    pause()
    assert reader.read() == [b"three", b"four"]
    write(log, "five", later=2)
    assert reader.read() == [b"five"]


def test_old_file_is_read_until_the_new_one_is_written(started: Reader, log: Path, pause: Callable[[], None]) -> None:
    rotated = log.rename(log.with_name("queue_log.1"))
    log.touch()
    pause()
    write(rotated, "two")
    assert started.read() == [b"two"]
    with rotated.open("a") as file:
        file.write("three, never finished")
    write(log, "four", later=1)
    assert started.read() == [b"three, never finished", b"four"]


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("new", [["four"], ["four is a longer line", "five"]])
def test_copied_and_truncated_log_is_read_whole(
    reader: Reader, log: Path, pause: Callable[[], None], copied: bool, new: list[str]
) -> None:
    write(log, "one", "two")
    assert reader.read() == [b"one", b"two"]
    if copied:
        write(log, "three")
        shutil.copy(log, log.with_name("queue_log.1"))
    write(log, *new, mode="w", later=1)
    pause()
    assert reader.read() == [b"three"] * copied + [line.encode() for line in new]


def test_log_truncated_during_a_read_is_read_whole(reader: Reader, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check_and_truncate(tail: LineTail) -> bool:
        rewritten = was_rewritten(tail)
        if not log.with_name("queue_log.1").exists():
            write(log, "two")
            shutil.copy(log, log.with_name("queue_log.1"))
            os.truncate(log, 0)
        return rewritten

    was_rewritten = LineTail._was_rewritten
    monkeypatch.setattr(LineTail, "_was_rewritten", check_and_truncate)
    write(log, "one")
    assert reader.read() == [b"one", b"two"]
    write(log, "three", later=1)
    assert reader.read() == [b"three"]


@pytest.mark.parametrize(
    ("state", "is_lost"), [("just read", False), ("read long ago", True), ("stopped", True), ("not read", True)]
)
def test_truncated_file_is_reported_as_lost_only_if_its_end_was_not_read(
    reader: Reader, log: Path, monkeypatch: pytest.MonkeyPatch, state: str, is_lost: bool
) -> None:
    monkeypatch.setattr(tail, "JUST_SECONDS", 0.0 if state == "read long ago" else float("inf"))
    write(log, "one", "two")
    with structlog.testing.capture_logs() as logs:
        assert (reader.tail.read(0) if state == "not read" else reader.read()) == [b"one", b"two"]
        if state == "stopped":
            reader.restart()
        write(log, "3", mode="w")
        assert reader.read() == [b"3"]
    assert ("log_lost" in [entry["event"] for entry in logs]) is is_lost


def test_clock_set_back_is_reported(started: Reader, log: Path, pause: Callable[[], None]) -> None:
    log.rename(log.with_name("queue_log.1"))
    write(log, "two", later=-3600)
    pause()
    with structlog.testing.capture_logs() as logs:
        assert started.read() == [b"two"]
    assert "log_lost" in [entry["event"] for entry in logs]


@pytest.mark.parametrize("is_set_back", [True, False])
@pytest.mark.parametrize(
    ("own", "following", "earlier"),
    [
        ("queue_log.2", "queue_log.1", []),
        ("queue_log.2", "queue_log.1", ["queue_log.4", "queue_log.3"]),
        ("queue_log.10", "queue_log.9", ["queue_log.12", "queue_log.11"]),
        ("queue_log.2", "queue_log.3", ["queue_log.0", "queue_log.1"]),
        ("queue_log-20260302", "queue_log-20260303", ["queue_log-20260228", "queue_log-20260301"]),
    ],
)
def test_rotated_file_hidden_by_a_clock_set_back_is_reported(
    started: Reader,
    log: Path,
    pause: Callable[[], None],
    own: str,
    following: str,
    earlier: list[str],
    is_set_back: bool,
) -> None:
    for age, name in enumerate(earlier):
        write(log.with_name(name), f"long ago {age}", later=(age - 9) * 86_400)
    log.rename(log.with_name(own))
    write(log.with_name(following), "two", later=-1800 if is_set_back else 1800)
    write(log, "three", later=3600)
    pause()
    with structlog.testing.capture_logs() as logs:
        assert started.read() == ([b"three"] if is_set_back else [b"two", b"three"])
    assert [entry["file"] for entry in logs if entry["event"] == "log_lost"] == [following] * is_set_back


def test_copied_log_is_read_on(started: Reader, log: Path) -> None:
    copy = Path(shutil.copy(log, log.with_name("copy")))
    write(copy, "two")
    copy.replace(log)
    assert started.read() == [b"two"]


def test_log_edited_with_a_backup_is_read_on(started: Reader, log: Path, pause: Callable[[], None]) -> None:
    backup = log.rename(log.with_name("queue_log.bak"))
    shutil.copy2(backup, log)
    pause()
    assert started.read() == []
    write(log, "two")
    assert started.read() == [b"two"]
    pause()
    write(log, "three", later=1)
    log.rename(log.with_name("queue_log.1"))
    write(log, "four", later=2)
    assert started.read() == [b"three", b"four"]


def test_unreadable_backup_does_not_stop_reading(
    started: Reader, log: Path, monkeypatch: pytest.MonkeyPatch, pause: Callable[[], None]
) -> None:
    backup = Path(shutil.copy2(log, log.with_name("queue_log.bak")))
    forbid(monkeypatch, backup)
    log.rename(log.with_name("queue_log.1"))
    write(log, "two", later=1)
    pause()
    assert started.read() == [b"two"]


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        *(
            (name, False)
            for name in ("queue_log_site2", "queue_log2", "queue_log.site2", "queue_log-b", "queue_log.1.gz")
        ),
        *((f"queue_log{end}", True) for end in (".0", ".1773650000", "-20260316", "-2026-03-16_04:00", ".1.old")),
    ],
)
def test_only_files_with_a_number_or_a_date_are_rotated_ones(
    started: Reader, log: Path, pause: Callable[[], None], name: str, is_read: bool
) -> None:
    log.rename(log.with_name("queue_log.7"))
    write(log.with_name(name), "two", later=1)
    write(log, "three", later=2)
    pause()
    assert started.read() == [b"two"] * is_read + [b"three"]


def test_current_file_is_gone_but_later_ones_exist(reader: Reader, log: Path) -> None:
    write(log, "one", "two")
    assert reader.read() == [b"one", b"two"]
    reader.restart()
    log.unlink()
    write(log.with_name("queue_log.1"), "three", later=1)
    write(log, "four", later=2)
    assert reader.read() == [b"three", b"four"]


def test_manual_copy_is_not_read(started: Reader, log: Path) -> None:
    write(log.with_name("queue_log.bak"), "one", later=1)
    log.rename(log.with_name("queue_log.1"))
    write(log, "two", later=2)
    assert started.read() == [b"two"]


def test_too_long_line_is_cut_and_skipped(reader: Reader, log: Path, pause: Callable[[], None]) -> None:
    log.write_bytes(b"before\n" + b"x" * (MAX_LINE_BYTES * 6))
    assert reader.read() == [b"before", b"x" * (MAX_LINE_BYTES + 1)]
    pause()
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
