"""Entries in SQL: the same timeline for any order, batches and duplicates, on both databases."""

import itertools
import random
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path
from threading import Barrier
from traceback import format_exception
from typing import Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import Connection, create_engine, make_url, text

from models.events import Event
from models.revocation_reasons import RevocationReason
from streams.core.citizens.identity_resolution import Link
from streams.core.contacts import contact
from streams.core.timeline import entries as core
from streams.core.timeline.entries import Entry
from streams.timeline import database, erasures, links
from streams.timeline.database import Busy, Refused, Unavailable, lock
from streams.timeline.links import LinkRecord
from streams.timeline.schema import METADATA
from streams.timeline.store import Timeline
from tests.support.events import CASE, PHONE, START_MS, make
from tests.support.postgres import Postgres
from tests.support.timelines import breach_entry, call, entries_of, read

EMAIL = "email:a-1"
OTHER = "case:a-2"


def identified_later(name: str, start: float = 0) -> list[Event]:
    """A call whose citizen becomes known step by step: unknown, then a number, then the case."""
    return [
        make("call.arrived", start, subject=name),
        make("call.queued", start + 1, subject=name, queue="mdph", identities=PHONE),
        make("call.answered", start + 9, subject=name, queue="mdph", identities=CASE),
        make("call.ended", start + 60, subject=name, queue="mdph", ended_by="caller"),
    ]


@pytest.mark.parametrize("cuts", [[[0, 1, 2, 3]], [[0], [1], [2], [3]], [[2, 3], [0], [1]], [[1], [2, 3], [0]]])
def test_all_entries_belong_to_the_strongest_identity(timeline: Timeline, cuts: list[list[int]]) -> None:
    written = entries_of(identified_later("call:a:1"))
    for batch in cuts:
        timeline.write([written[index] for index in batch])
    timeline.write(entries_of(call("call:a:2", 500, f"{OTHER} {PHONE}")))
    assert read(timeline, CASE) == [entry.id for entry in reversed(written)]


def write_at_once(url: str, left: Sequence[Sequence[Entry]], right: Sequence[Sequence[Entry]]) -> None:
    """Let two writers write these batches concurrently."""
    gate = Barrier(2, timeout=60)

    def write(batches: Sequence[Sequence[Entry]]) -> None:
        timeline = Timeline(url)
        for batch in batches:
            gate.wait()
            timeline.write(batch)
        timeline.close()

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, (left, right)))


def test_concurrent_writers_see_each_others_entries(timeline: Timeline, url: str) -> None:
    names = [[f"call:a:{number}.{one}" for one in range(5)] for number in range(50)]
    written = [[entries_of(call(name, 0, f"phone:{name}")) for name in some] for some in names]
    write_at_once(
        url,
        [[of[0] for of in some] for some in written],
        [[entry for of in some for entry in of[1:]] for some in written],
    )
    assert [len(read(timeline, f"phone:{name}")) for some in names for name in some] == [3] * 250
    erased = [
        entries_of([make("personal_data.erased", 99, subject=name, channel="call") for name in some]) for some in names
    ]
    again = [[entry for of in some for entry in entries_of(call(of[0].contact, 50, CASE))] for some in written]
    write_at_once(url, again, erased)
    assert not any(timeline.read_contact(name) for some in names for name in some)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_withdrawn_breach_is_deleted_in_either_order(timeline: Timeline, order: tuple[int, ...]) -> None:
    [arrived] = entries_of([make("letter.arrived", 0, subject="mail:a:1", pages=1, identities=CASE)])
    overdue = breach_entry("mail:a:1", START_MS + 1000)
    met = structs.replace(overdue, id="met", type="sla.met", withdraws=overdue.id)
    for index in order:
        timeline.write([(arrived, overdue, met)[index]])
    timeline.write([overdue, met])
    timeline.write([overdue])
    assert {row["type"] for row in timeline.read_contact("mail:a:1")} == {"letter.arrived", "sla.met"}


def test_contact_merges_timelines_and_revocation_separates_them(timeline: Timeline) -> None:
    first, second = call("call:a:1"), call("call:a:2", 1000, f"{CASE} {PHONE}")
    link, turned = Link(CASE, PHONE), Link(PHONE, CASE)
    assert not timeline.revoke(link, 1, RevocationReason.SHARED), "no contact proves it"
    timeline.write(entries_of(first) + entries_of(second))
    assert len(read(timeline, PHONE)) == len(read(timeline, CASE)) == 6
    assert timeline.revoke(turned, 1, RevocationReason.SHARED)
    assert timeline.is_revoked(link)
    assert timeline.is_revoked(turned)
    assert not timeline.revoke(link, 2, RevocationReason.SHARED)
    timeline.write(entries_of(second) + entries_of(call("call:a:3", 2000, f"{CASE} {PHONE}")))
    assert len(read(timeline, PHONE)) == 3
    assert len(read(timeline, CASE)) == 6
    assert timeline.restore(turned)
    assert not timeline.restore(link)
    assert len(read(timeline, PHONE)) == len(read(timeline, CASE)) == 9


@pytest.mark.parametrize("change", ["revoke", "restore"])
def test_both_directions_of_a_link_change_together(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    timeline.write(entries_of(call("call:a:1", 0, f"{CASE} {PHONE}")))
    link, act = Link(CASE, PHONE), getattr(links, change)
    if change == "restore":
        timeline.revoke(link, 1, RevocationReason.SHARED)

    def fail_turned(connection: Connection, one: Link, *others: Any) -> bool:
        if one != link:
            raise Unavailable("gone")
        return bool(act(connection, one, *others))

    monkeypatch.setattr(links, change, fail_turned)
    with pytest.raises(Unavailable):
        timeline.revoke(link, 1, RevocationReason.SHARED) if change == "revoke" else timeline.restore(link)
    assert timeline.is_revoked(link) is (change == "restore")


def test_erased_contact_stays_erased(timeline: Timeline) -> None:
    first, second = call("call:a:1", 0, f"{CASE} {PHONE}"), call("call:a:2", 1000, f"{CASE} {PHONE}")
    erased = make("personal_data.erased", 2000, subject="call:a:1", channel="call")
    timeline.write(entries_of([*first, erased]))
    timeline.write(entries_of(second))
    assert timeline.read_contact("call:a:1") == []
    timeline.write(entries_of(first))  # duplicates
    assert timeline.read_contact("call:a:1") == []
    assert len(read(timeline, PHONE)) == 3  # the other contact proves the link too
    timeline.write(entries_of([*second, make("personal_data.erased", 2001, subject="call:a:2", channel="call")]))
    assert read(timeline, CASE) == read(timeline, PHONE) == []
    assert set(timeline.resolve_identities(CASE).identities) == {CASE}


def test_retracted_contact_is_deleted_and_stays_deleted(timeline: Timeline) -> None:
    first, second = call("call:a:1", 0, f"{CASE} {PHONE}"), call("call:a:1-v2", 1000, f"{CASE} {PHONE}")
    timeline.write(entries_of(first))
    timeline.revoke(Link(CASE, PHONE), 1, RevocationReason.SHARED)
    retracted = make("contact.retracted", 2000, subject="call:a:1", channel="call")
    timeline.write(entries_of([retracted]))
    timeline.write(entries_of([*second, *first]))
    assert timeline.read_contact("call:a:1") == []
    assert len(read(timeline, CASE)) == 3
    assert [link.reason for link in timeline.read_links(CASE, 9)] == ["shared"]


def test_erased_contacts_and_owners_are_found(timeline: Timeline) -> None:
    erased = make("personal_data.erased", 9, subject="call:a:1", channel="call")
    timeline.write(entries_of([*call("call:a:1", 0, CASE), *call("call:a:2", 0, PHONE), erased]))
    assert timeline.find_erased() == timeline.find_erased(["call:a:1", "call:a:2"]) == {"call:a:1": START_MS + 9000}
    assert timeline.find_erased(["call:a:2"]) == {}
    assert timeline.find_owners([CASE]) == set()
    assert timeline.find_owners([CASE, PHONE]) == {PHONE}


def test_revocation_survives_the_erasure_of_its_first_contact(timeline: Timeline) -> None:
    written = [*call("call:a:1", 0, f"{CASE} {OTHER}"), *call("call:a:2", 9, CASE), *call("call:a:3", 9, OTHER)]
    timeline.write(entries_of(written))
    assert timeline.revoke(Link(OTHER, CASE), 1, RevocationReason.MISTAKEN)
    timeline.write(entries_of([make("personal_data.erased", 99, subject="call:a:1", channel="call")]))
    assert timeline.read_links(CASE, 9) == [LinkRecord(Link(OTHER, CASE), 0, 1, 1, "mistaken")]
    timeline.write(entries_of(call("call:a:4", 999, f"{CASE} {OTHER}")))
    assert len(timeline.read_links(CASE, 9)) == 1, "a revoked link has no duplicate"
    assert {*timeline.resolve_identities(CASE).identities} == {CASE}
    assert (len(read(timeline, CASE)), len(read(timeline, OTHER))) == (3, 6)


@pytest.mark.parametrize("identity", [CASE, PHONE])
def test_revocation_is_deleted_with_an_erased_identity(timeline: Timeline, identity: str) -> None:
    written = [*call("call:a:1", 0, f"{CASE} {PHONE}"), *call("call:a:2", 9, CASE), *call("call:a:3", 9, PHONE)]
    written += call("call:a:4", 9, f"case:a-3 {EMAIL}")
    timeline.write(entries_of(written))
    timeline.revoke(Link(CASE, PHONE), 1, RevocationReason.SHARED)
    timeline.revoke(Link("case:a-3", EMAIL), 1, RevocationReason.SHARED)
    contacts = ["call:a:1", "call:a:2" if identity == CASE else "call:a:3"]
    timeline.write(entries_of([make("personal_data.erased", 99, subject=one, channel="call") for one in contacts]))
    assert timeline.read_links(CASE, 9) == timeline.read_links(PHONE, 9) == []
    assert not timeline.restore(Link(CASE, PHONE))
    assert timeline.restore(Link("case:a-3", EMAIL)), "revocations of others stay"


def test_write_ahead_log_contains_no_erased_data(tmp_path: Path) -> None:
    timeline = Timeline(f"sqlite:///{tmp_path / 'timeline.db'}")
    timeline.write(entries_of(call("call:a:1", 0, f"{CASE} {PHONE}")))
    files = list(tmp_path.iterdir())
    assert any(PHONE.encode() in path.read_bytes() for path in files)
    timeline.write(entries_of([make("personal_data.erased", 99, subject="call:a:1", channel="call")]))
    assert not any(PHONE.encode() in path.read_bytes() for path in files)
    timeline.close()


def test_open_reader_postpones_the_truncation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0)
    with closing(Timeline(f"sqlite:///{tmp_path / 'timeline.db'}")) as timeline:
        timeline.write(entries_of(call("call:a:1", 0, f"{CASE} {PHONE}")))
        with timeline.read_connection() as reader:
            reader.exec_driver_sql("BEGIN")
            reader.exec_driver_sql("SELECT * FROM links").all()
            timeline.write(entries_of([make("personal_data.erased", 99, subject="call:a:1", channel="call")]))
            assert not timeline.truncate_log()
        timeline.checkpoint_log()  # as the timeline process does every minute
        assert not any(PHONE.encode() in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize("lock_only", [True, False])
def test_lock_timeout_raises_busy(timeline: Timeline, url: str, lock_only: bool) -> None:
    """Hold a lock as a writer or, in PostgreSQL, as a process that rewrites a table."""
    entries = entries_of(call())
    with closing(Timeline(url, lock_timeout_seconds=0.05)) as impatient:
        with timeline.read_connection() as connection:
            if lock_only or url.startswith("sqlite"):
                lock(connection)
            else:
                connection.execute(text("LOCK TABLE entries IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(Busy):
                impatient.write(entries)
            connection.rollback()
        assert impatient.write(entries).entries == len(entries)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_sqlite_vacuum_removes_moved_copies(timeline: Timeline, tmp_path: Path) -> None:
    """SQLite leaves copies of moved rows in the free space of pages and does not overwrite them."""
    numbers = random.Random(1).sample(range(600), 600)
    for some in (numbers[start : start + 10] for start in range(0, 600, 10)):
        written = [
            event
            for number in some
            for event in call(f"call:a:{number}", number, f"case:a-{number:04} phone:a-{number:04}")
        ]
        timeline.write(entries_of(written))
    erased = [make("personal_data.erased", 9_999, subject=f"call:a:{number}", channel="call") for number in range(100)]
    timeline.write(entries_of(erased))
    timeline.vacuum()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    left = {number for number in range(600) if f"case:a-{number:04}".encode() in content}
    assert left == {*range(100, 600)}


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_postgresql_has_no_samples_and_vacuum_removes_deleted_rows(timeline: Timeline, postgres: Postgres) -> None:
    for number in range(30):
        timeline.write(entries_of(call(f"call:a:{number}", 0, f"case:a-{number} phone:a-{number}")))
        timeline.revoke(Link(f"case:a-{number}", f"phone:a-{number}"), 1, RevocationReason.SHARED)
    written = [make("personal_data.erased", 99, subject=f"call:a:{number}", channel="call") for number in range(9)]
    timeline.write(entries_of(written))
    timeline.vacuum()
    with timeline.write_transaction() as connection:
        assert erasures.delete_expired(connection, START_MS + 100_000, 0) == 9
    timeline.vacuum()
    with timeline.read_connection() as connection:
        connection.exec_driver_sql("CHECKPOINT")
        file = connection.exec_driver_sql("SELECT pg_relation_filepath('erasures_pkey')").scalar_one()
        assert b"call:a:" not in (postgres.directory / file).read_bytes()
        sampled = connection.exec_driver_sql(
            "SELECT tablename, attname, most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE schemaname = 'public'"
        ).all()
    assert sampled, "no statistics exist"
    assert [
        row[:2] for row in sampled if "case:" in str(row) or "phone:" in str(row) or row[:2] == ("erasures", "contact")
    ] == []


def test_valid_links_are_found_after_revoked_ones(timeline: Timeline) -> None:
    cases = [f"case:a-{number}" for number in range(12)]
    for number, case in enumerate(cases):
        for again in range(3):
            timeline.write(entries_of(call(f"call:a:{number}.{again}", number, f"{case} {PHONE}")))
        if number < 11:
            timeline.revoke(Link(case, PHONE), 1, RevocationReason.REASSIGNED)
    assert set(timeline.resolve_identities(PHONE).identities) == {PHONE, cases[-1]}
    timeline.restore(Link(cases[0], PHONE))
    assert set(timeline.resolve_identities(PHONE).shared) == {cases[0], cases[-1]}


EVENTS = [
    *call("call:a:1"),
    *call("call:a:2", 100, ""),
    *call("call:a:3", 200, f"{CASE} {PHONE}"),
    make("email.received", 300, subject="email:a:1", identities=f"{EMAIL} {PHONE}"),
    *call("call:a:4", 350, f"{CASE} {PHONE}"),
    make("personal_data.erased", 500, subject="call:a:4", channel="call"),
    make("form.submitted", 400, subject="form:a:1", procedure="apa", identities=f"{OTHER} {EMAIL}"),
    *identified_later("call:a:5", 600),
    make("email.received", 700, subject="email:a:2", identities="email:a-2"),
    make("email.acknowledged", 701, subject="email:a:2", identities="case:a-3"),
    make("email.answered", 702, subject="email:a:2", identities="case:a-0"),
]


@given(st.permutations(EVENTS), st.lists(st.integers(1, 4), min_size=12, max_size=12), st.integers(0, 22))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_order_batches_and_repetitions_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, order: list[Event], sizes: list[int], again: int
) -> None:
    written, expected = entries_of(order), entries_of(EVENTS)
    one = Timeline(f"sqlite:///{tmp_path_factory.mktemp('one') / 'timeline.db'}")
    two = Timeline(f"sqlite:///{tmp_path_factory.mktemp('two') / 'timeline.db'}")
    two.write(expected)
    rest = [*written, *written[again:]]  # after a crash, unacknowledged records come again
    for size in sizes:
        one.write(rest[:size])
        rest = rest[size:]
    one.write(rest)
    for identity in (PHONE, CASE, OTHER, EMAIL, "call:a:2", "email:a-2", "case:a-3", "case:a-0"):
        assert set(one.resolve_identities(identity).identities) == set(two.resolve_identities(identity).identities)
        assert read(one, identity) == read(two, identity)
    one.close()
    two.close()


def test_migrations_create_the_schema(timeline: Timeline, url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_readers_do_not_wait_for_writers(timeline: Timeline, url: str) -> None:
    timeline.write(entries_of(call()))
    engine = create_engine(url)
    with engine.begin() as connection:
        lock(connection)
        other = Timeline(url)
        assert len(read(other, PHONE)) == 3
        other.close()
    engine.dispose()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "fields", [{"source": "a\0b"}, {"identities": f"{CASE} phone:{random.Random(1).randbytes(3000).hex()}"}]
)
def test_unstorable_value_is_refused(timeline: Timeline, fields: dict[str, str]) -> None:
    good, bad, _ = entries_of(call())
    with pytest.raises(Refused) as caught:
        timeline.write([good, structs.replace(bad, **fields)])
    assert PHONE not in "".join(format_exception(caught.value))
    assert timeline.write([good]).entries == 1


@pytest.mark.parametrize(("name", "is_kept"), [("call:a:1\x00", False), ("call:a:\n1", False), ('call:a:\\"1', True)])
def test_entry_with_control_character_is_invalid(name: str, *, is_kept: bool) -> None:
    event = make("call.arrived", 0, subject=name)
    _, value = core.record(event, contact.fold(None, event))
    with nullcontext() if is_kept else pytest.raises(msgspec.ValidationError):
        assert core.decode(value).contact == name


def test_reason_of_an_unavailable_database_is_reported(postgres: Postgres) -> None:
    server = make_url(postgres.url)
    for url, reason in (
        (server.set(port=1), "refused"),
        (server.set(database="missing"), 'database "missing" does not exist'),
        (server.set(username="unknown"), 'role "unknown" does not exist'),
    ):
        with pytest.raises(Unavailable, match=reason):
            Timeline(url.render_as_string(hide_password=False))


def test_file_that_is_not_a_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "timeline.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(Unavailable, match="DatabaseError SQLITE_NOTADB: file is not a database"):
        Timeline(f"sqlite:///{tmp_path / 'timeline.db'}")


def test_first_duplicate_of_a_batch_is_stored(timeline: Timeline) -> None:
    fields = {"channel": "form", "procedure": "rsa", "identities": f"{CASE} {PHONE}"}
    steps = (("form.submitted", 0), ("form.taken_up", 9))
    entries = entries_of(
        [make(kind, at, subject=f"form:a:{number}", **fields) for number in range(20) for kind, at in steps]
    )
    timeline.write([*entries, *(structs.replace(entry, detail="again") for entry in entries)])
    (known,) = timeline.read_links(CASE, 10)
    assert (known.contacts, known.linked_at) == (20, START_MS)
    with timeline.read_connection() as connection:
        linked = connection.execute(text("SELECT DISTINCT linked_at FROM links")).scalars().all()
        details = connection.execute(text("SELECT DISTINCT detail FROM entries")).scalars().all()
    assert (linked, details) == ([START_MS], [""])


def test_sqlite_log_is_checkpointed_on_demand(tmp_path: Path) -> None:
    timeline = Timeline(f"sqlite:///{tmp_path / 'timeline.db'}")
    events = call()
    timeline.write(entries_of(events))
    timeline.checkpoint_log()
    (tmp_path / "apart").mkdir()
    shutil.copy(tmp_path / "timeline.db", tmp_path / "apart")  # like a backup of this file alone
    timeline.close()
    apart = Timeline(f"sqlite:///{tmp_path / 'apart' / 'timeline.db'}")
    assert len(apart.read_contact(events[0].subject, 100)) == len(events)
    apart.close()
