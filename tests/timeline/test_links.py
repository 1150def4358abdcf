"""Links do not depend on the order, batches or duplicates of entries, and survive migrations."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import create_engine, text
from structlog.testing import capture_logs

from models.events import Event
from models.identities import MAX_IDENTITIES, IdentityKind
from models.revocation_reasons import RevocationReason
from models.sla import SLA_SOURCE
from models.timestamps import milliseconds
from streams.core.citizens.identity_resolution import Link, Neighbourhood, resolve_identities
from streams.core.timeline.entries import Entry
from streams.timeline import schema_upgrade
from streams.timeline.expiry import Cursor
from streams.timeline.positions import EARLIER_RELEASE
from streams.timeline.store import Timeline
from tests.support.events import CASE, PHONE, START_MS, make
from tests.support.timelines import breach_entry, entries_of, read

POOL = [
    *("case:a-0", "case:a-1", "dossier:a-0", "rdv_user:a-0", "agent:a-0"),
    *(f"email:a-{number}" for number in range(3)),
    *(f"phone:a-{number:02}" for number in range(MAX_IDENTITIES + 3)),
]
KINDS = ("email.received", "email.acknowledged", "email.answered")
Row = tuple[str, str, str, str, int]


@st.composite
def events_of_several(draw: st.DrawFn) -> list[Event]:
    """E-mails whose citizen and sector become known step by step."""
    events = []
    for number in range(draw(st.integers(1, 4))):
        for step in range(draw(st.integers(1, 6))):
            identities = draw(st.lists(st.sampled_from(POOL), max_size=4, unique=True))
            events.append(
                make(
                    draw(st.sampled_from(KINDS)),
                    draw(st.integers(0, 99)),
                    subject=f"email:a/x:{number}",
                    native_id=f"{number}.{step}",
                    sector=draw(st.sampled_from(["", "social"])),
                    identities=" ".join(identities),
                )
            )
    return events


def strength(identity: str) -> tuple[int, str]:
    """Independent implementation of the strength of an identity."""
    return list(IdentityKind).index(IdentityKind(identity.partition(":")[0])), identity


def links_of_all(events: Iterable[Event]) -> list[Row]:
    """Independent implementation of the links from all events of contacts, in the order of the table."""
    batch: dict[str, list[Event]] = {}
    for event in events:
        batch.setdefault(event.subject, []).append(event)
    rows = []
    for contact, own in batch.items():
        names = sorted({name for event in own for name in event.identities.split()}, key=strength)[:MAX_IDENTITIES]
        sector, began_at = max(event.sector for event in own), min(milliseconds(event.time) for event in own)
        rows += [(names[0], other, contact, sector, began_at) for other in names[1:]]
    return sorted(rows)


def links_in(timeline: Timeline) -> list[Row]:
    with timeline.read_connection() as connection:
        found = connection.execute(text("SELECT one, other, contact, sector, linked_at FROM links")).all()
    return sorted(map(tuple, found))


def write_in_batches(timeline: Timeline, entries: Sequence[Entry], sizes: Iterable[int]) -> None:
    rest = [*entries]
    for size in sizes:
        timeline.write(rest[:size])
        rest = rest[size:]
    timeline.write(rest)


@given(events_of_several(), st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_links_depend_on_all_events_but_not_on_their_order(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], data: st.DataObject
) -> None:
    """The worker reads events in one order; the timelines read their partitions in another, and partly again."""
    entries = entries_of(data.draw(st.permutations(events)))
    without_state = [entry for event in data.draw(st.lists(st.sampled_from(events))) for entry in entries_of([event])]
    batch = data.draw(st.permutations([*entries, *without_state, *data.draw(st.lists(st.sampled_from(entries)))]))
    sizes = data.draw(st.lists(st.integers(1, 9), max_size=6))
    with closing(Timeline(f"sqlite:///{tmp_path_factory.mktemp('batch') / 'timeline.db'}")) as timeline:
        write_in_batches(timeline, batch, sizes)
        expected = links_of_all(events)
        assert links_in(timeline) == expected
        near: dict[str, list[str]] = {}
        for one, other in sorted({row[:2] for row in expected}):
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
        for identity in POOL:
            known = {one: Neighbourhood(sorted(others)) for one, others in near.items()}
            assert timeline.resolve_identities(identity) == resolve_identities(
                identity, lambda some, known=known: pick(known, some)
            )


def pick(known: Mapping[str, Neighbourhood], some: Sequence[str]) -> dict[str, Neighbourhood]:
    return {one: known[one] for one in some if one in known}


E1, P1, P2 = "email:a-1", "phone:a-1", "phone:a-2"


def step(number: int, at: float, identities: str, contact: str = "email:a/x:1", sector: str = "social") -> Event:
    fields = {"sector": sector, "identities": identities}
    return make(KINDS[number % len(KINDS)], at, subject=contact, native_id=f"{contact}.{number}", **fields)


def test_revocation_survives_a_time_without_contacts(timeline: Timeline) -> None:
    timeline.write(entries_of([step(0, 0, f"{E1} {P1}")]))
    assert timeline.revoke(Link(E1, P1), 1, RevocationReason.SHARED)
    timeline.write(entries_of([step(1, 1, f"{CASE} {E1} {P1}")]))
    assert timeline.is_revoked(Link(E1, P1))
    assert not timeline.restore(Link(CASE, E1))
    timeline.write(entries_of([step(0, 2, f"{E1} {P1}", "email:a/x:2")]))
    assert set(timeline.resolve_identities(CASE).identities) == {CASE, E1}
    assert timeline.restore(Link(P1, E1))


def test_stronger_identity_does_not_undo_a_revocation(timeline: Timeline) -> None:
    timeline.write(entries_of([step(0, 0, f"{E1} {P1} {P2}")]))
    assert timeline.revoke(Link(E1, P1), 1, RevocationReason.SHARED)
    timeline.write(entries_of([step(1, 1, CASE)]))  # the worker has lost the earlier state
    assert [row[:2] for row in links_in(timeline)] == [(CASE, E1), (CASE, P1), (CASE, P2)]
    assert set(timeline.resolve_identities(CASE).identities) == {CASE, E1, P2}
    known = {one.link: one for one in timeline.read_links(CASE, 9)}
    assert (known[Link(CASE, P1)].revoked_at, known[Link(CASE, P1)].reason) == (1, RevocationReason.SHARED)
    assert timeline.restore(Link(CASE, P1))
    assert set(timeline.resolve_identities(CASE).identities) == {CASE, E1, P1, P2}


CASES = ("case:a-0", "case:a-1")
FIRST, SECOND = "email:a/x:1", "email:a/x:2"


def revoked_in(timeline: Timeline) -> set[tuple[str, str]]:
    with timeline.read_connection() as connection:
        return {tuple(row) for row in connection.execute(text("SELECT one, other FROM revocations"))}  # type: ignore[misc]


@pytest.mark.parametrize("sizes", [[], [1]])
def test_revocation_is_carried_over_for_each_contact(timeline: Timeline, sizes: Sequence[int]) -> None:
    timeline.write(entries_of([step(0, 0, f"{E1} {P1}", contact) for contact in (FIRST, SECOND)]))
    assert timeline.revoke(Link(E1, P1), 1, RevocationReason.SHARED)
    batch = [step(1, 1, case, contact) for case, contact in zip(CASES, (FIRST, SECOND), strict=True)]
    write_in_batches(timeline, entries_of(batch), sizes)
    assert revoked_in(timeline) == {(E1, P1), *((case, P1) for case in CASES)}


@pytest.mark.parametrize("is_before", [True, False])
def test_existing_link_of_others_is_not_revoked(timeline: Timeline, *, is_before: bool) -> None:
    another = entries_of([step(0, 0, f"{CASE} {P1}", SECOND)])
    timeline.write([*entries_of([step(0, 0, f"{E1} {P1}", FIRST)]), *(another if is_before else ())])
    assert timeline.revoke(Link(E1, P1), 1, RevocationReason.SHARED)
    timeline.write([*entries_of([step(1, 1, CASE, FIRST)]), *another])
    assert revoked_in(timeline) == {(E1, P1)}


def test_restored_link_is_not_revoked_again(timeline: Timeline) -> None:
    timeline.write(entries_of([step(0, 0, f"{E1} {P1}", contact) for contact in (FIRST, SECOND)]))
    assert timeline.revoke(Link(E1, P1), 1, RevocationReason.SHARED)
    timeline.write(entries_of([step(1, 1, CASE, FIRST)]))
    assert timeline.restore(Link(CASE, P1))
    timeline.write(entries_of([step(1, 1, CASE, SECOND)]))
    assert revoked_in(timeline) == {(E1, P1)}


SECTORS = ("general", "social")


def of_sector(sector: str, *kinds: str) -> str:
    return " ".join(f"{kind}:{sector}-1" for kind in kinds)


def two_sectors() -> list[Event]:
    """A contact known in one sector and, for an earlier time, in another; and one contact of each citizen alone."""
    general, social = (of_sector(sector, "case", "phone") for sector in SECTORS)
    return [
        step(0, 9, social, "email:a/x:7", "social"),
        step(1, 0, general, "email:a/x:7", "general"),
        step(0, 0, social, "email:a/x:8", "social"),
        step(0, 0, general, "email:a/x:9", "general"),
    ]


@pytest.mark.parametrize("sizes", [[], [1, 1, 1], [2]])
@pytest.mark.parametrize("is_migrated", [True, False])
def test_pseudonyms_of_two_sectors_are_not_linked(url: str, sizes: Sequence[int], *, is_migrated: bool) -> None:
    entries = entries_of(two_sectors())
    if is_migrated:
        write_release_0004(url, entries)
    with closing(Timeline(url)) as timeline:
        write_in_batches(timeline, entries, sizes)
        assert {(one, other, sector) for one, other, _, sector, _ in links_in(timeline)} == {
            (*of_sector(sector, "case", "phone").split(), sector) for sector in SECTORS
        }
        for sector in SECTORS:
            for identity in of_sector(sector, "case", "phone").split():
                story = timeline.resolve_identities(identity)
                assert set(story.identities) == {*of_sector(sector, "case", "phone").split()}


@st.composite
def events_in_sectors(draw: st.DrawFn) -> list[Event]:
    """E-mails with changing sectors, some without a sector or citizen."""
    events = []
    for number in range(draw(st.integers(1, 12))):
        sector = draw(st.sampled_from(["", *SECTORS]))
        kinds = draw(st.lists(st.sampled_from(["case", "email", "phone"]), unique=True)) if sector else []
        contact = f"email:a/x:{draw(st.integers(0, 2))}"
        fields = {"sector": sector, "identities": of_sector(sector, *sorted(kinds))}
        at = draw(st.integers(0, 9))
        events.append(make(draw(st.sampled_from(KINDS)), at, subject=contact, native_id=str(number), **fields))
    return events


@given(events_in_sectors(), st.lists(st.integers(1, 4), max_size=6), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_links_stay_within_a_sector(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], sizes: list[int], is_migrated: bool
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('sectors') / 'timeline.db'}"
    if is_migrated:
        write_release_0004(url, entries_of(events))
    with closing(Timeline(url)) as timeline:
        write_in_batches(timeline, entries_of(events), sizes)
        for one, other, _, sector, _ in links_in(timeline):
            assert {name.partition(":")[2] for name in (one, other)} == {f"{sector}-1"}


def test_links_are_deleted_with_their_contact(timeline: Timeline) -> None:
    for number, one in enumerate((P1, P2, E1)):
        timeline.write(entries_of([step(number, number, one, name) for name in ("email:a/x:1", "email:a/x:2")]))
    erased = make("personal_data.erased", 9, subject="email:a/x:1", channel="email")
    timeline.write(entries_of([erased]))
    assert {row[2] for row in links_in(timeline)} == {"email:a/x:2"}
    assert timeline.expire(Cursor(), START_MS + 86_400_000, 100).contacts == 1
    assert links_in(timeline) == []


def test_sla_event_does_not_date_a_link(timeline: Timeline) -> None:
    early = breach_entry("email:a/x:1", START_MS - 9_000)
    timeline.write([early])
    timeline.write(entries_of([step(0, 0, f"{E1} {P1}")]))
    timeline.write([early, structs.replace(early, id="earlier")])
    assert links_in(timeline) == [(E1, P1, "email:a/x:1", "social", START_MS)]
    assert early.source == SLA_SOURCE


def test_duplicates_change_nothing(timeline: Timeline) -> None:
    entries = entries_of([step(number, number, one) for number, one in enumerate((P1, P2, E1, CASE))])
    timeline.write(entries)
    assert timeline.write(entries) == timeline.write(entries[::-1]) == (0, 0, 0, 0)


def write_release_0004(url: str, entries: Sequence[Entry]) -> None:
    """Write a database of release 0004, with the links of each event to the strongest identity known then."""
    engine = create_engine(url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(schema_upgrade._SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        owners: dict[str, str] = {}
        for entry in entries:
            known = owners.get(entry.contact, "")
            owners[entry.contact] = min(filter(None, (known, entry.citizen)), key=strength, default="")
        for entry in entries:
            at = milliseconds(entry.happened_at)
            given = {
                "owner": owners[entry.contact] or entry.contact,
                "at": at,
                "id": entry.id,
                "contact": entry.contact,
            }
            given |= {"sector": entry.sector, "source": entry.source}
            connection.execute(
                text(
                    "INSERT INTO entries VALUES (:owner, :at, :id, :contact, :sector, 'email', 's', 's', 'email.received',"
                    " 'open', '', :source, '', '') ON CONFLICT DO NOTHING"
                ),
                given,
            )
            strongest, *others = entry.identities.split() or [""]
            for other in others:
                connection.execute(
                    text("INSERT INTO links VALUES (:one, :other, :contact, :id, :sector, :at) ON CONFLICT DO NOTHING"),
                    given | {"one": strongest, "other": other},
                )
    engine.dispose()


@given(events_of_several(), st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_migration_rebuilds_links_of_an_earlier_release(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], data: st.DataObject
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('former') / 'timeline.db'}"
    write_release_0004(url, entries_of(data.draw(st.permutations(events))))
    with closing(Timeline(url)) as timeline:
        assert links_in(timeline) == links_of_all(events)


def test_migration_keeps_revocations(url: str) -> None:
    write_release_0004(url, [*entries_of([step(0, 0, f"{E1} {P1}")]), *entries_of([step(1, 1, CASE)])])
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO revocations VALUES (:one, :other, 5, 'shared')"), {"one": E1, "other": P1})
    engine.dispose()
    with closing(Timeline(url)) as timeline:
        assert set(timeline.resolve_identities(CASE).identities) == {CASE, E1}
        assert timeline.restore(Link(CASE, P1))
        assert set(timeline.resolve_identities(CASE).identities) == {CASE, E1, P1}


def test_migration_does_not_revoke_links_of_others(url: str) -> None:
    batch = [step(0, 0, f"{E1} {P1}"), step(1, 1, f"{CASE} {E1} {P1}"), step(0, 0, f"{CASE} {P1}", SECOND)]
    write_release_0004(url, entries_of(batch))
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO revocations VALUES (:one, :other, 5, 'shared')"), {"one": E1, "other": P1})
    engine.dispose()
    with closing(Timeline(url)) as timeline:
        assert revoked_in(timeline) == {(E1, P1)}


def test_migrated_database_accepts_events(url: str) -> None:
    many = [f"phone:a-{number:02}" for number in range(MAX_IDENTITIES + 2)]
    events = [step(number, number, one) for number, one in enumerate([*many[::-1], E1, CASE])]
    events += [step(number, 50 + number, one, "email:a/x:2", "") for number, one in enumerate([PHONE, P1])]
    write_release_0004(url, [*entries_of(events), breach_entry("email:a/x:1", START_MS - 1000)])
    with capture_logs() as logs:
        migrated = Timeline(url)
    assert [log["event"] for log in logs] == ["tables_migrating"]
    migrated.write((), (), (1, 7))
    migrated.write((), (), (1, 9))
    assert migrated.read_positions() == {EARLIER_RELEASE: 0, 1: 9}
    with closing(migrated) as timeline:
        assert links_in(timeline) == links_of_all(events)
        later = step(5, -3, P2, "email:a/x:2")
        timeline.write(entries_of([later]))
        assert links_in(timeline) == links_of_all([*events, later])
        assert len(read(timeline, CASE)) == len(many) + 3
