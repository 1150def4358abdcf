"""Hash chain of the audit log, as pure functions: each line contains the SHA-256 of the previous hash and of its own record.

A line is one JSON object, `{"hash":"<64 hexadecimal digits>",<record>}`, and a newline. The hash covers bytes, so any change is
detected. A record contains its `sequence`. The first record of a file (`begin_file`) also contains the hash that it follows, so
that a file can be checked after earlier ones were deleted. A `prune` record has the position of the last deleted line.

The chain has no key, so it does not protect against an author who can write all of these files and replaces the whole history.
Only a hash that was noted elsewhere (`expected`) reveals that.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

BEGIN: Final = "begin_file"
PRUNE: Final = "prune"
HEAD: Final = "head"
"""Name of the file that holds the end of the chain."""
SLOT_BYTES: Final = 512
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BEFORE, _AFTER, _DIGITS = b'{"hash":"', b'",', 64
_STATED: Final = slice(len(_BEFORE), len(_BEFORE) + _DIGITS)
_BODY: Final = slice(len(_BEFORE) + _DIGITS + len(_AFTER), -1)


class ChainPosition(NamedTuple):
    """Position in the chain: a sequence number and the hash of that line, which covers all lines before it."""

    sequence: int
    hash: str


START: Final = ChainPosition(0, "0" * _DIGITS)


class Head(msgspec.Struct, frozen=True):
    """End of the chain: file and position of the last line. After a power cut, it may be one write behind the files."""

    file: str
    size: int
    """Size of `file` up to the end of the last line, in bytes."""
    sequence: int
    last: str
    """Hash of the last line."""
    month: str
    """Month in which the file was begun, such as `2026-11`."""

    @property
    def position(self) -> ChainPosition:
        """Position of the last line."""
        return ChainPosition(self.sequence, self.last)


EMPTY_HEAD: Final = Head("", 0, *START, "")
"""The head before the first line."""


class Damage(StrEnum):
    """Kind of damage to the audit log."""

    CHANGED = "changed"
    MISPLACED = "misplaced"
    """Another line than expected: lines were removed, moved or inserted here."""
    TRUNCATED = "truncated"
    """Lines are missing at the end: up to the end in the head, or to the position noted elsewhere."""
    MISSING_BEFORE = "missing_before"
    """Lines before the first file are missing, and no `prune` record mentions them."""
    HEAD_TORN = "head_torn"
    """One of the two slots of the head is incomplete, after a crash or a change. The other is used; the next write repairs it.

    Also content after the two slots, which the next write cuts off."""
    HEAD_LOST = "head_lost"
    """The head file is missing or unreadable."""
    HEAD_DIFFERS = "head_differs"
    """The lines at the end are intact, but the end is not the one in the head."""
    RESUMED = "resumed"
    """A writer found damage before this line and continued in a new file."""
    REWRITTEN = "rewritten"
    """The line is intact, but its hash differs from the hash noted elsewhere for its sequence number."""


class Finding(NamedTuple):
    """Damage, and the file and line where it begins. Lines are counted from 1; in the head, its slots."""

    file: str
    line: int
    damage: Damage
    expected: int = 0
    """Expected sequence number; 0 if the damage concerns no particular one."""


@dataclass
class VerificationReport:
    """Result of a verification."""

    findings: list[Finding] = field(default_factory=list)
    lines: int = 0
    begun: ChainPosition = START
    """Position before the first existing line."""
    last: ChainPosition = START
    unfinished_bytes: int = 0
    """Bytes after the end that do not continue the chain, left by a crash or a write in progress. None of their requests was
    answered."""


def add(after: ChainPosition, record: Mapping[str, Any]) -> tuple[bytes, ChainPosition]:
    """Return the line of `record`, which follows `after`, and its position."""
    body = msgspec.json.encode({"sequence": after.sequence + 1, **record})
    digest = _digest(after.hash, body)
    return _line(digest, body), ChainPosition(after.sequence + 1, digest)


def check(after: ChainPosition, line: bytes) -> Damage | None:
    """Return None if `line` is the line written after `after`, `MISPLACED` if it has another sequence number, else `CHANGED`."""
    body = b"{" + line[_BODY]
    sequence = _claimed_sequence(line)
    if line == _line(_digest(after.hash, body), body) and sequence == after.sequence + 1:
        return None
    return Damage.CHANGED if sequence in {None, after.sequence + 1} else Damage.MISPLACED


def read_record(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line with its `hash`, not verified; None if the line is not a JSON object."""
    try:
        record = msgspec.json.decode(line)
    except _UNREADABLE:
        return None
    return record if isinstance(record, dict) else None


def claimed_position(line: bytes, after: ChainPosition) -> ChainPosition:
    """Return the position that a line claims, so that later lines can be checked; if it has no number, that after `after`."""
    return ChainPosition(_claimed_sequence(line) or after.sequence + 1, line[_STATED].decode("latin-1"))


def write_slot(head: Head) -> bytes:
    """Return a head as one slot of its file: with a checksum and of fixed length, so that it can be overwritten in place."""
    body = msgspec.json.encode(head)
    return _line(_digest("", body), body)[:-1].ljust(SLOT_BYTES - 1) + b"\n"


def read_slot(slot: bytes) -> Head | None:
    """Return the head in a slot; None if the slot is incomplete or its checksum is wrong."""
    try:
        head = msgspec.json.decode(b"{" + slot.rstrip()[_BODY.start :], type=Head)
    except _UNREADABLE:
        return None
    return head if write_slot(head) == slot else None


def read_head(content: bytes) -> tuple[Head | None, list[int]]:
    """Return the newer head of the two slots, None if neither is readable, and the unreadable slots, counted from 1.

    Content after the two slots counts as further unreadable slots. The two slots are written alternately because a crash may
    tear the one being written.
    """
    slots = [content[start : start + SLOT_BYTES] for start in range(0, len(content), SLOT_BYTES)]
    heads = [read_slot(slot) for slot in slots]
    torn = [line for line, head in enumerate(heads, 1) if head is None or line > 2]
    return max(filter(None, heads[:2]), key=lambda head: head.sequence, default=None), torn


def verify(
    files: Iterable[tuple[str, Iterable[bytes]]], head: Head | None, expected: ChainPosition | None = None
) -> VerificationReport:
    """Check the lines of all files, in order, against each other, the head and an expected position.

    Lines after the head were left by a crash or are being written. They are followed while complete and are no damage.
    """
    walk = _Walk(head, expected)
    for name, lines in files:
        walk.enter(name)
        for line in lines:
            walk.take(line)
    return walk.finish()


class _Walk:
    def __init__(self, head: Head | None, expected: ChainPosition | None) -> None:
        self._head, self._expected = head, expected
        self._report = VerificationReport()
        self._pruned = START
        self._first = self._file = ""
        self._line = self._size = 0
        self._ended = head == EMPTY_HEAD
        """True once the walk has reached the end in the head; from the start if the head is that of an empty log."""

    def enter(self, name: str) -> None:
        self._file, self._line, self._size = name, 0, 0
        self._first = self._first or name

    def take(self, line: bytes) -> None:
        report = self._report
        self._line += 1
        self._size += len(line)
        record = read_record(line) or {}
        if report.lines == 0:
            report.begun = report.last = _followed(record)
        damage = check(report.last, line)
        if self._ended and (damage or report.unfinished_bytes):
            report.unfinished_bytes += len(line)
            return
        expected, report.last = report.last.sequence + 1, claimed_position(line, report.last)
        report.lines += 1
        if damage:
            self._find(damage, expected)
        if record.get("operation") == BEGIN and "damage" in record:
            self._find(Damage.RESUMED)
        if not damage:
            self._read(record)
        if self._head is not None and (self._file, self._size) == (self._head.file, self._head.size):
            self._ended = True
            if not damage and report.last != self._head.position:
                self._find(Damage.HEAD_DIFFERS)

    def finish(self) -> VerificationReport:
        report, head, expected = self._report, self._head, self._expected
        begun, last, pruned = report.begun, report.last, self._pruned
        if begun.sequence > pruned.sequence or (begun.sequence == pruned.sequence and begun.hash != pruned.hash):
            report.findings.insert(0, Finding(self._first, 1, Damage.MISSING_BEFORE, pruned.sequence + 1))
        if head is None:
            if report.lines:
                report.findings.append(Finding(HEAD, 1, Damage.HEAD_LOST))
        elif not self._ended and last.sequence < head.sequence:
            self._file = self._file or head.file
            self._line += 1
            self._find(Damage.TRUNCATED, last.sequence + 1)
        elif not self._ended and not report.findings:
            report.findings.append(Finding(HEAD, 1, Damage.HEAD_DIFFERS))
        if expected is not None and expected.sequence > last.sequence and not report.findings:
            self._line += 1
            self._find(Damage.TRUNCATED, last.sequence + 1)
        return report

    def _read(self, record: Mapping[str, Any]) -> None:
        last = self._report.last
        if record.get("operation") == PRUNE:
            self._pruned = ChainPosition(record["through_sequence"], record["through_hash"])
        if self._expected is not None and last.sequence == self._expected.sequence and last != self._expected:
            self._find(Damage.REWRITTEN)

    def _find(self, damage: Damage, expected: int = 0) -> None:
        self._report.findings.append(Finding(self._file, self._line, damage, expected))


def _followed(record: Mapping[str, Any]) -> ChainPosition:
    previous, sequence = record.get("previous"), record.get("sequence")
    return ChainPosition(sequence - 1, previous) if isinstance(previous, str) and isinstance(sequence, int) else START


def _claimed_sequence(line: bytes) -> int | None:
    sequence = (read_record(line) or {}).get("sequence")
    return sequence if isinstance(sequence, int) and not isinstance(sequence, bool) else None


def _digest(before: str, body: bytes) -> str:
    return hashlib.sha256(before.encode() + body).hexdigest()


def _line(digest: str, body: bytes) -> bytes:
    return b"".join((_BEFORE, digest.encode(), _AFTER, body[1:], b"\n"))
