import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.tail import MAX_LINE_BYTES, LineTail, TailPosition


class Reader:
    """A tail that can be closed and opened again where it was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position: TailPosition | None = None
        self.tail = LineTail(path, None, "beginning")

    def read(self) -> list[bytes]:
        lines: list[bytes] = []
        quiet = 0
        while quiet < 3:  # a rotation is noticed in one turn and followed in the next
            new = self.tail.read(0)
            lines += new
            quiet = 0 if new else quiet + 1
        self.position = self.tail.position
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
    """Let a file have been written to later: real rotations are hours apart, clocks of file systems are coarse."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + int(seconds * 1e9)))


def test_a_file_that_is_not_there_yet_is_waited_for(reader: Reader, log: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="queue_log: No such file"):
        reader.read()
    write(log, "one")
    assert reader.read() == [b"one"]


def test_a_line_without_an_end_waits_for_it(reader: Reader, log: Path) -> None:
    log.write_bytes(b"one\r\ntw")
    assert reader.read() == [b"one"]
    reader.restart()
    with log.open("ab") as file:
        file.write(b"o\n\nthree\n")
    assert reader.read() == [b"two", b"", b"three"]


def test_on_a_first_start_the_end_may_be_the_beginning(log: Path) -> None:
    log.write_bytes(b"old\nolder, not fini")
    tail = LineTail(log, None, "end")
    assert tail.read(0) == []
    with log.open("ab") as file:
        file.write(b"shed\nnew\n")
    assert tail.read(0) == [b"older, not finished", b"new"]
    tail.close()


def test_the_end_of_a_file_that_comes_later_is_its_beginning(log: Path) -> None:
    tail = LineTail(log, None, "end")
    with pytest.raises(SourceUnavailableError):
        tail.read(0)
    write(log, "one")
    assert tail.read(0) == [b"one"]
    tail.close()


@pytest.mark.parametrize("restart", [False, True])
class TestRotation:
    def go_on(self, reader: Reader, restart: bool) -> None:
        if restart:
            reader.restart()

    def test_renamed_and_created(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one", "two")
        assert reader.read() == [b"one", b"two"]
        write(log, "three")
        log.rename(log.with_name("queue_log.1"))
        write(log, "four")
        later(log, 1)
        self.go_on(reader, restart)
        assert reader.read() == [b"three", b"four"]

    def test_the_old_file_is_written_to_until_the_new_one_is(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one")
        assert reader.read() == [b"one"]
        rotated = log.rename(log.with_name("queue_log.1"))
        log.touch()
        self.go_on(reader, restart)
        write(rotated, "two")
        assert reader.read() == [b"two"]
        with rotated.open("a") as file:
            file.write("three, never finished")
        write(log, "four")
        later(log, 1)
        assert reader.read() == [b"three, never finished", b"four"]

    def test_copied_and_truncated(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one", "two")
        assert reader.read() == [b"one", b"two"]
        write(log, "three")
        shutil.copy(log, log.with_name("queue_log.1"))
        os.truncate(log, 0)
        self.go_on(reader, restart)
        assert reader.read() == [b"three"]
        write(log, "four")
        later(log, 1)
        assert reader.read() == [b"four"]

    def test_copied_truncated_and_grown_beyond_where_it_was(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one")
        assert reader.read() == [b"one"]
        write(log, "two")
        shutil.copy(log, log.with_name("queue_log.1"))
        write(log, "three is a longer line", "four", mode="w")
        later(log, 1)
        self.go_on(reader, restart)
        assert reader.read() == [b"two", b"three is a longer line", b"four"]

    def test_truncated_without_a_copy(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one", "two")
        assert reader.read() == [b"one", b"two"]
        write(log, "a", mode="w")
        self.go_on(reader, restart)
        assert reader.read() == [b"a"]

    def test_replaced_by_a_file_with_the_same_inode(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one", "two")
        assert reader.read() == [b"one", b"two"]
        log.write_bytes(b"ONE\nTWO\nthree\n")
        self.go_on(reader, restart)
        assert reader.read() == [b"ONE", b"TWO", b"three"]

    def test_a_packed_file_is_not_read(self, reader: Reader, log: Path, restart: bool) -> None:
        write(log, "one")
        assert reader.read() == [b"one"]
        log.rename(log.with_name("queue_log.1.gz"))
        write(log, "two")
        later(log, 1)
        self.go_on(reader, restart)
        assert reader.read() == [b"two"]


def test_several_rotations_while_it_was_away(reader: Reader, log: Path) -> None:
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


def test_the_file_it_was_in_is_gone_but_not_those_after_it(reader: Reader, log: Path) -> None:
    write(log, "one", "two")
    assert reader.read() == [b"one", b"two"]
    reader.restart()
    log.unlink()
    write(log.with_name("queue_log.1"), "three")
    later(log.with_name("queue_log.1"), 1)
    write(log, "four")
    later(log, 2)
    assert reader.read() == [b"three", b"four"]


def test_a_copy_that_someone_made_is_not_read_as_well(reader: Reader, log: Path) -> None:
    write(log, "one")
    assert reader.read() == [b"one"]
    shutil.copy(log, log.with_name("queue_log.backup"))
    later(log.with_name("queue_log.backup"), 1)
    log.rename(log.with_name("queue_log.1"))
    write(log, "two")
    later(log, 2)
    assert reader.read() == [b"two"]


@pytest.mark.parametrize("restart", [False, True])
def test_a_line_that_is_too_long_is_cut_and_passed_over(reader: Reader, log: Path, restart: bool) -> None:
    log.write_bytes(b"before\n" + b"x" * (MAX_LINE_BYTES * 6))
    assert reader.read() == [b"before", b"x" * (MAX_LINE_BYTES + 1)]
    if restart:
        reader.restart()
    with log.open("ab") as file:
        file.write(
            b"x" * MAX_LINE_BYTES + b"\nafter\n" + b"y" * (MAX_LINE_BYTES + 5) + b"\n" + b"z" * MAX_LINE_BYTES + b"\n"
        )
    assert reader.read() == [b"after", b"y" * (MAX_LINE_BYTES + 1), b"z" * MAX_LINE_BYTES]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_every_line_is_read_once_in_order(reader: Reader, log: Path, seed: int) -> None:
    """Writing, rotating (both ways), reading and restarting by lot, restarts going back to an earlier position."""
    random = Random(seed)
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
                    read += reader.read()  # of a file that nothing was read of, a copy cannot be known
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
