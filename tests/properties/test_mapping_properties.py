"""A mapping gives the events of a record or rejects it by a field's name, whatever the values are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sdk.mapping.conversions import read_seconds
from connectors.sdk.mapping.options import MappingOptions, find_fields
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.testing.leaks import DISGUISED
from models.codec import UnusableRecord, decode, encode
from models.events import Event
from models.identities import PseudonymKey
from tests.support.mapping_properties import json_values

KEY: Final = PseudonymKey("general", b"k" * 32)
NOW: Final = datetime(2026, 11, 30, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """A mapping and a valid record for it."""

    options: Mapping[str, Any]
    record: Mapping[str, Any]
    free: frozenset[str] = frozenset()
    """Fields in which every text is valid: ids, names, numbers of phones and cases."""
    decides: frozenset[str] = frozenset()
    """Fields that the mapping reads also if they are empty: then the events differ, as it says."""


CASES: Final = {
    "calls": Case(
        {
            "id": ["Date d'appel", "N° appel"],
            "timezone": "Europe/Paris",
            "time_format": "%d/%m/%Y %H:%M:%S",
            "phone": "Appelant",
            "case": "Dossier",
            "queue": ["Service", "File"],
            "site": "Site",
            "agent": ["Prénom", "Nom"],
            "values": {
                "queue": {"MDPH": "mdph", "MDPH 2": "mdph-2"},
                "site": {"Siège": "siege"},
                "ended_by": {"A": "agent"},
            },
            "ignored": {"Nature": ["Test", "Fax"]},
            "events": [
                {"event": "call.queued", "time": ["Date d'appel", "Heure"], "position": "Position"},
                {
                    "event": "call.answered",
                    "time": {"field": ["Date d'appel", "Heure"], "plus": "Attente (s)"},
                    "when": {"Résultat": "OK"},
                    "wait_seconds": "Attente (s)",
                    "ring_seconds": "Nb. sonneries",
                },
                {
                    "event": "call.ended",
                    "time": {"field": ["Date d'appel", "Heure"], "plus": ["Attente (s)", "Durée (s)"]},
                    "when": {"Résultat": ["OK"], "Durée (s)": {"at_least": 0}},
                    "ended_by": "Fin",
                    "handle_seconds": {"field": "Durée (s)"},
                },
                {
                    "event": "call.abandoned",
                    "time": {"field": ["Date d'appel", "Heure"], "plus": "Attente (s)"},
                    "when": {"Résultat": "ABD"},
                },
            ],
        },
        {
            "N° appel": "A17",
            "Date d'appel": "04/05/2026",
            "Heure": "09:30:00",
            "Appelant": "0639981234",
            "Dossier": "D-17",
            "Service": "MDPH",
            "File": "2",
            "Site": "Siège",
            "Prénom": "Camille",
            "Nom": "Exemple",
            "Nature": "Appel",
            "Position": "3",
            "Attente (s)": "25",
            "Nb. sonneries": "4,5",
            "Durée (s)": "150",
            "Fin": "A",
            "Résultat": "OK",
        },
        decides=frozenset({"File"}),  # the table has a queue for the service alone
        free=frozenset({"N° appel", "Appelant", "Dossier", "Prénom", "Nom", "Nature", "Date d'appel"}),
    ),
    "letters": Case(
        {
            "id": "number",
            "email": "sender",
            "service": {"field": "office", "values": {"Routes": "routes"}},
            "events": [
                {"event": "letter.arrived", "time": "scanned", "pages": "pages", "admitted_at": "received"},
                {"event": "letter.registered", "time": "scanned", "chrono": "number"},
                {"event": "letter.answered", "time": "answered", "when": {"answered": True}},
                {
                    "event": "letter.sent",
                    "time": "answered",
                    "when": {"answered": True},
                    "postage": "class",
                    "cost_cents": "cost",
                },
            ],
        },
        {
            "number": "2026-000123",
            "sender": "camille.exemple@example.org",
            "office": "Routes",
            "scanned": "2026-05-04T09:30:00Z",
            "received": "2026-05-02T00:00:00Z",
            "pages": 3,
            "answered": "2026-05-20T10:00:00Z",
            "class": "lettre_verte",
            "cost": 152,
        },
        free=frozenset({"number", "sender"}),
        decides=frozenset({"answered"}),
    ),
    "forms": Case(
        {
            "id": "dossier.number",
            "dossier": "dossier.number",
            "state": "state",
            "changed_at": "changed",
            "time_format": "epoch_ms",
            "procedure": "procedure",
            "decision": {
                "field": "state",
                "values": {"accepte": "accepted", "refuse": "rejected", "depose": "no_action"},
            },
            "values": {"procedure": {"Transport": "transport", "*": "autres"}},
            "events": [
                {"event": "form.submitted", "time": "created", "state": ["depose", "accepte"]},
                {"event": "form.decided", "state": ["accepte", "refuse"]},
            ],
        },
        {
            "dossier": {"number": "4217"},
            "state": "accepte",
            "procedure": "Transport",
            "created": 1777879800000,
            "changed": "1777966200000",
        },
        free=frozenset({"dossier.number", "procedure"}),
    ),
    "visits": Case(
        {
            "id": "ticket",
            "daily_ids": True,
            "timezone": "Europe/Paris",
            "time_format": "excel",
            "events": [
                {"event": "visit.arrived", "time": "in", "queue": {"field": "kind", "values": {"A": "accueil"}}},
                {"event": "visit.served", "time": "out", "when": {"result": "served"}, "site": {"value": "sud"}},
                {"event": "visit.left", "time": "out", "when": {"result": "left"}},
            ],
        },
        {"ticket": "A12", "in": 46146.4, "out": "46146,45", "kind": "A", "result": "served"},
        free=frozenset({"ticket"}),
    ),
    "opinions": Case(
        {
            "id": "contact",
            "events": [
                {
                    "event": "feedback.given",
                    "time": "at",
                    "scale": {"value": "nps_0_10"},
                    "score": {"field": "note", "pattern": "([0-9]+)/10"},
                }
            ],
        },
        {"contact": "c1", "at": "2026-05-04T09:30:00Z", "note": "7/10"},
        free=frozenset({"contact"}),
    ),
}
EMPTY: Final = ("", "  ", None, "missing")
WRONG_TYPES: Final[tuple[Any, ...]] = ([], [1], {}, {"a": 1}, b"x", object(), float("nan"), float("inf"), "a\ud800")


def mapping(options: Mapping[str, Any]) -> RecordMapping:
    return RecordMapping("table/essai", MappingOptions.model_validate(options), KEY)


def map_one(options: Mapping[str, Any], record: Mapping[str, Any]) -> tuple[Event, ...]:
    mapped = mapping(options)
    return mapped.map(mapped.prepare(record), NOW)


def replace(record: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return a copy of a record with another value of a field, which may be inside another one."""
    outer, _, inner = name.partition(".")
    if inner and outer in record:
        return {**record, outer: {} if value == "missing" else {inner: value}}
    return {key: old for key, old in record.items() if key != name} | ({} if value == "missing" else {name: value})


def without(event: Event) -> tuple[Any, ...]:
    """Return what may not change if an optional value is missing."""
    return event.id, event.type, event.subject, event.time, event.source


def is_poorer(event: Event, whole: Event) -> bool:
    """Return whether an event has the values of `whole`, or none."""
    given = {"identities": event.identities, "site": event.site, "service": event.service, **event.data.__dict__}
    known = {"identities": whole.identities, "site": whole.site, "service": whole.service, **whole.data.__dict__}
    known_identities = set(whole.identities.split())
    defaults = {name: field.default for name, field in type(event.data).model_fields.items()}
    return all(
        value in (known[name], None, "", defaults.get(name))
        or (name == "identities" and set(value.split()) <= known_identities)
        for name, value in given.items()
    )


def _name_of(value: Any) -> str:
    return type(value).__name__ if type(value) is object else ascii(value)


FIELDS: Final = [
    (case, name)
    for case, given_case in CASES.items()
    for name in find_fields(MappingOptions.model_validate(given_case.options))
]


@pytest.mark.parametrize("case", CASES)
def test_cases_are_valid(case: str) -> None:
    assert map_one(CASES[case].options, CASES[case].record)


@pytest.mark.parametrize(("case", "name"), FIELDS)
@pytest.mark.parametrize("value", [*EMPTY, *WRONG_TYPES, "garbled"], ids=_name_of)
def test_unusable_value_rejects_by_name_or_is_left_out(case: str, name: str, value: Any) -> None:
    chosen = CASES[case]
    if value == "garbled":
        if name in chosen.free:
            return
        value = f"{chosen.record.get(name)}@@"
    if name in chosen.decides and (value in EMPTY or value in ([], {})):
        return
    whole = map_one(chosen.options, chosen.record)
    try:
        events = map_one(chosen.options, replace(chosen.record, name, value))
    except UnusableRecord as error:
        _check_detail(error, name)
        return
    assert list(map(without, events)) == list(map(without, whole))
    assert all(map(is_poorer, events, whole))


@given(st.sampled_from(sorted(CASES)), st.data())
@settings(max_examples=600, deadline=None)
def test_any_values_give_valid_events_or_a_reject(case: str, data: st.DataObject) -> None:
    chosen = CASES[case]
    values = json_values(
        *DISGUISED, *chosen.record.values(), "2026-05-04T09:30:00Z", 46146.4, "TEST"
    ) | st.sampled_from([NOW, NOW.date(), NOW.time(), b"x", 10**40])
    record = {**chosen.record, **data.draw(st.dictionaries(st.sampled_from(sorted(chosen.record)), values))}
    mapped = mapping(chosen.options)
    prepared = mapped.prepare(record)
    assert mapped.prepare(dict(record))[1:3] == prepared[1:3]
    try:
        events = mapped.map(prepared, NOW)
    except UnusableRecord as error:
        outside = error.detail
    else:
        assert [decode(encode(event)) for event in events] == list(events)
        assert events == mapped.map(mapped.prepare(dict(record)), NOW)
        assert len({event.id for event in events}) == len(events)
        outside = "\n".join(encode(event).decode() for event in events)
    assert not [value for value in DISGUISED if value.lower() in outside.lower()]


@given(st.sampled_from(sorted(CASES)), st.dictionaries(st.text(max_size=9), json_values(*DISGUISED)), st.randoms())
@settings(max_examples=200, deadline=None)
def test_fields_that_are_not_named_change_nothing(case: str, others: dict[str, Any], random: Any) -> None:
    chosen = CASES[case]
    named = {name.partition(".")[0] for name in find_fields(MappingOptions.model_validate(chosen.options))}
    items = [*chosen.record.items(), *((name, value) for name, value in others.items() if name not in named)]
    random.shuffle(items)
    mapped = mapping(chosen.options)
    prepared, plain = mapped.prepare(dict(items)), mapped.prepare(chosen.record)
    assert (prepared.key, prepared.digest, prepared.state) == (plain.key, plain.digest, plain.state)
    assert mapped.map(prepared, NOW) == mapped.map(plain, NOW)


@given(st.floats(0, 604_800) | st.integers(0, 604_800))
def test_duration_as_text_is_the_same_as_a_number(seconds: float) -> None:
    assert read_seconds(f"{seconds:.3f}".replace(".", ",")) == pytest.approx(read_seconds(seconds), abs=0.001)


def _check_detail(error: UnusableRecord, name: str) -> None:
    assert name in error.detail
    assert "@@" not in error.detail
