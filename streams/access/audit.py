"""The audit: who read what of whom, and why, on disk before the answer leaves.

Lines of JSON in `<directory>/000001.jsonl` and so on, a new file each month or 64 MiB, chained as `chain` says; `head` says where
they end. Any number of threads, tasks and processes may record: those who wait together share one write and one sync.

An answer waits for its line's sync alone. The head is written after it and synced before the next line, so a crash of the
process loses nothing of it; a power cut may set it back by one write, never the lines.
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
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec
import structlog
from filelock import FileLock, Timeout

from connectors.sdk.errors import describe_os_error
from connectors.sdk.files import PRIVATE_FILE, make_private_directory, sync_directory
from connectors.sdk.i18n import say
from models.identities import IdentityKind
from models.revocation_reasons import RevocationReason
from models.timestamps import milliseconds, to_iso
from models.topics import Channel
from streams.access import hash_chain
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
from streams.access.permissions import Operation

KEEP_DAYS: Final = 365
FILE_BYTES: Final = 64 << 20
LOCK_SECONDS: Final = 10
"""So long a process waits for another that writes, before it refuses."""
POLL_SECONDS: Final = 0.002
"""It asks this often; to write takes some milliseconds."""
_LAST_LINE_BYTES: Final = 4096
_NAME: Final = re.compile(r"\d{6}\.jsonl")
SUBJECT_PATTERN: Final = (
    rf"(?:{'|'.join(IdentityKind)}):[0-9a-f]{{1,4}}-[A-Za-z0-9_-]{{1,22}}|"
    rf"(?:{'|'.join(Channel)}):[!-9;-~]{{1,128}}:[A-Za-z0-9._@/+-]{{1,128}}"
)
"""A pseudonym or a contact id, as a regular expression."""
CONCEALED: Final = "concealed"
"""What a name begins with that stands for one that was typed and is not known."""
_WHOSE: Final = re.compile(
    rf"|{SUBJECT_PATTERN}|{CONCEALED}:[A-Za-z0-9_-]{{22}}|token:[a-z0-9._-]{{1,64}}|erasure:[0-9a-f]{{32}}:[0-9a-f]{{64}}"
)
_ERASURE: Final = re.compile(r"|[0-9a-f]{32}")

log = structlog.get_logger(__name__)


class AuditError(Exception):
    """It was not recorded, so it must not be answered (503). The text says why, and holds no value of a record."""


class Purpose(StrEnum):
    """Why a citizen's data are looked at. A closed list: a free text would hold names."""

    CONTACT = "contact"
    """The citizen is there: on the telephone, at the desk."""
    FOLLOW_UP = "follow_up"
    """A letter, an e-mail, a form or an appointment is worked on."""
    COMPLAINT = "complaint"
    QUALITY = "quality"
    """The service looks into how it did."""
    RIGHTS = "rights"
    """The citizen asks for access, correction, erasure."""
    SECURITY = "security"
    """An incident is looked into."""
    ADMINISTRATION = "administration"
    """Of Accueil itself."""


class Result(StrEnum):
    """What came of it."""

    SHOWN = "shown"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    """The role or the sector does not allow it, or something else is in its way."""
    LIMITED = "limited"
    """The token asked too often."""
    BEGUN = "begun"
    """It is recorded first, then done."""
    PROVED = "proved"
    """It was done, and is shown by a proof."""
    DONE = "done"
    """What was begun has come about."""
    FAILED = "failed"
    """What was begun has not; of a look-up, and of what earlier releases did, it is not known whether it has."""


class Access(msgspec.Struct, frozen=True, kw_only=True, rename={"actor": "who", "subject_id": "whose"}):
    """What is recorded, beside when."""

    actor: str
    """A token's name; of who gave a command on the machine `user:<name>`, or `user:<name> (sudo: <name>)` by sudo."""
    role: str = ""
    operation: Operation
    sector: str = ""
    subject_id: str = ""
    """A pseudonym or a contact id that is known, `concealed:…` for one that is not (`streams.access.concealment`);
    `token:<name>` of a token, `erasure:<id>:<SHA-256>` of a proof."""
    why: Purpose
    result: Result
    across: str = ""
    """Why it was done in a sector that is not the token's own: the reason that the settings give."""
    ground: RevocationReason | Literal[""] = ""
    """Of a link that is revoked: why it does not hold."""
    erasure: str = ""
    """Of an erasure: the id of its request, from its beginning to its proof."""

    def __post_init__(self) -> None:
        """Refuse what was typed in place of a pseudonym."""
        if not is_audit_subject(self.subject_id):
            raise ValueError("whose is neither a pseudonym nor a contact id")
        if not _ERASURE.fullmatch(self.erasure):
            raise ValueError("erasure is no id of a request")


def is_audit_subject(text: str) -> bool:
    """Return whether a record may name this: a pseudonym, a contact id, a token, a proof, or nothing."""
    return bool(_WHOSE.fullmatch(text))


class Audit:
    """The audit in `directory`, which keeps records for `keep_days`, and up to a month more: whole files go."""

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
        """Have `access` recorded; what is returned tells its sequence, or raises `AuditError`, once that is decided."""
        waiting = _Waiting(_time(self._clock()), access, Future())
        self._pending.append(waiting)
        self._writer.submit(self._record_pending)
        return waiting.told

    def record(self, access: Access) -> int:
        """Record `access` and return its sequence once it is on disk. Raises `AuditError`: then answer nothing."""
        return self.submit(access).result()

    async def record_soon(self, access: Access) -> int:
        """Do what `record` does, and let other tasks run meanwhile."""
        return await asyncio.wrap_future(self.submit(access))

    def prune(self) -> int:
        """Remove files whose records are all older than `keep_days`, and return how many. Raises `AuditError`."""
        return self._writer.submit(self._prune_now).result()

    def close(self) -> None:
        """Wait until all is recorded."""
        self._writer.shutdown()

    # ---------------------------------------------------------------------------------------------- in the writer's thread
    def _record_pending(self) -> None:
        waiting = [self._pending.popleft() for _ in range(len(self._pending))]
        waiting = [one for one in waiting if one.told.set_running_or_notify_cancel()]
        if not waiting:
            return  # recorded with those before
        try:
            with _clear(self._directory), self._held():
                head = self._current(self._ready())
                records = [{"at": one.at, **msgspec.to_builtins(one.access)} for one in waiting]
                self._known = self._append(head, records)
                for sequence, one in enumerate(waiting, head.sequence + 1):
                    one.told.set_result(sequence)
                self._sync_head()
        except BaseException as error:  # noqa: BLE001 - each of them has to know
            for one in waiting:
                if not one.told.done():
                    one.told.set_exception(error)

    def _prune_now(self) -> int:
        with _clear(self._directory), self._held():
            head, before = self._ready(), {*_names(self._directory)}
            if head.file and self._is_old(head.file):  # one that goes is followed by one that says so
                head = self._begin(head)
            self._prune(head)
            return len(before.difference(_names(self._directory)))

    def _held(self) -> Any:
        make_private_directory(self._directory)
        return self._lock.acquire(poll_interval=POLL_SECONDS)

    def _ready(self) -> Head:
        """Return where the chain ends, once what a crash left is cut off; a damaged one goes on in a new file that tells."""
        head, _ = hash_chain.read_head(_read(self._directory / HEAD))
        names = _names(self._directory)
        if head is None and not names:
            self._save(EMPTY_HEAD)
            self._sync_head()
            return EMPTY_HEAD
        if head is None:
            return self._begin(_end_by_its_words(self._directory / names[-1]), Damage.HEAD_LOST)
        if not self._stands(head):
            return self._begin(head, Damage.TRUNCATED)
        newest = names[-1] if names else ""
        if head == self._known and newest == head.file and (self._directory / newest).stat().st_size == head.size:
            return head
        return self._adopt(head, [name for name in names if name >= head.file])

    def _stands(self, head: Head) -> bool:
        """Return whether the lines that the head tells of are there; of each, only whoever verifies makes sure."""
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
        """Take in what was written whole before a crash, cut off what was not; nothing of it was answered."""
        for name in names:
            path, start = self._directory / name, head.size if name == head.file else 0
            content = _read(path, start)
            position, whole = _follow(head.position, content)
            if start + whole == 0 and b"\n" in content:  # a crash leaves no whole line that does not belong there
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
        """Return the head, of a new file if it is time for one; then, and at first, what is too old goes."""
        if head.month != f"{self._clock():%Y-%m}" or head.size >= self._file_bytes:
            return self._prune(self._begin(head))
        return head if self._known else self._prune(head)

    def _begin(self, head: Head, damage: Damage | None = None) -> Head:
        """Begin a file that follows `head`."""
        number = max((int(name[:6]) for name in [*_names(self._directory), head.file or "000000"]), default=0) + 1
        path = self._directory / f"{number:06d}.jsonl"
        record = {"at": _time(self._clock()), "operation": BEGIN, "previous": head.last}
        if damage:
            log.error("audit_damaged", file=head.file, reason=damage.value, next_file=path.name)
            record["damage"] = damage.value
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE))
        try:
            sync_directory(self._directory)
            return self._append(Head(path.name, 0, *head.position, record["at"][:7]), [record])
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise

    def _append(self, head: Head, records: Sequence[Mapping[str, Any]]) -> Head:
        """Write records after `head` and return the new one, or leave all as it was and raise `OSError`."""
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
        """Tell in the chain which files go, then remove them, the oldest first, and return the new head."""
        gone, through = [], EMPTY_HEAD.position
        for name, following in pairwise(_names(self._directory)):
            anchor = _first(self._directory / following)
            if anchor.get("operation") != BEGIN or not self._is_old(name):
                break
            gone.append(name)
            through = ChainPosition(anchor["sequence"] - 1, anchor["previous"])
        if gone:
            told = {"through_sequence": through.sequence, "through_hash": through.hash}
            head = self._append(head, [{"at": _time(self._clock()), "operation": PRUNE, **told}])
            self._sync_head()  # on disk it may still be in a file that goes
        for name in gone:
            (self._directory / name).unlink()
            sync_directory(self._directory)
        return head

    def _is_old(self, name: str) -> bool:
        """Return whether all records of a file are older than is kept: its last one is, and can be read."""
        return str(_last(self._directory / name).get("at", "~")) < _time(self._clock() - self._keep)

    def _save(self, head: Head) -> None:
        """Write the head over the older of the two, or over the one that is torn."""
        path = self._directory / HEAD
        content = _read(path)
        newest, _ = hash_chain.read_head(content)
        first = newest is None or hash_chain.read_slot(content[:SLOT_BYTES]) != newest
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | (0 if content else os.O_CREAT), PRIVATE_FILE)
        try:
            os.lseek(descriptor, 0 if first else SLOT_BYTES, os.SEEK_SET)
            _write_all(descriptor, hash_chain.write_slot(head))
        finally:
            os.close(descriptor)
        if not content:
            sync_directory(self._directory)

    def _sync_head(self) -> None:
        descriptor = os.open(self._directory / HEAD, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


class Line(NamedTuple):
    """A line of the audit, as it stands there."""

    file: str
    line: int
    record: dict[str, Any] | None
    """None if it cannot be read."""


def read(directory: Path) -> Iterator[Line]:
    """Yield all lines, oldest first, as they are: whether they are true, `verify` says. Raises `AuditError`."""
    with _opened(directory) as (files, _):
        for name, file in files:
            for number, line in enumerate(file, 1):
                yield Line(name, number, hash_chain.read_record(line))


def verify(directory: Path, expected: ChainPosition | None = None) -> VerificationReport:
    """Check the whole audit, while others go on writing; `expected` is a mark that was noted elsewhere. Raises `AuditError`."""
    with _opened(directory) as (files, head_content):
        head, torn = hash_chain.read_head(head_content)
        report = hash_chain.verify(files, head, expected)
    if head is not None:
        report.findings += [Finding(HEAD, line, Damage.HEAD_TORN) for line in torn]
    return report


class _Waiting(NamedTuple):
    at: str
    access: Access
    told: Future[int]


@contextmanager
def _clear(directory: Path) -> Iterator[None]:
    try:
        yield
    except Timeout:
        raise AuditError(
            say(f"{directory} is held by another process", f"{directory} est tenu par un autre processus")
        ) from None
    except OSError as error:
        raise AuditError(describe_os_error(error, directory)) from error


@contextmanager
def _opened(directory: Path) -> Iterator[tuple[list[tuple[str, Iterable[bytes]]], bytes]]:
    """Open all files, and read the head, between two writes; what is removed later can still be read."""
    with ExitStack() as opened, _clear(directory):
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
    """Return what the first line of a file says."""
    with path.open("rb") as file:
        return hash_chain.read_record(file.readline()) or {}


def _last(path: Path) -> dict[str, Any]:
    """Return what the last line of a file says."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_LINE_BYTES))
        lines = file.read().splitlines()
    return hash_chain.read_record(lines[-1]) or {} if lines else {}


def _follow(position: ChainPosition, content: bytes) -> tuple[ChainPosition, int]:
    """Return the mark after the lines in `content` that follow `mark`, and how many bytes they are."""
    whole = 0
    for line in io.BytesIO(content):
        if hash_chain.check(position, line):
            break
        position, whole = hash_chain.claimed_position(line, position), whole + len(line)
    return position, whole


def _end_by_its_words(path: Path) -> Head:
    """Return the head that there would be if the file at `path` were true."""
    position, size = EMPTY_HEAD.position, 0
    with path.open("rb") as file:
        for line in file:
            position, size = hash_chain.claimed_position(line, position), size + len(line)
    return Head(path.name, size, *position, "")


def _write(path: Path, content: bytes) -> None:
    """Append to a file that is there, and wait until it is on disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        _write_all(descriptor, content)
        os.fdatasync(descriptor)
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
