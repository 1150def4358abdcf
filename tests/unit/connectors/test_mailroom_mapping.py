"""Parsing and mapping of arbitrary sidecars: rows or a reason, and no personal value in events or reasons."""

import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mailroom.config import FieldName, MailroomConfig
from connectors.mailroom.mapping import MailroomMapping, Scan, Step
from connectors.mailroom.pages import Pages
from connectors.mailroom.register import Routing
from connectors.mailroom.sidecar import SUFFIXES, Row, read_rows
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.folder import SIDECAR_BYTES
from connectors.sdk.testing.leaks import DISGUISED, forms_outside
from models.codec import UnusableRecord, decode, encode
from models.events import Event
from models.identities import PseudonymKey

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
CONFIG = MailroomConfig.model_validate({"inbox": "in", "archive": "out", "services": {"Routes": "routes"}})
MAPPING = MailroomMapping("mailroom/essai", CONFIG, PseudonymKey("general", bytes(32)))
SCAN = Scan("0" * 64, Pages(3), NOW)
SECRET = "mireille.exemple"
TEXTS = """2026-03-20|20/03/2026 11:00|0001-01-01|9999-12-31|9999-12-31T23:59:59-14:00|assigned|sent|closed|resolved
|Routes|lettre_verte|139|٣|-1|99999999999999999999|mireille.exemple@example.org"""
VALUES = st.sampled_from(TEXTS.split("|")) | st.text(max_size=20).map(lambda text: SECRET + text)
ROWS = st.dictionaries(st.sampled_from(get_args(FieldName)), VALUES)


def routing_at(chrono: str, at: datetime) -> Routing | None:
    return None if SECRET in chrono else Routing("siege", "accueil")


def events_of(row: Row) -> list[Event]:
    letters = MAPPING.letters(SCAN, row, NOW)
    return [event for letter in letters for event in MAPPING.arrival(letter, "2026-000001")]


def step_of(row: Row) -> list[Event]:
    return [MAPPING.step(row, "1" * 64, NOW, NOW, routing_at)[1]]


@given(st.sampled_from(sorted(SUFFIXES)), st.binary() | st.text().map(str.encode))
def test_any_bytes_give_rows_or_unusable_record(suffix: str, content: bytes) -> None:
    with suppress(UnusableRecord):
        assert all(isinstance(value, str) for row in read_rows(content, suffix) for value in row.values())


@given(ROWS)
def test_any_row_gives_events_or_a_reason_without_its_values(row: Row) -> None:
    for map_row in (events_of, step_of):
        events, reason = list[Event](), ""
        try:
            events = map_row(row)
        except UnusableRecord as error:
            reason = str(error)
        assert [decode(encode(event)) for event in events] == events
        assert SECRET not in f"{events} {reason}"


@pytest.mark.parametrize("name", get_args(FieldName))
def test_no_personal_value_of_a_field_reaches_events(name: FieldName) -> None:
    config = CONFIG.model_copy(update={"departures": ["{number}", "D{year}-{number:06}"]})
    mapping = MailroomMapping("mailroom/essai", config, PseudonymKey("general", bytes(32)))
    leaks = set()
    for value in DISGUISED:
        for step in Step:
            row = {"chrono": "7", "step": step, "service": "Routes", "postage": "lettre_verte", "cost_cents": "139"}
            try:
                outcome: Outcome = [mapping.step(row | {name: value}, "1" * 64, NOW, NOW, lambda *_: None)[1]]
            except UnusableRecord as error:
                outcome = Reject(error.reason, b"", error.detail)
            leaks.update((value, form) for form in forms_outside(value, outcome, "mailroom/essai"))
        with suppress(UnusableRecord):
            letters = mapping.letters(SCAN, {name: value}, NOW)
            events = [event for letter in letters for event in mapping.arrival(letter, "2026-000001")]
            leaks.update((value, form) for form in forms_outside(value, events, "mailroom/essai"))
    assert leaks == set()


@pytest.mark.parametrize("cost", ["0613", "-1", "1000001", "1,39", ""])
def test_cost_is_a_whole_number_without_leading_zeros(cost: str) -> None:
    row = {"chrono": "2026-000001", "step": "sent", "postage": "lettre_verte", "cost_cents": cost}
    with pytest.raises(UnusableRecord, match="cost_cents"):
        step_of(row)


def test_json_csv_and_xml_give_the_same_rows() -> None:
    expected = [{"chrono": "2026-000001", "step": "answered", "at": "2026-03-20"}]
    json = b'\xef\xbb\xbf{"chrono": "2026-000001", "step": " answered", "at": "2026-03-20", "x": null}'
    assert read_rows(json, ".json") == expected
    assert read_rows(b"chrono;step;at;objet\r\n2026-000001;answered;2026-03-20;\r\n", ".csv") == expected
    assert read_rows(b'{"chrono": "a\\ud800", "step": "\\ud83d\\ude42"}', ".json") == [
        {"chrono": "a\ufffd", "step": "\U0001f642"}
    ]
    fields = "<chrono>2026-000001</chrono><step>answered</step><at>2026-03-20</at>"
    assert read_rows(f'<c xmlns="urn:x">{fields}</c>'.encode(), ".xml") == expected
    assert read_rows(f"<all><c>{fields}</c><c>{fields}</c></all>".encode("utf-16"), ".xml") == expected * 2


WIDE = ";".join(f"c{n}" for n in range(95_000))


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv", f"{WIDE}\n".encode() + b"x\n" * 150_000),
        (".csv", b"chrono\n" + b"x\n" * 500_000),
        (".csv", b"chrono\n" + b";" * 1_000_000),
        (".csv", b'chrono\n"' + b"x" * 1_000_000),
        (".csv", b"\0" * 1_000_000),
        (".json", b"[" * 1_000_000),
        (".json", b'{"a":' * 200_000),
        (".json", b"[" + b"{}," * 300_000 + b"{}]"),
        (".json", b"9" * 1_000_000),
        (".xml", b"<a>" * 330_000),
        (".xml", b"<a>" + b"<b/>" * 250_000 + b"</a>"),
        (".xml", b"<a><b><c/></b>" + b"<b/>" * 250_000 + b"</a>"),
        (".xml", b"<a " + b" ".join(b"a%d=''" % n for n in range(80_000)) + b"/>"),
    ],
    ids=lambda value: value[:16].decode() if isinstance(value, bytes) else value,
)
def test_hostile_sidecar_needs_little_memory(suffix: str, content: bytes) -> None:
    assert len(content) <= SIDECAR_BYTES
    tracemalloc.start()
    try:
        with suppress(UnusableRecord):  # rows without values are fine too
            assert not any(read_rows(content, suffix))
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()
