"""Erasure requests: stored before publication, completed by a later request, proved once, deleted in time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models.events import Event
from models.timestamps import milliseconds
from streams.privacy.citizen_finder import (
    MAX_IDENTITIES,
    AmbiguousSector,
    KafkaUnavailable,
    TooManyIdentities,
    UnknownSubject,
)
from streams.privacy.erasures import Erasures, RetentionPeriods, make_request_id, to_fields
from streams.timeline import erasures as requests
from streams.timeline.schema import ERASURES
from streams.timeline.store import Timeline
from tests.support.events import CASE, PHONE, make
from tests.support.timelines import call, entries_of, sla_status_entry
from tests.support.worker_state import WorkerState

DAY_MS = 86_400_000
NOW = datetime(2026, 11, 26, 6, tzinfo=UTC)


class World:
    """Timelines with a worker and Kafka."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline, self.state, self.now = timeline, WorkerState(), NOW
        self.proofs: list[str] = []
        self.erasures = Erasures(
            timeline,
            self.state.read,
            self.state.publish,
            RetentionPeriods(30 * DAY_MS, DAY_MS, DAY_MS, DAY_MS, DAY_MS),
            lambda: self.now,
        )

    def write(self, events: Sequence[Event]) -> None:
        self.timeline.write(entries_of(events))
        self.state.fold(events)

    def apply_erasures(self) -> None:
        self.state.apply_erasures(self.timeline)

    def look(self, name: str) -> dict[str, Any]:
        found = self.erasures.look(name, self.proofs.append)
        assert found is not None
        return to_fields(found)

    def erase(self, subject: str) -> str:
        found = self.erasures.finder.find_for_erasure(subject, "")
        request = self.erasures.begin(make_request_id(), found.contacts, found.sector, "camille")
        self.erasures.publish_pending()
        return request.id


@pytest.fixture
def world(timeline: Timeline) -> World:
    world = World(timeline)
    world.write(
        [*call("call:a:1", 0, f"{CASE} {PHONE}"), *call("call:a:2", 99, PHONE), *call("call:a:3", 200, "phone:k1-b")]
    )
    return world


def test_partly_published_erasure_is_completed_later(world: World) -> None:
    world.state.room = 1
    with pytest.raises(KafkaUnavailable):
        world.erase(CASE)
    world.apply_erasures()
    assert world.timeline.read_contact("call:a:1") == []
    with pytest.raises(UnknownSubject):  # the other contacts cannot be found any more
        world.erasures.finder.find(CASE, "")
    with world.timeline.read_connection() as connection:
        (open_,) = requests.read_unpublished(connection)
    assert world.look(open_.id)["state"] == "begun"
    world.state.room = 1000
    assert world.erasures.publish_pending() == 1
    assert world.erasures.publish_pending() == 0
    assert len({event.id for event in world.state.erased}) == 2 < len(world.state.erased)
    world.apply_erasures()
    assert world.look(open_.id)["proof"]["kept_as_erased"] == 2
    assert world.timeline.read_contact("call:a:2") == []
    assert len(world.timeline.read_contact("call:a:3")) == 3


def test_proof_is_made_once_after_all_data_is_erased(world: World) -> None:
    name = world.erase(PHONE)
    world.timeline.write([], [sla_status_entry("call:a:2", 1, answer=2)])  # like any contact
    assert (world.look(name)["state"], world.proofs) == ("told", [])
    world.apply_erasures()
    assert not world.timeline.read_sla_targets(["call:a:2"])
    first = world.look(name)
    world.now += timedelta(days=1)
    assert world.look(name) == first
    assert world.proofs == [first["sha256"]]
    assert (first["proof"]["entries_before"], first["proof"]["links_before"], first["proof"]["rows"]) == (6, 1, 2)
    with world.timeline.read_connection() as connection:
        assert requests.list_contacts(connection, name) == [], "the citizen is not known any more"
    assert world.erasures.look("0" * 32, world.proofs.append) is None


def test_unpolled_erasure_is_proved_nightly_and_its_contacts_are_deleted(world: World) -> None:
    name, other = world.erase(CASE), world.erase("phone:k1-b")
    world.state.erased = [event for event in world.state.erased if event.subject != "call:a:3"]
    world.apply_erasures()
    recorded: list[tuple[str, str]] = []
    assert world.erasures.prove(lambda request, sha256: recorded.append((request, sha256))) == (1, 1)
    assert recorded == [(name, world.look(name)["sha256"])]
    with world.timeline.write_transaction() as connection:
        assert requests.list_contacts(connection, other) == ["call:a:3"]
        at = milliseconds(NOW)
        assert requests.delete_expired(connection, at + 1, at) == 2
        assert connection.execute(select(ERASURES)).all() == []


def test_remaining_row_prevents_the_proof(world: World) -> None:
    kept = dict(world.state.rows)
    name = world.erase(PHONE)
    world.apply_erasures()
    world.state.rows = kept  # the state was lost and rebuilt from the remaining events
    assert world.look(name)["state"] == "told"


def test_open_reader_of_the_write_ahead_log_prevents_the_proof(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    name = world.erase(PHONE)
    world.apply_erasures()
    monkeypatch.setattr(Timeline, "truncate_log", lambda _: False)
    assert (world.look(name)["state"], world.proofs) == ("told", [])
    monkeypatch.undo()
    assert world.look(name)["state"] == "proved"


def test_contacts_missing_in_the_timelines_are_found_in_the_state(world: World) -> None:
    world.state.fold([*call("call:a:9", 300, f"{CASE} {PHONE}"), *call("call:a:8", 300, "case:k1-else phone:k1-b")])
    assert world.erasures.finder.find(CASE, "").contacts == ["call:a:1", "call:a:2", "call:a:9"]


def test_erasure_is_limited_to_one_sector(world: World) -> None:
    world.write([make("letter.arrived", 1, subject="mail:a:1", identities=CASE, sector="social", pages=1)])
    world.write([make("letter.arrived", 1, subject="mail:a:2", identities=CASE, sector="routes", pages=1)])
    with pytest.raises(AmbiguousSector) as several:
        world.erasures.finder.find_sector(CASE)
    assert several.value.args == ("routes", "social")
    found = world.erasures.finder.find(CASE, "social")
    assert found.contacts == ["call:a:1", "call:a:2", "mail:a:1"], "the calls have no sector"


def test_late_event_without_sector_does_not_prevent_erasure(world: World) -> None:
    world.write([make("letter.answered", 1, subject="mail:a:1", identities="case:k1-late", sector="social")])
    del world.state.rows[b"mail:a:1"]  # expired after its end
    world.write([make("feedback.given", 42 * 86_400, subject="mail:a:1", scale="csat_1_5", score=1)])
    for subject in ("case:k1-late", "mail:a:1"):
        assert world.erasures.finder.find_sector(subject) == "social"
        found = world.erasures.finder.find_for_erasure(subject, "social")
        assert (found.contacts, [*found.rows]) == (["mail:a:1"], ["mail:a:1"])
    world.state.rows.clear()
    world.timeline.write(entries_of(call("call:a:7", 0, "case:k1-none")))
    assert world.erasures.finder.find_sector("case:k1-none") == "", "no event had a sector"


def test_citizen_with_many_identities_is_erased_completely(world: World) -> None:
    phones = [f"phone:k1-{number:03}" for number in range(100)]
    for number, phone in enumerate(phones):
        world.write(call(f"call:a:many-{number}", number, f"case:k1-many {phone}"))
        world.write(call(f"call:a:alone-{number}", number, phone))
    assert not world.timeline.resolve_identities("case:k1-many").is_whole, "a look-up follows fewer identities"
    name = world.erase("case:k1-many")
    world.apply_erasures()
    assert world.look(name)["proof"]["contacts"] == 200
    assert not world.timeline.read(["case:k1-many", *phones], 9)


def test_citizen_with_too_many_links_is_not_partly_erased(world: World) -> None:
    for number in range(MAX_IDENTITIES // 2):
        letter = make("letter.arrived", number, subject=f"mail:a:{number}", pages=1)
        identities = f"case:k1-many phone:k1-{number} email:k1-{number}"
        world.timeline.write(entries_of([letter.model_copy(update={"identities": identities})]))
    assert world.erasures.finder.find("case:k1-many", "").contacts, "an export is possible, but incomplete"
    with pytest.raises(TooManyIdentities):
        world.erasures.finder.find_for_erasure("case:k1-many", "")


def test_marks_of_erased_contacts_expire_only_after_the_proof(world: World) -> None:
    proved = world.erase(PHONE)
    world.apply_erasures()
    world.look(proved)
    other = world.erasures.begin(make_request_id(), ["call:a:3"], "", "camille").id
    at = milliseconds(world.state.erased[0].time)
    with world.timeline.write_transaction() as connection:
        assert requests.delete_expired(connection, at, at) == 0
        assert requests.delete_expired(connection, at + 1, at + 1) == 3
        assert requests.read(connection, proved) is None
        assert requests.read(connection, other) is not None
