"""The hash chain of the audit log: any changed byte and any moved line is found with its position."""

from hypothesis import given
from hypothesis import strategies as st

from streams.access.hash_chain import (
    BEGIN,
    EMPTY_HEAD,
    PRUNE,
    START,
    ChainPosition,
    Damage,
    Finding,
    Head,
    VerificationReport,
    add,
    check,
    read_slot,
    verify,
)

Files = list[tuple[str, list[bytes]]]


def chain(*sizes: int, after: ChainPosition = START) -> tuple[Files, Head, list[ChainPosition]]:
    """Files of this many lines, their head, and all positions."""
    position, files, positions = after, [], []
    for number, size in enumerate(sizes, 1):
        lines = []
        for n in range(size):
            record = {"operation": BEGIN, "previous": position.hash} if n == 0 else {"who": "guichet", "n": n}
            line, position = add(position, record)
            lines.append(line)
            positions.append(position)
        files.append((f"{number:06d}.jsonl", lines))
    name, lines = files[-1]
    return files, Head(name, sum(map(len, lines)), *position, "2026-11"), positions


def first(report: VerificationReport) -> Finding:
    return report.findings[0]


def read_again(content: bytes) -> list[bytes]:
    """Return the lines of a file as they are read: split at newlines only."""
    parts = content.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


FILES, HEAD, POSITIONS = chain(4, 1, 5)


def test_intact_chain_has_no_findings() -> None:
    assert verify(FILES, HEAD) == VerificationReport([], 10, START, POSITIONS[-1])
    assert all(verify(FILES, HEAD, position).findings == [] for position in POSITIONS)
    assert verify([], EMPTY_HEAD) == verify([], None) == VerificationReport()


@given(st.sampled_from([0, 2]), st.data())
def test_removed_duplicate_moved_and_inserted_lines_are_found(which: int, data: st.DataObject) -> None:
    name, lines = FILES[which]
    one, other = sorted(data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=2, max_size=2, unique=True)))
    foreign = data.draw(st.sampled_from([b"\n", b"{}\n", b'{"sequence":3}\n', *FILES[1][1]]))
    swapped = [*lines]
    swapped[one], swapped[other] = lines[other], lines[one]
    for place, rest in (
        (one + 1, lines[:one] + lines[one + 1 :]),
        (one + 2, lines[: one + 1] + lines[one:]),
        (one + 1, swapped),
        (one + 1, [*lines[:one], foreign, *lines[one:]]),
    ):
        found = first(verify([*FILES[:which], (name, rest), *FILES[which + 1 :]], HEAD))
        assert (found.file, found.line) == (name, place)


@given(st.integers(1, 4), st.integers(0, 300))
def test_truncation_is_found(lines_left: int, bytes_cut: int) -> None:
    name, lines = FILES[2]
    content = b"".join(lines[: lines_left + 1])
    content = content[: max(len(b"".join(lines[:lines_left])), len(content) - bytes_cut - 1)]
    found = first(verify([*FILES[:2], (name, read_again(content))], HEAD))
    assert (found.file, found.line) == (name, lines_left + 1)


def test_missing_file_is_found() -> None:
    assert first(verify([FILES[0], FILES[2]], HEAD)) == Finding("000003.jsonl", 1, Damage.MISPLACED, 5)
    assert first(verify(FILES[1:], HEAD)) == Finding("000002.jsonl", 1, Damage.MISSING_BEFORE, 1)
    assert first(verify(FILES[:2], HEAD)) == Finding("000002.jsonl", 2, Damage.TRUNCATED, 6)
    assert first(verify([], HEAD)) == Finding("000003.jsonl", 1, Damage.TRUNCATED, 1)


def test_pruned_files_are_no_damage() -> None:
    through = POSITIONS[4]
    line, position = add(
        POSITIONS[-1], {"operation": PRUNE, "through_sequence": through.sequence, "through_hash": through.hash}
    )
    files = [*FILES[:2], (FILES[2][0], [*FILES[2][1], line])]
    head = Head(HEAD.file, HEAD.size + len(line), *position, HEAD.month)
    for begin in range(3):  # also if the pruning process was killed in between
        assert verify(files[begin:], head).findings == []
    assert verify(files[2:], head).begun == through


def test_lines_after_the_head_are_followed_while_complete() -> None:
    short = Head("000003.jsonl", len(b"".join(FILES[2][1][:3])), *POSITIONS[7], "2026-11")
    assert verify(FILES, short) == VerificationReport([], 10, START, POSITIONS[-1])
    torn = [*FILES[:2], (FILES[2][0], [*FILES[2][1][:4], FILES[2][1][4][:30]])]
    assert verify(torn, short) == VerificationReport([], 9, START, POSITIONS[-2], 30)


def test_rewritten_history_is_found_by_the_expected_hash() -> None:
    name = FILES[0][0]
    line, position = add(START, {"operation": BEGIN, "previous": START.hash, "at": "another"})
    lines = [line]
    for n in range(1, 10):
        line, position = add(position, {"n": n})
        lines.append(line)
    head = Head(name, sum(map(len, lines)), *position, "2026-11")
    assert verify([(name, lines)], head).findings == []
    assert first(verify([(name, lines)], head, POSITIONS[3])) == Finding(name, 4, Damage.REWRITTEN)
    assert first(verify([(name, lines)], head, ChainPosition(11, "a" * 64))) == Finding(name, 11, Damage.TRUNCATED, 11)


def test_different_or_missing_head_is_found() -> None:
    assert first(verify(FILES, None)).damage is Damage.HEAD_LOST
    assert first(verify(FILES, Head(HEAD.file, HEAD.size, HEAD.sequence, "0" * 64, ""))).damage is Damage.HEAD_DIFFERS
    assert first(verify(FILES, Head(HEAD.file, HEAD.size + 1, *HEAD.position, ""))).damage is Damage.HEAD_DIFFERS


@given(st.binary(max_size=200))
def test_any_line_content_is_checked(content: bytes) -> None:
    assert check(START, content) in {Damage.CHANGED, Damage.MISPLACED}
    assert read_slot(content) is None
    assert verify([("000001.jsonl", read_again(content))], EMPTY_HEAD) == VerificationReport(
        unfinished_bytes=len(content)
    )
