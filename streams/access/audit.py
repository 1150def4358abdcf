"""Audit log of accesses to citizens' data, synced to disk before the answer is sent.

Records (`audit_records`) are lines of JSON in `<directory>/000001.jsonl` and following files. A new file begins each month or at
64 MiB. The lines form a hash chain (`hash_chain`); the file `head` holds the end of the chain. Any number of threads, tasks and
processes may record at the same time: records that wait together share one write and one sync.

An answer waits only for the sync of its line. The head is written after the line and synced before the next one. A crash of the
process loses no head. A power cut may set the head back by one write, but loses no line.
"""

import asyncio
import io
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from filelock import FileLock, Timeout

from connectors.sdk.errors import describe_os_error
from connectors.sdk.files import PRIVATE_FILE, make_private_directory, sync_directory
from models.locale import _
from models.timestamps import milliseconds, to_iso
from streams.access import hash_chain
from streams.access.audit_records import Access
from streams.access.hash_chain import (
    BEGIN,
    EMPTY_HEAD,
    HEAD,
    PRUNE,
    SLOT_BYTES,
    ChainPosition,
    Damage,
    Finding,
    Head,
    VerificationReport,
)

KEEP_DAYS: Final = 365
FILE_BYTES: Final = 64 << 20
LOCK_SECONDS: Final = 10
"""Longest wait, in seconds, for a lock that another process holds; then writes and reads raise `AuditError`."""
POLL_SECONDS: Final = 0.002
"""Pause between two attempts to take the lock, in seconds. A write takes a few milliseconds."""
_LAST_LINE_BYTES: Final = 4096
_NAME: Final = re.compile(r"\d{6}\.jsonl")

log = structlog.get_logger(__name__)


class AuditError(Exception):
    """The audit log cannot be written or read. The text contains no value of a record.

    An access that was not recorded must not be answered (503).
    """


class Audit:
    """Writer of the audit log in `directory`. It deletes whole files, so records stay `keep_days` and up to one month more."""

    def __init__(
        self,
        directory: Path,
        *,
        keep_days: int = KEEP_DAYS,
        file_bytes: int = FILE_BYTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._directory = directory
        self._keep, self._file_bytes, self._clock = timedelta(days=keep_days), file_bytes, clock
        self._lock = _lock(directory)
        self._known: Head | None = None
        self._pending: deque[_Waiting] = deque()
        self._writer = ThreadPoolExecutor(1, "audit")

    def submit(self, access: Access) -> Future[int]:
        """Queue `access` for recording. The future returns the record's sequence number or raises `AuditError`."""
        waiting = _Waiting(_time(self._clock()), access, Future())
        self._pending.append(waiting)
        self._writer.submit(self._record_pending)
        return waiting.recorded

    def record(self, access: Access) -> int:
        """Record `access` and return its sequence number once it is on disk. Raises `AuditError`."""
        return self.submit(access).result()

    async def record_soon(self, access: Access) -> int:
        """Record `access` without blocking the event loop. See `record`."""
        return await asyncio.wrap_future(self.submit(access))

    def prune(self) -> int:
        """Delete files whose records are all older than `keep_days`, record it, return their number. Raises `AuditError`."""
        return self._writer.submit(self._prune_now).result()

    def close(self) -> None:
        """Wait until all queued records are written. Later calls of `submit` raise `RuntimeError`."""
        self._writer.shutdown()

    # ---------------------------------------------------------------------------------------------- in the writer's thread
    def _record_pending(self) -> None:
        waiting = [self._pending.popleft() for _ in range(len(self._pending))]
        waiting = [item for item in waiting if item.recorded.set_running_or_notify_cancel()]
        if not waiting:
            return  # an earlier call has recorded them
        try:
            with _as_audit_errors(self._directory), self._locked():
                head = self._current(self._ready())
                records = [{"at": item.at, **msgspec.to_builtins(item.access)} for item in waiting]
                self._known = self._append(head, records)
                for sequence, item in enumerate(waiting, head.sequence + 1):
                    item.recorded.set_result(sequence)
                self._sync_head()
        except BaseException as error:  # noqa: BLE001 - every waiting caller must receive the error
            for item in waiting:
                if not item.recorded.done():
                    item.recorded.set_exception(error)

    def _prune_now(self) -> int:
        with _as_audit_errors(self._directory), self._locked():
            head, before = self._ready(), {*_names(self._directory)}
            if head.file and self._is_old(head.file):  # the newest file can only be deleted after a newer one exists
                head = self._begin(head)
            self._prune(head)
            return len(before.difference(_names(self._directory)))

    def _locked(self) -> Any:
        make_private_directory(self._directory)
        return self._lock.acquire(poll_interval=POLL_SECONDS)

    def _ready(self) -> Head:
        """Return the head after recovery: cut off what a crash left, or continue a damaged chain in a new file that says so."""
        head, _ = hash_chain.read_head(_read(self._directory / HEAD))
        names = _names(self._directory)
        if head is None and not names:
            self._save(EMPTY_HEAD)
            self._sync_head()
            return EMPTY_HEAD
        if head is None:
            return self._begin(_end_as_claimed(self._directory / names[-1]), Damage.HEAD_LOST)
        if not self._matches_file(head):
            return self._begin(head, Damage.TRUNCATED)
        newest = names[-1] if names else ""
        if head == self._known and newest == head.file and (self._directory / newest).stat().st_size == head.size:
            return head
        return self._adopt(head, [name for name in names if name >= head.file])

    def _matches_file(self, head: Head) -> bool:
        """Return whether the file named in `head` reaches its size, with a last line that claims its position.

        True for the empty head. The lines before are checked only by `verify`.
        """
        if head == EMPTY_HEAD:
            return True
        try:
            with (self._directory / head.file).open("rb") as file:
                start = max(0, head.size - _LAST_LINE_BYTES)
                file.seek(start)
                end = file.read(head.size - start)
        except FileNotFoundError:
            return False
        last = end.splitlines(keepends=True)[-1:]
        return (
            start + len(end) == head.size
            and hash_chain.claimed_position(b"".join(last), EMPTY_HEAD.position) == head.position
        )

    def _adopt(self, head: Head, names: Sequence[str]) -> Head:
        """Accept complete lines that a crash left after `head` in the files `names`, cut off the rest, return the new head.

        No request of the rest was answered. A file whose complete first line breaks the chain is kept, and a new file is begun.
        """
        for name in names:
            path, start = self._directory / name, head.size if name == head.file else 0
            content = _read(path, start)
            position, whole = _follow(head.position, content)
            if start + whole == 0 and b"\n" in content:  # a crash leaves no complete line that breaks the chain
                return self._begin(head, Damage.MISPLACED)
            if cut := len(content) - whole:
                log.warning("audit_cut", file=name, bytes_cut=cut, records_kept=position.sequence)
            if start + whole == 0:
                path.unlink()
                sync_directory(self._directory)
            elif content:
                _cut(path, start + whole)
                month = head.month if name == head.file else _first(path)["at"][:7]
                head = Head(name, start + whole, *position, month)
                self._save(head)
            if cut:
                break
        return head

    def _current(self, head: Head) -> Head:
        """Return `head`, or that of a new file in a new month or at `file_bytes`. Prune then, and at the first call."""
        if head.month != f"{self._clock():%Y-%m}" or head.size >= self._file_bytes:
            return self._prune(self._begin(head))
        return head if self._known else self._prune(head)

    def _begin(self, head: Head, damage: Damage | None = None) -> Head:
        """Begin a new file that follows `head`, and return the new head. A `damage` is logged and recorded in its first line."""
        number = max((int(name[:6]) for name in [*_names(self._directory), head.file or "000000"]), default=0) + 1
        path = self._directory / f"{number:06d}.jsonl"
        record = {"at": _time(self._clock()), "operation": BEGIN, "previous": head.last}
        if damage:
            log.error("audit_damaged", file=head.file, reason=damage.value, next_file=path.name)
            record["damage"] = damage.value
        with _opened_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL):
            pass
        try:
            sync_directory(self._directory)
            return self._append(Head(path.name, 0, *head.position, record["at"][:7]), [record])
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise

    def _append(self, head: Head, records: Sequence[Mapping[str, Any]]) -> Head:
        """Append records after `head` and return the new head. On `OSError`, try to cut the file back to `head`, and raise."""
        lines, position = [], head.position
        for record in records:
            line, position = hash_chain.add(position, record)
            lines.append(line)
        content = b"".join(lines)
        path = self._directory / head.file
        try:
            _write(path, content)
            after = Head(head.file, head.size + len(content), *position, head.month)
            self._save(after)
        except OSError:
            with suppress(OSError):
                _cut(path, head.size)
            raise
        return after

    def _prune(self, head: Head) -> Head:
        """Record in the chain which files expire, delete them, oldest first, and return the new head."""
        gone, through = [], EMPTY_HEAD.position
        for name, following in pairwise(_names(self._directory)):
            anchor = _first(self._directory / following)
            if anchor.get("operation") != BEGIN or not self._is_old(name):
                break
            gone.append(name)
            through = ChainPosition(anchor["sequence"] - 1, anchor["previous"])
        if gone:
            pruned = {"through_sequence": through.sequence, "through_hash": through.hash}
            head = self._append(head, [{"at": _time(self._clock()), "operation": PRUNE, **pruned}])
            self._sync_head()  # the synced head may still refer to a file that is about to be deleted
        for name in gone:
            (self._directory / name).unlink()
            sync_directory(self._directory)
        return head

    def _is_old(self, name: str) -> bool:
        """Return whether the last record of a file, and so all of them, is older than `keep_days`; false if it is unreadable."""
        return str(_last(self._directory / name).get("at", "~")) < _time(self._clock() - self._keep)

    def _save(self, head: Head) -> None:
        """Write the head over the older of its two slots, or over a torn one, and cut off content after them. Do not sync."""
        path = self._directory / HEAD
        content = _read(path)
        newest, _ = hash_chain.read_head(content)
        first = newest is None or hash_chain.read_slot(content[:SLOT_BYTES]) != newest
        with _opened_file(path, os.O_WRONLY | (0 if content else os.O_CREAT)) as descriptor:
            os.lseek(descriptor, 0 if first else SLOT_BYTES, os.SEEK_SET)
            _write_all(descriptor, hash_chain.write_slot(head))
            if len(content) > 2 * SLOT_BYTES:
                os.ftruncate(descriptor, 2 * SLOT_BYTES)
        if not content:
            sync_directory(self._directory)

    def _sync_head(self) -> None:
        with _opened_file(self._directory / HEAD, os.O_RDONLY) as descriptor:
            os.fdatasync(descriptor)


class Line(NamedTuple):
    """A line of the audit log, not verified: name of its file, and its number there from 1."""

    file: str
    line: int
    record: dict[str, Any] | None
    """None if the line is not a JSON object."""


def read(directory: Path) -> Iterator[Line]:
    """Yield all lines, oldest first, not verified; none if `directory` does not exist. The iteration raises `AuditError`."""
    with _opened(directory) as (files, _):
        for name, file in files:
            for number, line in enumerate(file, 1):
                yield Line(name, number, hash_chain.read_record(line))


def verify(directory: Path, expected: ChainPosition | None = None) -> VerificationReport:
    """Check the whole log, also during writes. `expected` is a position that was noted elsewhere. Raises `AuditError`."""
    with _opened(directory) as (files, head_content):
        head, torn = hash_chain.read_head(head_content)
        report = hash_chain.verify(files, head, expected)
    if head is not None:
        report.findings += [Finding(HEAD, line, Damage.HEAD_TORN) for line in torn]
    return report


class _Waiting(NamedTuple):
    at: str
    access: Access
    recorded: Future[int]


@contextmanager
def _as_audit_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except Timeout:
        raise AuditError(_("{directory} is locked by another process", directory=directory)) from None
    except OSError as error:
        raise AuditError(describe_os_error(error, directory)) from error


@contextmanager
def _opened(directory: Path) -> Iterator[tuple[list[tuple[str, Iterable[bytes]]], bytes]]:
    """Yield name and open file of all files, oldest first, and the content of the head, as between two writes.

    Both are empty without a directory.
    """
    with ExitStack() as opened, _as_audit_errors(directory):
        if not directory.is_dir():
            yield [], b""
            return
        with _lock(directory):
            names = _names(directory)
            files: list[tuple[str, Iterable[bytes]]] = [
                (name, opened.enter_context((directory / name).open("rb"))) for name in names
            ]
            head = _read(directory / HEAD)
        yield files, head


def _lock(directory: Path) -> FileLock:
    return FileLock(directory / "lock", timeout=LOCK_SECONDS, mode=PRIVATE_FILE, thread_local=False)


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if _NAME.fullmatch(path.name))


def _read(path: Path, start: int = 0) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return b""


def _first(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return hash_chain.read_record(file.readline()) or {}


def _last(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_LINE_BYTES))
        lines = file.read().splitlines()
    return hash_chain.read_record(lines[-1]) or {} if lines else {}


def _follow(position: ChainPosition, content: bytes) -> tuple[ChainPosition, int]:
    """Return the end of the chain from `position` along the first lines of `content`, and the size of these lines in bytes."""
    whole = 0
    for line in io.BytesIO(content):
        if hash_chain.check(position, line):
            break
        position, whole = hash_chain.claimed_position(line, position), whole + len(line)
    return position, whole


def _end_as_claimed(path: Path) -> Head:
    """Return the head that follows from the file at `path`, without verifying it."""
    position, size = EMPTY_HEAD.position, 0
    with path.open("rb") as file:
        for line in file:
            position, size = hash_chain.claimed_position(line, position), size + len(line)
    return Head(path.name, size, *position, "")


def _write(path: Path, content: bytes) -> None:
    """Append `content`, which may be empty, to an existing file and sync it to disk."""
    with _opened_file(path, os.O_WRONLY | os.O_APPEND) as descriptor:
        _write_all(descriptor, content)
        os.fdatasync(descriptor)


@contextmanager
def _opened_file(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _cut(path: Path, size: int) -> None:
    os.truncate(path, size)
    _write(path, b"")


def _time(moment: datetime) -> str:
    return to_iso(milliseconds(moment))
