"""Mapping of facts about letters, including arbitrary ones; statuses in the settings; local times."""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.maarch.config import STATUSES, MaarchConfig, closed_statuses
from connectors.maarch.letter_facts import Letter, compare, encode
from connectors.maarch.letter_feed import read_row
from connectors.maarch.local_time import begin_before, to_local, to_utc
from connectors.maarch.mapping import LetterMapping
from connectors.sdk.config import parse
from connectors.sdk.contract import Reject
from connectors.sdk.errors import ConfigError
from models.identities import PseudonymKey
from models.reasons import Reason
from tests.support.mapping_properties import json_values, outcomes_of

AT = "2026-03-16 09:00:00.5"
KEY = PseudonymKey("general", b"k" * 32)
READ_AT = datetime(2026, 3, 16, 9, tzinfo=UTC)
PERSONAL = "mireille.exemple@example.org"
BASE: dict[str, Any] = {"url": "https://courrier.example.org", "login": "accueil", "password": "secret"}
POSTAGE = {"class_field": 1, "cost_field": 2, "classes": {"Lettre verte": "lettre_verte"}}
ROW: dict[str, Any] = {
    "res_id": 7,
    "category_id": "incoming",
    "creation_date": AT,
    "modification_date": AT,
    "closing_date": AT,
    "admission_date": "2026-03-15 00:00:00",
    "departure_date": None,
    "status": "END",
    "destination": "DAS",
    "type_id": 101,
    "alt_identifier": "MAARCH/2026A/7",
    "case": PERSONAL,
}
SENT = ROW | {"category_id": "outgoing", "departure_date": AT, "postage": "Lettre verte", "cost": "1,39"}
JSON = json_values(AT, PERSONAL, "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999")


def make_mapping(**changes: Any) -> LetterMapping:
    config = MaarchConfig.model_validate(BASE | {"postage": POSTAGE} | changes)
    return LetterMapping("maarch/essai", config, lambda _: KEY)


MAPPING = make_mapping()


def map_row(row: Any, mapping: LetterMapping = MAPPING) -> list[Any]:
    """Return the events of a row, and the reasons of rejected facts."""
    letter = read_row(msgspec.Raw(json.dumps(row).encode()), KEY)
    records = [letter] if isinstance(letter, bytes) else map(encode, compare(letter, None, "", READ_AT)[0])
    return outcomes_of(mapping.map, records, PERSONAL)


@given(st.sampled_from([ROW, SENT]), st.sampled_from([*ROW, "postage", "cost"]), JSON)
def test_any_value_of_a_column_is_mapped_without_error(whole: dict[str, Any], column: str, value: Any) -> None:
    map_row(deepcopy(whole) | {column: value})


@given(JSON)
def test_any_row_is_mapped_without_error(row: Any) -> None:
    map_row(row)


@given(st.binary())
def test_any_bytes_are_rejected_without_error(record: bytes) -> None:
    assert isinstance(MAPPING.map(record), Reject)


@pytest.mark.parametrize("row", [None, [], "x", {"res_id": 7}, ROW | {"res_id": 0}, ROW | {"creation_date": None}])
def test_row_that_is_no_letter_is_rejected(row: Any) -> None:
    assert map_row(row) == [Reason.UNREADABLE_LINE]


@pytest.mark.parametrize(("status", "meaning"), STATUSES.items())
def test_every_published_status_is_known(status: str, meaning: str) -> None:
    found = [(event.type, getattr(event.data, "outcome", "")) for event in map_row(ROW | {"status": status})][3:]
    closed = [("letter.closed", "resolved" if meaning == "archived" else meaning)]
    assert found == {"open": [], "answered": [("letter.answered", "")]}.get(meaning, closed)


def test_configuration_overrides_the_meaning_of_a_status() -> None:
    changed = make_mapping(statuses={"TRANSMIS": "redirected", "END": "open"})
    assert map_row(ROW | {"status": "TRANSMIS"}, changed)[-1].data.outcome == "redirected"
    assert map_row(ROW, changed)[-1].type == "letter.assigned"
    assert "END" not in closed_statuses({"END": "open"})
    assert "STDBY" in closed_statuses({"STDBY": "resolved"})


@pytest.mark.parametrize(("cost", "cents"), [("1,39", 139), ("2", 200), ("0", 0), ("1,39 €", 139), (" 7.05", 705)])
def test_cost_is_parsed_in_euros(cost: str, cents: int) -> None:
    (event,) = map_row(SENT | {"cost": cost})
    assert event.data.cost_cents == cents


@pytest.mark.parametrize("cost", ["gratuit", "-1", "1,395", "NaN", "1e99", "10001"])
def test_invalid_cost_is_rejected(cost: str) -> None:
    assert map_row(SENT | {"cost": cost}) == [Reason.INVALID_FIELD]


def test_unknown_postage_is_rejected() -> None:
    assert map_row(SENT | {"postage": "Pigeon"}) == [Reason.UNKNOWN_ENUM]


def test_chrono_like_a_phone_number_becomes_a_keyed_digest() -> None:
    row = msgspec.Raw(json.dumps(ROW | {"alt_identifier": "0639981234"}).encode())
    letter = read_row(row, KEY)
    assert isinstance(letter, Letter)
    facts, known = compare(letter, None, "", READ_AT)
    assert known.chrono.startswith("REF-")
    (event,) = [event for event in map_row(ROW | {"alt_identifier": "0639981234"}) if event.type == "letter.registered"]
    assert event.data.chrono == known.chrono
    assert b"0639981234" not in b"".join(map(encode, facts))


def test_ids_do_not_depend_on_chronos_alone() -> None:
    """Two installations or two letters may have the same chrono."""
    assert {event.id for event in map_row(ROW)}.isdisjoint(event.id for event in map_row(ROW | {"res_id": 8}))


@pytest.mark.parametrize("status", [{"END": "finished"}, {"A'B": "open"}])
def test_invalid_status_is_refused(status: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"^mem\.statuses"):
        parse(MaarchConfig, "mem", BASE | {"statuses": status})


PARIS = ZoneInfo("Europe/Paris")
OVERLAP = timedelta(minutes=5)
PUT_BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
PUT_FORWARD = datetime(2026, 3, 29, 1, tzinfo=UTC)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 - required by the strategy
def test_conversion_to_local_time_and_back_is_exact_up_to_the_repeated_hour(time: datetime) -> None:
    aware = time.replace(tzinfo=UTC)
    assert aware - to_utc(to_local(aware, PARIS), PARIS) in {timedelta(0), timedelta(hours=1)}


@pytest.mark.parametrize("around", [PUT_BACK, PUT_FORWARD, datetime(2026, 7, 1, tzinfo=UTC)])
@given(st.integers(-4 * 3600, 4 * 3600), st.integers(0, 4 * 3600))
def test_poll_covers_all_changes_since_the_overlap(around: datetime, offset: int, later: int) -> None:
    """A change written after the start of the overlap has a local time within the poll."""
    newest = around + timedelta(seconds=offset)
    written = newest - OVERLAP + timedelta(seconds=later)
    assert to_local(written, PARIS) >= begin_before(to_local(newest, PARIS), OVERLAP, PARIS)
