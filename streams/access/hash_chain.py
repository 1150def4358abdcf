"""The chain of an audit, as pure functions: each line bears the SHA-256 of the hash before it and of its own record.

A line is one JSON object, `{"hash":"<64 hexadecimal digits>",<record>}` and a newline. What is hashed are bytes: a change of any
of them is found. A record bears its `sequence`; the first of each file (`begin_file`) also the hash that it follows, so that a
file can be checked when those before it are gone, and a `prune` says up to where they went.

No key is needed to check a chain, so none protects it: who may write all of these files can write another history. Only a hash
that was noted elsewhere (`expected`) tells.
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
"""The file that says where the chain ends."""
SLOT_BYTES: Final = 512
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BEFORE, _AFTER, _DIGITS = b'{"hash":"', b'",', 64
_STATED: Final = slice(len(_BEFORE), len(_BEFORE) + _DIGITS)
_BODY: Final = slice(len(_BEFORE) + _DIGITS + len(_AFTER), -1)


class ChainPosition(NamedTuple):
    """A place in the chain: the line that was written there, and all before it."""

    sequence: int
    hash: str


START: Final = ChainPosition(0, "0" * _DIGITS)


class Head(msgspec.Struct, frozen=True):
    """Where the chain ends: what was answered stands before it."""

    file: str
    size: int
    """Of that file, in bytes."""
    sequence: int
    last: str
    """Hash of the last line."""
    month: str
    """In which the file was begun, as in `2026-11`."""

    @property
    def position(self) -> ChainPosition:
        """The last line."""
        return ChainPosition(self.sequence, self.last)


EMPTY_HEAD: Final = Head("", 0, *START, "")
"""The head before the first line."""


class Damage(StrEnum):
    """What is wrong with a place."""

    CHANGED = "changed"
    MISPLACED = "misplaced"
    """Another line than the one that belongs here: lines were removed, moved or put in, at this place."""
    TRUNCATED = "truncated"
    """Lines that were written are missing at the end."""
    MISSING_BEFORE = "missing_before"
    """Lines before the first file are gone, and no `prune` says so."""
    HEAD_TORN = "head_torn"
    """A line of the head is not whole: a crash, or a change. The other one holds; who writes next mends it."""
    HEAD_LOST = "head_lost"
    """The file that says where the chain ends is not there, or says nothing."""
    HEAD_DIFFERS = "head_differs"
    """The chain is whole, and its end is another than was noted."""
    RESUMED = "resumed"
    """Whoever wrote found damage before this line."""
    REWRITTEN = "rewritten"
    """The chain is whole, and is another than the one of which a hash was noted elsewhere."""


class Finding(NamedTuple):
    """Damage, and where it begins."""

    file: str
    line: int
    damage: Damage
    expected: int = 0
    """Sequence that belongs there."""


@dataclass
class VerificationReport:
    """What came of a check."""

    findings: list[Finding] = field(default_factory=list)
    lines: int = 0
    begun: ChainPosition = START
    """What the first line that is there follows."""
    last: ChainPosition = START
    unfinished_bytes: int = 0
    """What a crash left after the end; the next who writes cuts it off. Nothing of it was answered."""


def add(after: ChainPosition, record: Mapping[str, Any]) -> tuple[bytes, ChainPosition]:
    """Return the line that follows `after`, and its mark."""
    body = msgspec.json.encode({"sequence": after.sequence + 1, **record})
    digest = _digest(after.hash, body)
    return _line(digest, body), ChainPosition(after.sequence + 1, digest)


def check(after: ChainPosition, line: bytes) -> Damage | None:
    """Return what is wrong with `line`, if it is not byte for byte the one that was written after `after`."""
    body = b"{" + line[_BODY]
    sequence = _claimed_sequence(line)
    if line == _line(_digest(after.hash, body), body) and sequence == after.sequence + 1:
        return None
    return Damage.CHANGED if sequence in {None, after.sequence + 1} else Damage.MISPLACED


def read_record(line: bytes) -> dict[str, Any] | None:
    """Return what a line says, be it true or not; None if it is not readable."""
    try:
        record = msgspec.json.decode(line)
    except _UNREADABLE:
        return None
    return record if isinstance(record, dict) else None


def claimed_position(line: bytes, after: ChainPosition) -> ChainPosition:
    """Return the mark of a line by its own words, so that those after it can be checked whatever it is."""
    return ChainPosition(_claimed_sequence(line) or after.sequence + 1, line[_STATED].decode("latin-1"))


def write_slot(head: Head) -> bytes:
    """Return a head as its file holds it: with a checksum, and always of one length, so that it is written in place."""
    body = msgspec.json.encode(head)
    return _line(_digest("", body), body)[:-1].ljust(SLOT_BYTES - 1) + b"\n"


def read_slot(slot: bytes) -> Head | None:
    """Return the head that a slot holds; None if it is not whole."""
    try:
        head = msgspec.json.decode(b"{" + slot.rstrip()[_BODY.start :], type=Head)
    except _UNREADABLE:
        return None
    return head if write_slot(head) == slot else None


def read_head(content: bytes) -> tuple[Head | None, list[int]]:
    """Return the later head of the two that the file holds, and the lines of those that are not whole.

    There are two, written in turn, because a crash may tear the one that is being written.
    """
    slots = [content[start : start + SLOT_BYTES] for start in range(0, len(content), SLOT_BYTES)]
    heads = [read_slot(slot) for slot in slots]
    torn = [line for line, head in enumerate(heads, 1) if head is None or line > 2]
    return max(filter(None, heads[:2]), key=lambda head: head.sequence, default=None), torn


def verify(
    files: Iterable[tuple[str, Iterable[bytes]]], head: Head | None, expected: ChainPosition | None = None
) -> VerificationReport:
    """Check the lines of all files, in order, against each other, against the head, and against a mark that was noted.

    What stands beyond the head is a crash's, or being written: it is followed as far as it is whole, and is no damage.
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
        """The head's place was passed."""

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
