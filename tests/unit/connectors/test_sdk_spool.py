"""Queue on disk: order, limits, and recovery of damaged files."""

import errno
import os
import tempfile
from bisect import bisect_right
from contextlib import closing
from itertools import accumulate
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from connectors.sdk.errors import SpoolFullError
from connectors.sdk.spool import Spool


def drain(spool: Spool, limit: int = 3) -> list[bytes]:
    taken: list[bytes] = []
    while True:
        payloads, position = spool.read(limit)
        if not payloads:
            return taken
        taken += payloads
        spool.drop(position)


def reopened(spool: Spool, directory: Path) -> Spool:
    spool.close()
    return Spool(directory)


def write(directory: Path, payloads: list[bytes]) -> tuple[Path, list[int]]:
    """Write a spool of one segment; return its file, and the offset after each record."""
    with closing(Spool(directory)) as spool:
        spool.append(payloads)
    (segment,) = directory.iterdir()
    return segment, list(accumulate(8 + len(payload) for payload in payloads))


def test_full_spool_stores_no_part_of_a_batch(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit_bytes=40)
    spool.append([b"x" * 20])
    with pytest.raises(SpoolFullError):
        spool.append([b"a", b"y" * 20])
    assert drain(spool) == [b"x" * 20]
    spool.append([b"a", b"y" * 20])
    assert drain(spool) == [b"a", b"y" * 20]


@pytest.mark.parametrize("failing", ["write", "fdatasync"])
def test_full_disk_stores_no_part_of_a_batch_and_damages_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    spool = Spool(tmp_path)
    spool.append([b"before"])

    def no_space(descriptor: int, data: bytes = b"") -> int:
        real_write(descriptor, data[:5])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real_write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, failing, no_space)
        with pytest.raises(SpoolFullError, match="no room left: the disk is full"):
            spool.append([b"lost?"])
    spool.append([b"after"])
    assert drain(reopened(spool, tmp_path)) == [b"before", b"after"]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8), st.data())
@settings(max_examples=60, deadline=None)
def test_truncation_keeps_every_record_before_it(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    segment, ends = write(directory, payloads)
    at = data.draw(st.integers(0, ends[-1]))
    os.truncate(segment, at)
    with structlog.testing.capture_logs() as logs:
        cut = Spool(directory)
    whole = sum(end <= at for end in ends)
    assert [entry["event"] for entry in logs] == (["spool_cut"] if at not in {0, *ends} else [])
    assert cut.records == whole
    cut.append([b"new"])
    assert drain(reopened(cut, directory)) == [*payloads[:whole], b"new"]


@given(st.lists(st.binary(min_size=4, max_size=40), min_size=1, max_size=6), st.data())
@settings(max_examples=60, deadline=None)
def test_flipped_bit_loses_one_record(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    segment, ends = write(directory, payloads)
    content = bytearray(segment.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    segment.write_bytes(content)
    hit = bisect_right(ends, at)
    with structlog.testing.capture_logs() as logs:
        damaged = Spool(directory)
    assert [(entry["event"], entry["bytes_cut"], entry["records_kept"]) for entry in logs] == [
        ("spool_cut" if hit == len(payloads) - 1 else "spool_damaged", 8 + len(payloads[hit]), len(payloads) - 1)
    ]
    damaged.append([b"new"])
    assert drain(reopened(damaged, directory)) == [*payloads[:hit], *payloads[hit + 1 :], b"new"]


def test_damaged_data_is_moved_to_a_bad_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", segment_bytes=40)
    for n in range(6):
        spool.append([b"event %d" % n, b"another %d" % n])
    spool.close()
    first, second, *_ = sorted((tmp_path / "spool").iterdir())
    first.write_bytes(first.read_bytes().replace(b"event 0", b"EVENT 0"))
    # the last record of its segment, but not of the spool
    second.write_bytes(second.read_bytes().replace(b"another 2", b"ANOTHER 2"))
    with structlog.testing.capture_logs() as logs:
        left = drain(Spool(tmp_path / "spool", segment_bytes=40))
    expected = [text % n for n in range(6) for text in (b"event %d", b"another %d")]
    assert left == expected[1:5] + expected[6:]
    assert [(entry["event"], entry["file"]) for entry in logs] == [
        ("spool_damaged", f"{first.stem}.bad"),
        ("spool_damaged", f"{second.stem}.bad"),
    ]
    stored = {path.name: path.read_bytes()[8:] for path in (tmp_path / "spool").iterdir()}
    assert stored == {f"{first.stem}.bad": b"EVENT 0", f"{second.stem}.bad": b"ANOTHER 2"}
    assert drain(Spool(tmp_path / "spool")) == []


def test_trailing_zeros_are_not_a_record(tmp_path: Path) -> None:
    segment, _ = write(tmp_path, [b"real"])
    segment.write_bytes(segment.read_bytes() + bytes(64))
    assert drain(Spool(tmp_path)) == [b"real"]


class SpoolMachine(RuleBasedStateMachine):
    """Compare a spool with a list, across restarts: dropped records return from the first segment only."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.directory = Path(self.temporary.name) / "spool"
        self.spool = Spool(self.directory, segment_bytes=60)
        self.stored: list[bytes] = []
        self.positions: list[tuple[int, object]] = []
        self.read = 0
        self.number = 0

    @rule(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=5))
    def append(self, sizes: list[int]) -> None:
        payloads = []
        for size in sizes:
            self.number += 1
            payloads.append(b"%d " % self.number + b"x" * size)
        self.spool.append(payloads)
        self.stored += payloads

    @rule(limit=st.integers(1, 6))
    def take(self, limit: int) -> None:
        payloads, position = self.spool.read(limit)
        assert payloads == self.stored[self.read : self.read + len(payloads)]
        assert payloads or self.read == len(self.stored)
        self.read += len(payloads)
        self.positions.append((self.read, position))

    @rule(which=st.integers(0, 10))
    def drop(self, which: int) -> None:
        if self.positions:
            taken, position = self.positions[which % len(self.positions)]
            self.spool.drop(position)
            self.stored = self.stored[taken:]
            self.read -= taken
            self.positions = [(read - taken, position) for read, position in self.positions if read >= taken]

    @rule()
    def rewind(self) -> None:
        self.spool.rewind()
        self.read, self.positions = 0, []

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = Spool(self.directory, segment_bytes=60)
        repeated = self.spool.records - len(self.stored)
        assert repeated >= 0
        payloads, _ = self.spool.read(10_000)
        while more := self.spool.read(10_000)[0]:
            payloads += more
        assert payloads[repeated:] == self.stored
        self.stored, self.read, self.positions = payloads, 0, []
        self.spool.rewind()

    @invariant()
    def counts_are_right(self) -> None:
        assert self.spool.records == len(self.stored)
        assert self.spool.size == sum(path.stat().st_size for path in self.directory.iterdir())

    def teardown(self) -> None:
        self.spool.close()
        self.temporary.cleanup()


SpoolMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestSpoolMachine = SpoolMachine.TestCase
