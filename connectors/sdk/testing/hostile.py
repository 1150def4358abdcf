"""Records made to stop a connector: deep nesting, quadratic input, huge fields, invalid bytes."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any, Final

LARGE_BYTES: Final = 10 << 20
"""Size of the largest contents."""
CONTENTS: Final[dict[str, bytes]] = {
    "nested comments": b"(" * 20_000,
    "closed comments": b"(" * 490 + b")" * 490,
    "groups": b"a:" * 1_000,
    "nested JSON": b"[" * 50_000,
    "nested objects": b'{"a":' * 10_000,
    "nested XML": b"<a>" * 20_000,
    "entities": b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>',
    "nested MIME": b"multipart/mixed; boundary=" + b"multipart/mixed;boundary=" * 1_000,
    "one long word": b"a" * 60_000,
    "addresses": b"a@" * 30_000,
    "comment of one word": b"(" + b"a" * 30_000,
    "digits": b"9" * 5_000,
    "digits apart": b"1." * 30_000,
    "quotes": b'"\\' * 30_000,
    "percent signs": b"%" * 60_000,
    "columns by bar": b"|" * 60_000,
    "columns by semicolon": b";".join(b"c%d" % n for n in range(8_000)),
    "columns by comma": b"," * 60_000,
    "NUL": b"\0" * 1_000,
    "lone surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "no UTF-8": b"\xff\xfe\xe9\xc3",
    "spaces": b" " * 60_000,
    "escapes": b"\x1b[2J\x07\r",
    "first time": b"0001-01-01T00:00:00+14:00",
    "last time": b"9999-12-31T23:59:59.999999-14:00",
    "long": b"x" * LARGE_BYTES,
}
"""Contents of a record or of one of its fields."""
VALUES: Final[dict[str, bytes]] = {
    "nested lists": b"[" * 5_000 + b"]" * 5_000,
    "nested objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "long list": b"[" + b"{}," * 10_000 + b"{}]",
    "columns": b"{" + b",".join(b'"c%d":1' % n for n in range(5_000)) + b"}",
    "comments": b'"' + b"(" * 20_000 + b'"',
    "addresses": b'"' + b"a@" * 20_000 + b'"',
    "digits apart": b'"' + b"1." * 20_000 + b'"',
    "digits": b"9" * 5_000,
    "large number": b"1e9999",
    "large whole number": b"18446744073709551616",
    "NUL": b'"\\u0000"',
    "lone surrogate": b'"\\ud800"',
    "no UTF-8": b'"\xff\xed\xa0\x80"',
    "long": b'"' + b"x" * 40_000 + b'"',
    "null": b"null",
    "first time": b'"0001-01-01T00:00:00+14:00"',
    "last time": b'"9999-12-31T23:59:59.999999-14:00"',
    "escape": b'"\\u001b[2J"',
}
"""JSON values. Not every JSON library accepts all of them."""
LARGE_VALUE: Final = b'"' + CONTENTS["long"] + b'"'
"""Another value, for sources without a limit below `LARGE_BYTES`."""


def hostile_fields(record: bytes, separator: bytes) -> Iterator[bytes]:
    """Yield copies of a record of separated fields, each with one field replaced by one of `CONTENTS` without line ends."""
    fields = record.split(separator)
    contents = [content.replace(b"\r", b"") for content in CONTENTS.values()]
    for number, content in _rotate(len(fields), contents):
        yield separator.join([*fields[:number], content, *fields[number + 1 :]])


def hostile_json(record: Any) -> Iterator[bytes]:
    """Yield copies of a record as JSON, each with one value replaced by one of `VALUES`."""
    copies = [json.dumps(copy).encode() for copy in replaced(record, "@@hostile@@")]
    for number, value in _rotate(len(copies), [*VALUES.values()]):
        yield copies[number].replace(b'"@@hostile@@"', value)


def replaced(node: Any, value: Any) -> Iterator[Any]:
    """Yield copies of a JSON value, each with one of the values inside it, at any depth, replaced by `value`."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in children:
        for new in chain([value], replaced(child, value)):
            copy = node.copy()
            copy[step] = new
            yield copy


def _rotate(fields: int, contents: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield pairs of field number and content, so that each number and each content occurs at least once."""
    yield from islice(zip(cycle(range(fields)), cycle(contents), strict=False), max(fields, len(contents)))


def grown_bytes(work: Callable[[], object]) -> int:
    """Return the peak growth in bytes of this process's memory during `work`; 0 where the system does not report it."""
    status, peak = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        peak.write_text("5", encoding="ascii")  # proc(5): this resets the peak
        before = _kilobytes(status, "VmRSS")
    except OSError:
        work()
        return 0
    work()
    return (_kilobytes(status, "VmHWM") - before) << 10


def _kilobytes(status: Path, name: str) -> int:
    line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])
