"""Start positions of sources, and state that must be refused."""

import json
from datetime import date
from fnmatch import fnmatch
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from aiokafka.structs import TopicPartition

from streams.agents import codecs
from streams.agents.citizens import _CITIZENS as CITIZENS
from streams.agents.citizens import _FIGURES as CITIZEN_FIGURES
from streams.core.citizens import citizen
from streams.core.contacts import contact
from streams.core.figures.figure import Dimensions, day_key, encode_figure, new_figure, total_key
from streams.engine.job import Codec, Table
from streams.engine.partition_start import Recovery, UnrecoverableStateError, _load
from streams.runtime.console import parse_log_line
from tests.support.events import make

KNOWN = Recovery(committed={"calls": 50}, begins={"calls": 20, "mail": 7}, ends={"calls": 90, "mail": 9})


@pytest.mark.parametrize("group", [50, None], ids=["equal", "deleted by the broker"])
def test_position_comes_from_the_state_topic(group: int | None) -> None:
    assert KNOWN.find_start("calls", group, skip_expired=False) == (50, 0)


def test_unread_source_starts_at_its_beginning() -> None:
    assert KNOWN.find_start("mail", None, skip_expired=False) == (7, 0)


@pytest.mark.parametrize(
    ("offsets", "group", "message"),
    [
        ({"committed": {"calls": 50}}, 49, "is 50 by the state topics, and 49 by"),
        ({"committed": {}}, 49, "is None by the state topics, and 49 by"),
        ({"committed": {"calls": 19}}, 19, "1 records were deleted by retention"),
        ({"committed": {"calls": 91}}, 91, "is 91, but the topic ends at 90"),
    ],
)
def test_contradicting_offsets_are_refused(offsets: dict[str, dict[str, int]], group: int, message: str) -> None:
    recovery = Recovery(**offsets, begins=KNOWN.begins, ends=KNOWN.ends)
    with pytest.raises(UnrecoverableStateError, match=message):
        recovery.find_start("calls", group, skip_expired=False)


def test_expired_records_are_skipped_and_counted_with_skip_expired() -> None:
    recovery = Recovery(committed={"calls": 15}, begins=KNOWN.begins, ends=KNOWN.ends)
    assert recovery.find_start("calls", 15, skip_expired=True) == (20, 5)


def row(key: bytes, value: bytes) -> Any:
    """Return a record of a state topic."""
    return SimpleNamespace(key=key, value=value, offset=41)


def longer(row: bytes) -> bytes:
    """Return the row with one more field, as a later release would write it."""
    return msgspec.msgpack.encode([*msgspec.msgpack.decode(row), 1])


def newer(row: bytes) -> bytes:
    """Return a row of the next version."""
    _, *fields = msgspec.msgpack.decode(row)
    return msgspec.msgpack.encode([2, *fields])


CONTACT = contact.encode(contact.fold(None, make("call.arrived")))
CITIZEN = citizen.encode(citizen.Citizen(citizen.RecontactTerms(), 1, True))
PLACE = Dimensions("chat", "siege", "autonomie", "mdph")
CALLS = Dimensions("call", "siege", "autonomie", "mdph")
MORE = msgspec.json.encode([[0] * 99, [0] * 99, {}])
FIGURE = encode_figure(new_figure())


@pytest.mark.parametrize(
    ("table", "key", "value", "english"),
    [
        (
            codecs.CONTACTS,
            b"call:a:1",
            newer(CONTACT),
            "Contact row of version 2, this one (Accueil *) reads version 1",
        ),
        (codecs.CONTACTS, b"call:a:1", longer(CONTACT), "Contact row of * fields, this one (Accueil *) reads *"),
        (CITIZENS, b"phone:k1-1", longer(CITIZEN), "Citizen row of 6 fields, this one (Accueil *) reads 5"),
        (codecs.FIGURES, total_key(PLACE), FIGURE, "figures of channel chat, unknown to this one (Accueil *)"),
        (codecs.FIGURES, total_key(CALLS), MORE, "figures of channel call of 198 fields, this one (Accueil *) reads *"),
        (
            codecs.DAYS,
            day_key(date(2026, 3, 2), PLACE),
            FIGURE,
            "figures of channel chat, unknown to this one (Accueil *)",
        ),
        (CITIZEN_FIGURES, b'["year","2026-01-01"]', FIGURE, "figures of period year, unknown to this one (Accueil *)"),
    ],
)
def test_row_of_a_later_release_is_refused_with_both_versions(
    table: Codec[Any, Any], key: bytes, value: bytes, english: str
) -> None:
    with pytest.raises(UnrecoverableStateError) as refused:
        _load(TopicPartition("rows", 2), row(key, value), [Table("rows", table).load])
    line = json.dumps({"level": "error", "event": "leaving", "logger": "engine", "error": str(refused.value)})
    prefix = "cannot continue: a newer release wrote rows, partition 2, offset 41: "
    assert fnmatch(parse_log_line(line)[1], f"{prefix}{english}: start the newer release again")


def test_undecodable_row_is_refused_with_its_position() -> None:
    for value in (b"", b"x", b"{}", b"\xc1"):
        with pytest.raises(UnrecoverableStateError, match=r"rows, partition 2, offset 41: .*this is Accueil"):
            _load(TopicPartition("rows", 2), row(b"call:a:1", value), [Table("rows", codecs.CONTACTS).load])
