"""The timeline reader: one snapshot, no writes, and a bounded number of queries."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, text

from models.identities import IdentityKind
from models.revocation_reasons import RevocationReason
from streams.core.citizens.identity_resolution import Link
from streams.timeline.reader import MAX_COUNTED, TimelineSnapshot
from tests.support.api_harness import DAY, NUMBER, SECTOR, ApiHarness, call, letter
from tests.support.timelines import entries_of, sla_status_entry


def test_evidence_does_not_depend_on_the_direction_of_links(
    harness: ApiHarness, phone: str, case: str, entry_ids: list[str]
) -> None:
    harness.write(letter("2", DAY, f"{case} {phone}"))
    with harness.reader.read_snapshot() as snapshot:
        found = snapshot.find_evidence([Link(case, phone), Link(phone, case), Link(phone, "case:0-x")])
    assert {link: known.contacts for link, known in found.items()} == {Link(case, phone): 2, Link(phone, case): 2}


def test_number_of_queries_is_bounded(harness: ApiHarness, case: str) -> None:
    statements: list[str] = []
    event.listen(harness.reader._engine, "before_cursor_execute", lambda *answer: statements.append(answer[2]))

    def count() -> int:
        statements.clear()
        assert harness.post("/v1/look-up", kind="case", value="D-2026-17", limit=50).status_code == 200
        return len(statements)

    harness.write(letter("first", 0, f"{case} {harness.pseudonym(IdentityKind.PHONE, NUMBER)}"))
    few = count()
    for number in range(2, 42):
        phone = harness.pseudonym(IdentityKind.PHONE, f"+3319900{number:04}")
        harness.write(letter(f"of-{number}", number, f"{case} {phone}"))
        harness.write(call(f"of-{number}", number, phone))
        harness.write(letter(f"open-{number}", number, phone)[:1])
        harness.timeline.write([], [sla_status_entry(f"mail:ged:open-{number}", 1, SECTOR, "rsa", resolution=1)])
    assert count() <= few + 1 < 10


def test_cost_does_not_grow_with_the_contacts_of_a_valid_or_revoked_link(sqlite_api: ApiHarness) -> None:
    case, phone = (sqlite_api.pseudonym(*one) for one in ((IdentityKind.CASE, "D-1"), (IdentityKind.PHONE, NUMBER)))
    link, steps = Link(case, phone), [0]
    (one,) = entries_of(letter("1", 0, f"{case} {phone}")[:1])

    def write(numbers: Iterable[int]) -> None:
        copied = [{"contact": f"mail:ged:{number}", "id": f"e{number}"} for number in numbers]
        sqlite_api.timeline.write([msgspec.structs.replace(one, **names) for names in copied])

    def count(read_snapshot: Callable[[TimelineSnapshot], Any]) -> int:
        steps[0] = 0
        with sqlite_api.reader.read_snapshot() as snapshot:
            connection: Any = snapshot._connection.connection.driver_connection
            connection.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 100)
            assert read_snapshot(snapshot)
            connection.set_progress_handler(None, 0)
        return steps[0]

    reads = (
        lambda snapshot: snapshot.find_evidence([link])[link].contacts == MAX_COUNTED,
        lambda snapshot: snapshot.find_evidence([link], ["rsa"])[link].contacts == MAX_COUNTED,
        lambda snapshot: snapshot.resolve_identities(phone).identities,
    )
    reads_of_revoked = (
        lambda snapshot: [*snapshot.resolve_identities(phone).identities] == [phone],
        lambda snapshot: [one.contacts for one in snapshot.find_revoked_links(phone)] == [MAX_COUNTED],
    )
    some = range(MAX_COUNTED + 500)
    write(some)
    few = [count(read_snapshot) for read_snapshot in reads]
    sqlite_api.timeline.revoke(link, 1, RevocationReason.SHARED)
    few += [count(read_snapshot) for read_snapshot in reads_of_revoked]
    sqlite_api.timeline.restore(link)
    write(range(len(some), 8 * len(some)))
    many = [count(read_snapshot) for read_snapshot in reads]
    sqlite_api.timeline.revoke(link, 1, RevocationReason.SHARED)
    many += [count(read_snapshot) for read_snapshot in reads_of_revoked]
    assert all(after < 2 * before + 5 for after, before in zip(many, few, strict=True)), (few, many)


def test_reader_cannot_write(harness: ApiHarness, entry_ids: list[str]) -> None:
    with harness.reader.read_snapshot() as snapshot, pytest.raises(Exception, match=r"(?i)read.?only"):
        snapshot._connection.execute(text("DELETE FROM entries"))
    assert len(harness.post("/v1/look-up", kind="phone", value=NUMBER).json()["entries"]) == len(entry_ids)


def test_answer_uses_one_snapshot(harness: ApiHarness, phone: str, entry_ids: list[str]) -> None:
    with harness.reader.read_snapshot() as snapshot:
        before = snapshot.read([phone], 100)
        harness.write(call("3", 5 * DAY, phone))
        assert snapshot.read([phone], 100) == before
        assert snapshot.resolve_identities(phone).is_own
    with harness.reader.read_snapshot() as snapshot:
        assert len(snapshot.read([phone], 100)) == len(before) + 3
