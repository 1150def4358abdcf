"""The audit log on disk: synced before the answer, shared by threads and processes, safe against kills and full disks."""

import json
import os
import resource
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from streams.access.audit import Audit, AuditError, read, verify
from streams.access.audit_records import Access, Purpose, Result
from streams.access.hash_chain import HEAD, SLOT_BYTES, START, ChainPosition, Damage, read_head
from streams.access.permissions import Operation
from tests.support.kills import kill_at_every_disk_operation, run_in_child

NOVEMBER = datetime(2026, 11, 25, 8, tzinfo=UTC)


def access(number: int = 0, actor: str = "guichet") -> Access:
    return Access(
        actor=actor,
        role="agent",
        operation=Operation.LOOK_UP,
        sector="general",
        subject_id=f"phone:a1b2-{number}",
        why=Purpose.CONTACT,
        result=Result.SHOWN,
    )


def subjects(directory: Path) -> list[str]:
    records = [line.record or {} for line in read(directory)]
    return [record["whose"] for record in records if "whose" in record]


def head_of(directory: Path) -> ChainPosition:
    head, torn = read_head((directory / HEAD).read_bytes())
    assert head is not None
    assert torn == []
    return head.position


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Audit]:
    with closing(Audit(tmp_path / "audit", clock=lambda: NOVEMBER)) as opened:
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def test_record_contains_all_fields(audit: Audit, place: Path) -> None:
    assert audit.record(access(7)) == 2
    anchor, line = (place / "000001.jsonl").read_bytes().splitlines()
    record = json.loads(line)
    assert record.pop("hash") == head_of(place).hash
    fields = {"who": "guichet", "role": "agent", "operation": "look_up", "sector": "general", "whose": "phone:a1b2-7"}
    fields |= {"why": "contact", "result": "shown", "across": "", "ground": "", "erasure": ""}
    assert record == {"sequence": 2, "at": "2026-11-25T08:00:00.000Z", **fields}
    assert json.loads(anchor)["previous"] == START.hash
    report = verify(place, head_of(place))
    assert (report.findings, report.lines, report.last) == ([], 2, head_of(place))


def test_files_are_private(audit: Audit, place: Path) -> None:
    audit.record(access())
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "typed", ["+33199001234", "0199001234", "jeanne@example.org", "Jeanne Exemple", "phone:0199001234"]
)
def test_typed_text_is_rejected(typed: str) -> None:
    with pytest.raises(ValueError, match="neither a pseudonym nor a contact id"):
        Access(actor="x", operation=Operation.LOOK_UP, subject_id=typed, why=Purpose.CONTACT, result=Result.SHOWN)


def test_waiting_records_share_a_sync(audit: Audit, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit.record(access())
    all_queued, syncs = threading.Event(), []
    real = os.fdatasync

    def sync(file: int) -> None:
        all_queued.wait(30)
        syncs.append(file)
        real(file)

    monkeypatch.setattr(os, "fdatasync", sync)
    recorded = [audit.submit(access(n)) for n in range(400)]
    all_queued.set()
    assert [one.result() for one in recorded] == list(range(3, 403))
    audit.close()
    assert len(syncs) <= 5  # head; first record: two; all others: two
    assert verify(place).findings == []


def test_concurrent_threads_record_each_access_once(audit: Audit, place: Path) -> None:
    with ThreadPoolExecutor(20) as callers:
        recorded = list(callers.map(audit.record, map(access, range(200))))
    assert sorted(recorded) == list(range(2, 202))
    assert sorted(subjects(place)) == sorted(f"phone:a1b2-{n}" for n in range(200))


def test_sequence_is_returned_after_the_sync(audit: Audit, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit.record(access())
    on_disk: list[bytes] = []
    real = os.fdatasync

    def sync(file: int) -> None:
        real(file)
        on_disk.append((place / "000001.jsonl").read_bytes())

    monkeypatch.setattr(os, "fdatasync", sync)
    recorded = audit.submit(access(1))
    recorded.add_done_callback(lambda _: on_disk.append(b"returned"))
    recorded.result()
    audit.close()
    assert b"a1b2-1" in on_disk[on_disk.index(b"returned") - 1]


def test_processes_share_one_chain(place: Path) -> None:
    def write(name: str) -> None:
        with closing(Audit(place)) as own:
            for n in range(40):
                own.record(access(n, name))

    children = []
    for name in ("a", "b", "c"):
        if (child := os.fork()) == 0:
            try:
                write(name)
                os._exit(0)
            except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert verify(place).findings == []
    recorded = [(line.record or {}).get("who") for line in read(place)]
    assert sorted(filter(None, recorded)) == ["a"] * 40 + ["b"] * 40 + ["c"] * 40


def test_wait_for_the_lock_is_bounded(audit: Audit, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit.record(access())
    monkeypatch.setattr(audit._lock, "timeout", 0)
    with FileLock(place / "lock"), pytest.raises(AuditError, match="locked by another process"):
        audit.record(access(1))
    assert audit.record(access(2)) == 3


# ------------------------------------------------------------------------------------------------------------ crashes
def record_for_months(place: Path) -> None:
    """Record over several months, and note the acknowledged ones, so that files begin and expire."""
    place.mkdir(exist_ok=True)
    now = [NOVEMBER + timedelta(days=40) * (place / "answered").exists()]
    with (
        closing(Audit(place / "audit", keep_days=20, file_bytes=1500, clock=lambda: now[0])) as open_audit,
        (place / "answered").open("a") as answered,
    ):
        for n in range(8):
            answered.write(f"{open_audit.record(access(n))} phone:a1b2-{n}\n")
            answered.flush()
            now[0] += timedelta(days=5)


def test_kill_at_each_disk_operation_loses_no_acknowledged_record(tmp_path: Path) -> None:
    directories = kill_at_every_disk_operation(record_for_months, tmp_path)
    cut_short = pruned = 0
    for place in directories:
        report = verify(place / "audit")
        assert (report.findings, report.unfinished_bytes) == ([], 0), place
        recorded = {line.record["sequence"]: line.record.get("whose") for line in read(place / "audit") if line.record}
        answered = [line.split() for line in (place / "answered").read_text().splitlines()]
        assert {
            int(sequence): name for sequence, name in answered if int(sequence) > report.begun.sequence
        }.items() <= recorded.items()
        cut_short += 8 < len(answered) < 16
        pruned += report.begun.sequence > 0
    assert cut_short > 20
    assert pruned > 20


def record_without_space(place: Path, limit_bytes: int) -> None:
    """Record until the disk is full, then with space again."""
    with closing(Audit(place, clock=lambda: NOVEMBER)) as open_audit:
        assert open_audit.record(access(0)) == 2
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))
        refused = 0
        for n in range(1, 40):
            try:
                open_audit.record(access(n))
            except AuditError:
                refused += 1
        assert refused > 10
        assert verify(place).findings == []
        assert verify(place).unfinished_bytes == 0
        assert len(subjects(place)) == 40 - refused
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        open_audit.record(access(99))


@pytest.mark.parametrize("limit_bytes", range(2000, 2300, 37))
def test_full_disk_refuses_records(place: Path, limit_bytes: int) -> None:
    assert run_in_child(partial(record_without_space, place, limit_bytes)) == 0
    assert verify(place).findings == []
    assert subjects(place)[-1] == "phone:a1b2-99"


def begin_without_limit_bytes(place: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (SLOT_BYTES + 200, resource.RLIM_INFINITY))  # half of the head
    with closing(Audit(place, clock=lambda: NOVEMBER)) as open_audit:
        for _ in range(2):
            with pytest.raises(AuditError):
                open_audit.record(access())
        assert list(place.glob("*.jsonl")) == []
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert open_audit.record(access(1)) == 2


def test_full_disk_for_the_head_refuses_records(place: Path) -> None:
    assert run_in_child(partial(begin_without_limit_bytes, place)) == 0
    assert subjects(place) == ["phone:a1b2-1"]
    assert verify(place).findings == []


def test_torn_record_is_cut_off_and_logged(audit: Audit, place: Path) -> None:
    audit.record(access())
    with (place / "000001.jsonl").open("ab") as file:
        file.write(b'{"hash":"00')
    assert verify(place).unfinished_bytes == 11
    assert verify(place).findings == []
    with capture_logs() as logs:
        assert audit.record(access(1)) == 3
    assert [(line["event"], line["bytes_cut"]) for line in logs] == [("audit_cut", 11)]
    assert verify(place).findings == []


# ----------------------------------------------------------------------------------------------------------- retention
def test_expired_files_are_pruned_and_recorded(place: Path) -> None:
    now = [NOVEMBER]
    with closing(Audit(place, keep_days=60, clock=lambda: now[0])) as open_audit:
        noted = []
        for _ in range(6):
            open_audit.record(access())
            noted.append(head_of(place))
            now[0] += timedelta(days=30)
        assert sorted(path.name for path in place.glob("*.jsonl")) == [f"00000{n}.jsonl" for n in range(4, 7)]
        assert verify(place, noted[-1]).findings == []
        assert verify(place).begun == noted[2]
        now[0] += timedelta(days=400)
        assert open_audit.prune() == 3
        assert open_audit.prune() == 0
        assert [path.name for path in place.glob("*.jsonl")] == ["000007.jsonl"]
        assert subjects(place) == []
        assert verify(place).findings == []
        open_audit.record(access())
        assert verify(place).findings == []
    (place / "000007.jsonl").unlink()
    assert [finding.damage for finding in verify(place).findings] == [Damage.TRUNCATED]


# -------------------------------------------------------------------------------------------------------------- damage
def drop_line(place: Path, number: int) -> None:
    lines = (place / "000001.jsonl").read_bytes().splitlines(keepends=True)
    del lines[number]
    (place / "000001.jsonl").write_bytes(b"".join(lines))


def copy_file(place: Path) -> None:
    (place / "000002.jsonl").write_bytes((place / "000001.jsonl").read_bytes())


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (partial(drop_line, number=-1), ("000002.jsonl", 1, Damage.MISPLACED)),
        (partial(drop_line, number=1), ("000001.jsonl", 2, Damage.MISPLACED)),
        (lambda place: (place / HEAD).unlink(), ("000002.jsonl", 1, Damage.RESUMED)),
        (lambda place: (place / "000001.jsonl").unlink(), ("000002.jsonl", 1, Damage.MISSING_BEFORE)),
        (copy_file, ("000002.jsonl", 1, Damage.MISPLACED)),
    ],
    ids=["end removed", "line removed", "head removed", "file removed", "file copied"],
)
def test_damaged_chain_continues_and_stays_detectable(
    damage: Callable[[Path], None], found: tuple[str, int, Damage], place: Path
) -> None:
    with closing(Audit(place, clock=lambda: NOVEMBER)) as open_audit:
        for n in range(3):
            open_audit.record(access(n))
    damage(place)
    assert verify(place).findings or damage is copy_file
    with closing(Audit(place, clock=lambda: NOVEMBER)) as open_audit, capture_logs() as logs:
        open_audit.record(access(3))
        open_audit.record(access(4))
    assert [line["event"] for line in logs] == ["audit_damaged"]
    assert subjects(place)[-2:] == ["phone:a1b2-3", "phone:a1b2-4"]
    findings = verify(place).findings
    assert found in [finding[:3] for finding in findings]
    assert Damage.RESUMED in {finding.damage for finding in findings}


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_changed_byte_is_found_in_its_file(audit: Audit, place: Path, data: st.DataObject) -> None:
    if not place.exists():
        audit.record(access(1))
        for name in ("guichet", "dpo"):
            audit.record(access(2, name))
    path = place / data.draw(st.sampled_from(["000001.jsonl", HEAD]))
    content = path.read_bytes()
    changed = bytearray(content)
    at = data.draw(st.integers(0, len(content) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    found = verify(place).findings[0]
    path.write_bytes(content)
    lines = at // SLOT_BYTES if path.name == HEAD else content[:at].count(b"\n")
    assert (found.file, found.line) == (path.name, lines + 1)
    assert verify(place).findings == []


@pytest.mark.parametrize("slot", [0, 1])
def test_torn_head_is_found_and_repaired(audit: Audit, place: Path, slot: int) -> None:
    for n in range(3):
        audit.record(access(n))
    audit.close()
    content = bytearray((place / HEAD).read_bytes())
    content[slot * SLOT_BYTES + 20] ^= 1
    (place / HEAD).write_bytes(content)
    assert [(one.line, one.damage) for one in verify(place).findings] == [(slot + 1, Damage.HEAD_TORN)]
    with closing(Audit(place, clock=lambda: NOVEMBER)) as open_audit:
        assert open_audit.record(access(3)) == 5
    assert verify(place).findings == []


def test_content_after_the_head_is_found_and_cut_off(audit: Audit, place: Path) -> None:
    audit.record(access())
    with (place / HEAD).open("ab") as head:
        head.write(b"\n")
    assert [(one.line, one.damage) for one in verify(place).findings] == [(3, Damage.HEAD_TORN)]
    audit.record(access(1))
    assert verify(place).findings == []
