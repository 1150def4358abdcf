"""Entries in SQL: in any order, however often, in whatever batches, a citizen's timeline is the same; on both databases."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from models.events import Event
from streams.core.links import Link
from streams.timeline.schema import METADATA
from streams.timeline.store import Place, Timeline, Unavailable, Written
from tests.support.events import CASE, PHONE, make
from tests.support.timelines import call, entries_of, read

EMAIL = "email:a-1"
OTHER = "case:a-2"


def test_a_citizens_timeline_is_latest_first_and_whole(timeline: Timeline) -> None:
    events = call()
    assert timeline.write(entries_of(events)) == Written(3, 0, 0)
    assert read(timeline, PHONE) == [event.id for event in reversed(events)]
    assert [row["type"] for row in timeline.read_contact(events[0].subject)] == [event.type for event in events]


def test_what_nobody_was_known_of_becomes_the_citizens_once_that_is_told(timeline: Timeline) -> None:
    arrived, queued, abandoned = entries_of(call())
    timeline.write([arrived])
    assert read(timeline, PHONE) == []
    assert timeline.write([queued]) == Written(1, 0, 1)
    timeline.write([arrived, abandoned])
    assert read(timeline, PHONE) == [abandoned.id, queued.id, arrived.id]


def test_identities_of_one_contact_bring_timelines_together_and_a_revoked_link_takes_them_apart(
    timeline: Timeline,
) -> None:
    first, second = call("call:a:1"), call("call:a:2", 1000, f"{CASE} {PHONE}")
    timeline.write(entries_of(first) + entries_of(second))
    assert len(read(timeline, PHONE)) == len(read(timeline, CASE)) == 6
    link = Link(CASE, PHONE)
    assert timeline.revoke(link, 1, "landline of a family")
    assert not timeline.revoke(link, 2, "again")
    timeline.write(entries_of(second) + entries_of(call("call:a:3", 2000, f"{CASE} {PHONE}")))
    assert len(read(timeline, PHONE)) == 3
    assert len(read(timeline, CASE)) == 6
    assert timeline.restore(link)
    assert not timeline.restore(link)
    assert len(read(timeline, PHONE)) == len(read(timeline, CASE)) == 9


def test_a_link_that_nobody_told_cannot_be_revoked(timeline: Timeline) -> None:
    assert not timeline.revoke(Link(CASE, PHONE), 1, "")


def test_people_who_share_a_number_keep_their_stories(timeline: Timeline) -> None:
    timeline.write(entries_of(call("call:a:1", 0, f"{CASE} {PHONE}")))
    timeline.write(entries_of(call("call:a:2", 1000, f"{OTHER} {PHONE}")))
    assert len(read(timeline, CASE)) == len(read(timeline, OTHER)) == 3
    assert set(timeline.tell_story(CASE).shared) == {PHONE}


def test_whose_person_was_erased_is_gone_with_what_the_contact_told_and_stays_gone(timeline: Timeline) -> None:
    first, second = call("call:a:1", 0, f"{CASE} {PHONE}"), call("call:a:2", 1000, f"{CASE} {PHONE}")
    erased = make("personal_data.erased", 2000, subject="call:a:1", channel="call")
    timeline.write(entries_of([*first, erased]))
    timeline.write(entries_of(second))
    assert timeline.read_contact("call:a:1") == []
    timeline.write(entries_of(first))  # told again
    assert timeline.read_contact("call:a:1") == []
    assert len(read(timeline, PHONE)) == 3  # the other contact tells the link too
    timeline.write(entries_of([*second, make("personal_data.erased", 2001, subject="call:a:2", channel="call")]))
    assert read(timeline, CASE) == read(timeline, PHONE) == []
    assert set(timeline.tell_story(CASE).identities) == {CASE}


def test_pages_follow_each_other(timeline: Timeline) -> None:
    told = [entry for number in range(20) for entry in entries_of(call(f"call:a:{number}", number, f"{CASE} {PHONE}"))]
    timeline.write(told)
    owners = timeline.tell_story(CASE).identities
    whole, pages, before = timeline.read(owners, 100), [], None
    while page := timeline.read(owners, 7, before):
        pages += page
        before = Place(page[-1]["happened_at"], page[-1]["id"])
    assert pages == list(whole)
    assert len(whole) == 60


MANY = [
    *call("call:a:1"),
    *call("call:a:2", 100, ""),
    *call("call:a:3", 200, f"{CASE} {PHONE}"),
    make("email.received", 300, subject="email:a:1", identities=f"{EMAIL} {PHONE}"),
    *call("call:a:4", 350, f"{CASE} {PHONE}"),
    make("personal_data.erased", 500, subject="call:a:4", channel="call"),
    make("form.submitted", 400, subject="form:a:1", procedure="apa", identities=f"{OTHER} {EMAIL}"),
]


@given(st.permutations(MANY), st.lists(st.integers(1, 4), min_size=12, max_size=12), st.integers(0, 15))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_order_batches_and_repetitions_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, order: list[Event], sizes: list[int], again: int
) -> None:
    told, expected = entries_of(order), entries_of(MANY)
    one = Timeline(f"sqlite:///{tmp_path_factory.mktemp('one') / 'timeline.db'}")
    two = Timeline(f"sqlite:///{tmp_path_factory.mktemp('two') / 'timeline.db'}")
    two.write(expected)
    rest = [*told, *told[again:]]  # a crash: what was not acknowledged comes again
    for size in sizes:
        one.write(rest[:size])
        rest = rest[size:]
    one.write(rest)
    for asked in (PHONE, CASE, OTHER, EMAIL, "call:a:2"):
        assert set(one.tell_story(asked).identities) == set(two.tell_story(asked).identities)
        assert read(one, asked) == read(two, asked)
    one.close()
    two.close()


def test_migrations_make_what_the_schema_says(timeline: Timeline, url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_a_second_process_finds_the_tables_made(timeline: Timeline, url: str) -> None:
    timeline.write(entries_of(call()))
    other = Timeline(url)
    assert len(read(other, PHONE)) == 3
    other.close()


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "timeline.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(Unavailable, match="DatabaseError"):
        Timeline(f"sqlite:///{tmp_path / 'timeline.db'}")
