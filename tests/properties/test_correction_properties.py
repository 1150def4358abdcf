"""Records that are corrected at random: the contacts that count are those of the last usable record of each."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sdk.contract import Reject
from connectors.sdk.testing import ConnectorHarness
from models.events import ContactRetracted, Event
from tests.support.record_sources import CONNECTOR, ListSource

OPTIONS = {
    "id": "id",
    "service": {"field": "service", "values": {"A": "a", "B": "b"}},
    "ignored": {"kind": ["test"]},
    "events": [
        {"event": "letter.arrived", "time": "at", "pages": "pages"},
        {"event": "letter.answered", "time": "answered", "when": {"answered": True}},
        {"event": "email.answered", "time": "answered", "when": {"mailed": True}, "id": "mail"},
    ],
}
RECORDS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["L1", "L2", "L3"]),
        "service": st.sampled_from("AAB"),
        "kind": st.sampled_from(["letter", "letter", "letter", "test"]),
        "at": st.just("2026-05-04T09:30:00Z"),
        "pages": st.sampled_from([1, 1, 2, "beaucoup"]),
        "answered": st.sampled_from(["", "2026-05-05T09:30:00Z", "2026-05-06T09:30:00Z"]),
        "mailed": st.booleans(),
        "mail": st.just("M"),
        "unnamed": st.integers(0, 9),
    }
)
Facts = set[tuple[Any, ...]]


def facts_of(event: Event) -> tuple[Any, ...]:
    return event.type, event.time, event.service, str(event.data)


def expected_facts(record: dict[str, Any]) -> Facts:
    """Return the facts of a usable record."""
    if record["kind"] == "test":
        return set()
    at, service = record["at"], record["service"].lower()
    facts = {("letter.arrived", at, service)}
    if record["answered"]:
        facts.add(("letter.answered", record["answered"], service))
        if record["mailed"]:
            facts.add(("email.answered", record["answered"], service))
    return facts


def is_usable(record: dict[str, Any]) -> bool:
    """Return whether a record gives events or is ignored: answers by mail need the time of an answer."""
    return record["kind"] == "test" or (
        record["pages"] != "beaucoup" and bool(record["answered"] or not record["mailed"])
    )


class Counted:
    """The contacts that count, as consumers keep them: each event once, and none of a retracted contact."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._facts: dict[str, dict[tuple[Any, ...], int]] = {}
        self._retracted: set[str] = set()

    def add(self, event: Event) -> None:
        if event.id in self._ids:
            return
        self._ids.add(event.id)
        if isinstance(event, ContactRetracted):
            self._retracted.add(event.subject)
            return
        assert event.subject not in self._retracted, "a retracted contact got an event"
        facts = self._facts.setdefault(event.subject, {})
        facts[facts_of(event)] = facts.get(facts_of(event), 0) + 1

    def facts(self, native: str) -> Facts:
        """Return the facts that count of the contacts with the id `native`, in all versions."""
        found: Facts = set()
        for subject, facts in self._facts.items():
            if subject not in self._retracted and subject.rpartition(":")[2].partition("-v")[0] == native:
                assert set(facts.values()) == {1}
                found |= {(kind, at.isoformat().replace("+00:00", "Z"), service) for kind, at, service, _ in facts}
        return found


@given(st.lists(st.lists(RECORDS, max_size=6), max_size=6), st.lists(st.booleans(), min_size=7, max_size=7))
@settings(max_examples=150, deadline=None)
def test_counted_contacts_are_those_of_the_last_usable_records(
    batches: list[list[dict[str, Any]]], confirms: list[bool]
) -> None:
    for batch in batches:
        for record in batch:
            record["mail"] = f"M{record['id'][1:]}"
    rows: list[dict[str, Any]] = []
    counted, last = Counted(), dict[str, dict[str, Any]]()
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(ListSource, "given", rows)
        path = Path(directory)
        harness = ConnectorHarness(CONNECTOR, dict(OPTIONS), path / "data", path / "keys")
        for batch, confirm in zip([*batches, []], confirms, strict=False):
            rows += batch
            last |= {record["id"]: record for record in batch if is_usable(record)}
            with closing(CONNECTOR.open(harness.config, harness._context())) as source:
                while outcomes := source.read(0.0):
                    for outcome in outcomes:
                        for event in () if isinstance(outcome, Reject) else outcome:
                            counted.add(event)
                    if confirm:
                        source.acknowledge(source.position())
    for native in ("L1", "L2", "L3"):
        known = expected_facts(last[native]) if native in last else set()
        mail = f"M{native[1:]}"
        assert counted.facts(native) == {fact for fact in known if not fact[0].startswith("email")}
        assert counted.facts(mail) == {fact for fact in known if fact[0].startswith("email")}
