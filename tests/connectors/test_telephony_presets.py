"""Presets of telephone systems: their samples give the events worked out by hand; damaged records give no other events."""

import csv
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from connectors.sdk import registry
from connectors.sdk.config import parse
from connectors.sdk.contract import Reject
from connectors.sdk.flow import map_or_reject
from connectors.sdk.mapping.config import MERGED, PRESETS, find_presets, merge, read_mapping
from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.record_mapping import PreparedRecord, RecordMapping
from connectors.sdk.mapping.trial import Trial
from connectors.sdk.mapping.value_options import ANY
from connectors.sdk.samples import PlacedRecord
from connectors.table.config import TableConfig
from connectors.table.source import read_sample
from models.events import Event
from models.identities import IdentityKind, PseudonymKey, normalise
from models.reasons import Reason
from tests.support.telephony_tables import run_query

NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY: Final = PseudonymKey("general", b"k" * 32)
BAD_VALUES: Final[Sequence[Any]] = (None, "", "  ", "#!?", [], ["#!?"], {}, {"x": "#!?"})
"""Values that stand for no value, are garbled, or have a type that no column has."""
PARIS: Final = "Europe/Paris"


class Case(NamedTuple):
    """A preset with the options of a settings file, and the events of its sample: record, type, time (UTC) and data."""

    settings: Mapping[str, Any]
    events: Sequence[tuple[int, str, str, dict[str, Any]]]
    phones: Sequence[str]
    """Numbers of callers that events have as identities, in the order of the sample."""
    line_fields: frozenset[str] = frozenset()
    """Fields with the number of a direct line that no id contains: with another number, the record is about no line."""
    empty_values: frozenset[str] = frozenset()
    """Fields without a value in ordinary records that the preset treats otherwise, besides those with `""` in `ignored`."""


def _names(queues: Sequence[str], line: str) -> dict[str, dict[str, str]]:
    """Return the tables of names: of queues, and of a direct line."""
    names = {"queue": dict.fromkeys(queues, "accueil")}
    return {"queue": names["queue"] | {line: "mdph"}, "line": {line: "mdph"}} if line else names


def _files(*queues: str, zone: str = PARIS, line: str = "") -> dict[str, Any]:
    settings: dict[str, Any] = {"files": "/srv/appels/*", "values": _names(queues, line)}
    return settings | ({"timezone": zone} if zone else {})


def _table(*queues: str, zone: str = PARIS, line: str = "") -> dict[str, Any]:
    settings: dict[str, Any] = {
        "url": "postgresql://accueil@pbx.example.org/asterisk",
        "values": _names(queues, line),
    }
    return settings | ({"timezone": zone} if zone else {})


QUEUE: Final[dict[str, Any]] = {"queue": "accueil"}
ENDED: Final[dict[str, Any]] = {"queue": "accueil", "ended_by": "unknown"}
LINE: Final[dict[str, Any]] = {"line": "mdph"}
DIRECT: Final[dict[str, Any]] = {"queue": "mdph"}
DIRECT_ENDED: Final[dict[str, Any]] = {"queue": "mdph", "ended_by": "unknown"}
CEL_EVENTS: Final[Sequence[tuple[int, str, str, dict[str, Any]]]] = [
    (1, "call.queued", "08:00:20", QUEUE),
    (1, "call.answered", "08:00:32", QUEUE),
    (1, "call.ended", "08:04:00", ENDED),
    (2, "call.queued", "08:10:00", QUEUE),
    (2, "call.left_queue", "08:12:00", QUEUE | {"reason": "other"}),
    (3, "call.queued", "08:12:00", QUEUE | {"visit": 2}),
    (3, "call.abandoned", "08:12:45", QUEUE | {"visit": 2}),
]
CASES: Final[Mapping[str, Case]] = {
    "cisco-cucm": Case(
        _files("3091", zone="", line="4155"),
        [
            (2, "call.queued", "08:29:50", QUEUE),
            (2, "call.answered", "08:30:02", QUEUE | {"agent": "SEP001BD53DB360"}),
            (2, "call.ended", "08:31:17", ENDED),
            (3, "call.queued", "08:30:52", QUEUE),
            (3, "call.answered", "08:31:50", QUEUE | {"agent": "SEP001BD53DB361", "wait_seconds": 58.0}),
            (3, "call.ended", "08:35:02", ENDED),
            (4, "call.queued", "08:31:10", QUEUE),
            (4, "call.abandoned", "08:31:31", QUEUE),
            (6, "call.arrived", "08:33:20", LINE),
            (6, "call.queued", "08:33:20", DIRECT),
            (6, "call.answered", "08:33:29", DIRECT | {"agent": "SEP001BD53DB362"}),
            (6, "call.ended", "08:35:00", DIRECT_ENDED),
            (7, "call.arrived", "08:36:40", LINE),
            (7, "call.queued", "08:36:40", DIRECT),
            (7, "call.abandoned", "08:37:10", DIRECT),
        ],
        ["0639980001"] * 3 + ["0639980002"] * 3 + ["0639980003"] * 2 + ["0639980004"] * 4 + ["0639980005"] * 3,
        frozenset({"originalCalledPartyNumber"}),
        frozenset({"huntPilotDN", "originalCalledPartyNumber"}),
    ),
    "alcatel-oxe": Case(
        _files("3000", line="3155"),
        [
            (1, "call.queued", "08:29:50", QUEUE),
            (1, "call.answered", "08:30:02", QUEUE | {"agent": "3102", "wait_seconds": 12.0}),
            (1, "call.ended", "08:31:17", ENDED | {"wait_seconds": 12.0, "handle_seconds": 75.0}),
            (2, "call.queued", "08:30:05", QUEUE),
            (2, "call.abandoned", "08:30:45", QUEUE | {"wait_seconds": 40.0}),
            (3, "call.arrived", "08:32:00", LINE),
            (3, "call.queued", "08:32:00", DIRECT),
            (3, "call.answered", "08:32:08", DIRECT | {"agent": "3155", "wait_seconds": 8.0}),
            (3, "call.ended", "08:33:10", DIRECT_ENDED | {"wait_seconds": 8.0, "handle_seconds": 62.0}),
        ],
        ["0639980001"] * 3 + ["0639980002"] * 2 + ["0639980003"] * 4,
    ),
    "avaya-cm": Case(
        _files("5000", line="4155"),
        [
            (1, "call.queued", "08:29:00", QUEUE),
            (1, "call.answered", "08:29:18", QUEUE | {"wait_seconds": 18.0}),
            (2, "call.ended", "08:32:05", ENDED | {"handle_seconds": 125.0}),
            (3, "call.queued", "08:31:00", QUEUE),
            (3, "call.abandoned", "08:31:42", QUEUE | {"wait_seconds": 42.0}),
            (4, "call.queued", "08:32:00", QUEUE),
            (4, "call.left_queue", "08:32:00", QUEUE | {"reason": "other"}),
            (5, "call.arrived", "08:32:00", LINE),
            (5, "call.queued", "08:32:00", DIRECT),
            (5, "call.answered", "08:32:08", DIRECT | {"wait_seconds": 8.0}),
            (6, "call.ended", "08:34:01", DIRECT_ENDED | {"handle_seconds": 61.0}),
            (7, "call.arrived", "08:34:00", LINE),
            (7, "call.queued", "08:34:00", DIRECT),
            (7, "call.abandoned", "08:34:25", DIRECT | {"wait_seconds": 25.0}),
        ],
        [
            *["0639980001"] * 3,
            *["0639980002"] * 2,
            *["0639980003"] * 2,
            *["0639980004"] * 4,
            *["0639980005"] * 3,
        ],
        frozenset({"dialed-num"}),
        frozenset({"vdn", "dialed-num"}),
    ),
    "avaya-ip-office": Case(
        _files("4324", line="403"),
        [
            (1, "call.queued", "08:28:41", QUEUE),
            (1, "call.abandoned", "08:28:50", QUEUE | {"wait_seconds": 9.0}),
            (2, "call.queued", "08:30:57", QUEUE),
            (2, "call.answered", "08:31:04", QUEUE | {"agent": "4750", "wait_seconds": 7.0}),
            (
                2,
                "call.transferred",
                "08:31:28",
                QUEUE | {"kind": "unknown", "wait_seconds": 7.0, "handle_seconds": 13.0},
            ),
            (4, "call.queued", "14:14:19", QUEUE),
            (4, "call.answered", "14:14:26", QUEUE | {"agent": "403", "wait_seconds": 7.0}),
            (4, "call.ended", "14:14:31", ENDED | {"wait_seconds": 7.0, "handle_seconds": 5.0}),
            (5, "call.queued", "14:20:02", QUEUE),
            (5, "call.left_queue", "14:20:23", QUEUE | {"reason": "diverted", "wait_seconds": 21.0}),
            (6, "call.arrived", "14:21:00", LINE),
            (6, "call.queued", "14:21:00", DIRECT),
            (6, "call.answered", "14:21:04", DIRECT | {"agent": "403", "wait_seconds": 4.0}),
            (6, "call.ended", "14:21:34", DIRECT_ENDED | {"wait_seconds": 4.0, "handle_seconds": 30.0}),
        ],
        ["0639980001"] * 2 + ["0639980002"] * 3 + ["0639980003"] * 3 + ["0639980004"] * 2 + ["0639980005"] * 4,
    ),
    "mitel-smdr": Case(
        _files("5000", "5001", line="5411"),
        [
            (1, "call.queued", "09:56:00", QUEUE),
            (1, "call.answered", "09:56:01", QUEUE | {"agent": "5011", "wait_seconds": 1.0}),
            (1, "call.ended", "09:57:00", ENDED | {"wait_seconds": 1.0, "handle_seconds": 59.0}),
            (3, "call.queued", "09:58:00", QUEUE),
            (3, "call.abandoned", "09:58:24", QUEUE),
            (4, "call.queued", "10:00:00", QUEUE),
            (4, "call.answered", "10:00:48", QUEUE | {"agent": "5020", "wait_seconds": 48.0}),
            (4, "call.ended", "10:13:18", ENDED | {"wait_seconds": 48.0, "handle_seconds": 750.0}),
            (5, "call.arrived", "10:02:00", LINE),
            (5, "call.queued", "10:02:00", DIRECT),
            (5, "call.answered", "10:02:04", DIRECT | {"agent": "5411", "wait_seconds": 4.0}),
            (5, "call.ended", "10:02:42", DIRECT_ENDED | {"wait_seconds": 4.0, "handle_seconds": 38.0}),
        ],
        ["0639980001"] * 3 + ["0639980002"] * 2 + ["0639980003"] * 3 + ["0639980004"] * 4,
    ),
    "3cx-cdr": Case(
        _files("960", line="314"),
        [
            (1, "call.queued", "12:33:54", QUEUE),
            (1, "call.answered", "12:34:03", QUEUE | {"agent": "504"}),
            (1, "call.ended", "12:39:31", ENDED),
            (2, "call.queued", "12:40:10", QUEUE),
            (2, "call.abandoned", "12:40:52", QUEUE),
            (3, "call.queued", "12:41:00", QUEUE),
            (3, "call.left_queue", "12:42:25", QUEUE | {"reason": "diverted"}),
            (5, "call.arrived", "13:00:00", LINE),
            (5, "call.queued", "13:00:00", DIRECT),
            (5, "call.answered", "13:00:08", DIRECT | {"agent": "314"}),
            (5, "call.ended", "13:01:18", DIRECT_ENDED),
            (6, "call.arrived", "13:02:00", LINE),
            (6, "call.queued", "13:02:00", DIRECT),
            (6, "call.abandoned", "13:02:25", DIRECT),
        ],
        [
            *["0639980001"] * 3,
            *["0639980002"] * 2,
            *["0639980003"] * 2,
            *["0639980004"] * 4,
            *["0639980005"] * 3,
        ],
        frozenset({"to-dn"}),
        frozenset({"time-answered"}),  # an extension that did not answer
    ),
    "teams-call-queue": Case(
        _files("cq_accueil@example.org", "cq_rh@example.org", zone=""),
        [
            (1, "call.queued", "08:29:41", QUEUE),
            (1, "call.answered", "08:29:58", QUEUE | {"wait_seconds": 17.0}),
            (1, "call.ended", "08:33:20", ENDED | {"wait_seconds": 17.0}),
            (2, "call.queued", "08:31:00", QUEUE),
            (2, "call.abandoned", "08:31:42", QUEUE | {"wait_seconds": 42.0}),
            (3, "call.queued", "08:32:00", QUEUE),
            (3, "call.left_queue", "08:34:00", QUEUE | {"reason": "timeout", "wait_seconds": 120.5}),
            (4, "call.queued", "08:36:00", QUEUE),
            (4, "call.left_queue", "08:36:00", QUEUE | {"reason": "full", "wait_seconds": 0.2}),
            (5, "call.queued", "08:37:00", QUEUE),
            (5, "call.left_queue", "08:37:01", QUEUE | {"reason": "empty", "wait_seconds": 1.0}),
            (6, "call.queued", "08:41:00", QUEUE),
            (6, "call.callback_requested", "08:41:00", QUEUE),
            (6, "call.called_back", "08:46:00", {}),
            (6, "call.answered", "08:46:00", QUEUE | {"wait_seconds": 300.0}),
            (6, "call.ended", "08:50:00", ENDED | {"wait_seconds": 300.0}),
            (7, "call.queued", "08:42:00", QUEUE),
            (7, "call.callback_requested", "08:42:00", QUEUE),
            (7, "call.left_queue", "08:52:00", QUEUE | {"reason": "timeout", "wait_seconds": 600.0}),
        ],
        [],
    ),
    "teams-calling-plans": Case(
        {
            "files": "/srv/teams/PSTN.calls.*.csv",
            "values": {"line": {"+33199000001": "principale", "+33199000002": "mdph"}},
        },
        [(1, "call.arrived", "08:41:22", {"line": "principale"}), (2, "call.arrived", "08:42:00", LINE)],
        [],
        frozenset({"Destination Number"}),
    ),
    "teams-direct-routing": Case(
        {
            "files": "/srv/teams/DirectRouting.calls.*.csv",
            "values": {"line": {"+33199000001": "principale", "+33199000002": "mdph"}},
        },
        [
            (1, "call.arrived", "08:44:00", {"line": "principale"}),
            (2, "call.arrived", "08:48:00", {"line": "principale"}),
            (3, "call.arrived", "08:49:00", LINE),
        ],
        [],
        frozenset({"Callee Number"}),
    ),
    "asterisk-cdr-csv": Case(
        _files("complaints", line="4155"),
        [
            (2, "call.queued", "12:11:18", QUEUE),
            (2, "call.answered", "12:12:18", QUEUE | {"agent": "charlie"}),
            (2, "call.ended", "12:14:18", ENDED | {"handle_seconds": 120.0}),
            (4, "call.queued", "12:21:18", QUEUE),
            (4, "call.answered", "12:22:38", QUEUE | {"agent": "charlie"}),
            (4, "call.ended", "12:24:18", ENDED | {"handle_seconds": 100.0}),
            (5, "call.queued", "12:31:18", QUEUE),
            (5, "call.abandoned", "12:31:58", QUEUE),
            (7, "call.arrived", "12:41:18", LINE),
            (8, "call.arrived", "12:51:18", LINE),
        ],
        ["0639980001"] * 3 + ["0639980002"] * 3 + ["0639980003"] * 2 + ["0639980004", "0639980005"],
        frozenset({"dst"}),
        frozenset({"dstchannel"}),  # Asterisk writes no channel if no telephone answered
    ),
    "asterisk-cdr": Case(
        _table("complaints", line="4155"),
        [
            (1, "call.queued", "12:11:18", QUEUE),
            (1, "call.answered", "12:12:18", QUEUE | {"agent": "charlie"}),
            (1, "call.ended", "12:14:18", ENDED | {"handle_seconds": 120.0}),
            (2, "call.queued", "12:21:18", QUEUE),
            (2, "call.answered", "12:22:38", QUEUE | {"agent": "charlie"}),
            (2, "call.ended", "12:24:18", ENDED | {"handle_seconds": 100.0}),
            (3, "call.queued", "12:31:18", QUEUE),
            (3, "call.abandoned", "12:31:58", QUEUE),
            (5, "call.queued", "12:51:18", QUEUE),
            (5, "call.abandoned", "12:51:43", QUEUE),
            (6, "call.arrived", "13:01:18", LINE),
            (6, "call.queued", "13:01:18", DIRECT),
            (6, "call.answered", "13:01:26", DIRECT | {"agent": "4155"}),
            (6, "call.ended", "13:03:18", DIRECT_ENDED | {"handle_seconds": 112.0}),
            (7, "call.arrived", "13:11:18", LINE),
            (7, "call.queued", "13:11:18", DIRECT),
            (7, "call.abandoned", "13:11:43", DIRECT),
            (8, "call.queued", "13:21:43", QUEUE),
            (8, "call.answered", "13:22:03", QUEUE | {"agent": "bob"}),
            (8, "call.ended", "13:22:43", ENDED | {"handle_seconds": 40.0}),
        ],
        [
            *["0639980001"] * 3,
            *["0639980002"] * 3,
            *["0639980003"] * 2,
            *["0639980004"] * 2,
            *["0639980005"] * 4,
            *["0639980006"] * 3,
            *["0639980007"] * 3,
        ],
        frozenset({"dst"}),
    ),
    "asterisk-cel": Case(_table("600", "601"), CEL_EVENTS, ["0639980001"] * 3 + ["0639980003"] * 4),
    "freepbx": Case(_table("600", "601"), CEL_EVENTS, ["0639980001"] * 3 + ["0639980003"] * 4),
    "xivo-queue-log": Case(
        _table("q1", "q2", zone=""),
        [
            (1, "call.queued", "08:01:00", QUEUE | {"position": 1}),
            (3, "call.answered", "08:01:20", QUEUE | {"agent": "1002", "wait_seconds": 20.0, "ring_seconds": 4.0}),
            (
                4,
                "call.ended",
                "08:03:20",
                QUEUE | {"ended_by": "caller", "wait_seconds": 20.0, "handle_seconds": 120.0},
            ),
            (5, "call.queued", "08:04:00", QUEUE | {"position": 2}),
            (6, "call.abandoned", "08:05:00", QUEUE | {"position": 1, "original_position": 2}),
            (7, "call.left_queue", "08:06:00", QUEUE | {"reason": "full"}),
            (8, "call.queued", "08:06:01", QUEUE | {"visit": 2, "position": 1}),
            (9, "call.left_queue", "08:06:31", QUEUE | {"visit": 2, "reason": "key", "wait_seconds": 30.0}),
            (10, "call.left_queue", "08:07:00", QUEUE | {"reason": "closed"}),
            (11, "call.queued", "08:08:00", QUEUE | {"position": 1}),
            (12, "call.left_queue", "08:10:00", QUEUE | {"reason": "timeout", "wait_seconds": 120.0}),
            (13, "call.queued", "08:11:00", QUEUE | {"position": 1}),
            (14, "call.answered", "08:11:07", QUEUE | {"agent": "1001", "wait_seconds": 7.0, "ring_seconds": 3.0}),
            (
                15,
                "call.transferred",
                "08:12:07",
                QUEUE | {"kind": "blind", "wait_seconds": 7.0, "handle_seconds": 60.0},
            ),
            (16, "call.left_queue", "08:13:00", QUEUE | {"reason": "diverted"}),
        ],
        ["0639980001", "", "", "0639980002", "", "", "0639980003", "", "", "0639980004", "", "0639980005", "", "", ""],
    ),
}


class Preset:
    """A preset with the options of a settings file, and the records of its sample."""

    def __init__(self, name: str) -> None:
        given = merge(read_mapping(name), CASES[name].settings)
        self.options = MappingOptions.model_validate(_part(MappingOptions, given))
        self.mapping = RecordMapping(f"{name}/essai", self.options, KEY)
        sample = next(path for path in sorted(PRESETS.glob(f"{name}.*")) if path.suffix != ".toml")
        self.records = _read_rows(sample) if "query" in given else _read_table(sample, given)

    def map(self, record: PlacedRecord) -> tuple[Event, ...] | Reject:
        """Return the events of a record as the first one of its contact, or its rejection."""

        def map_one(item: PreparedRecord) -> tuple[Event, ...]:
            return self.mapping.map(item, NOW)

        def reject(_item: PreparedRecord, reason: Reason, detail: str) -> Reject:
            return Reject(reason, b"", detail)

        outcome = map_or_reject(map_one, reject, self.mapping.prepare(record.fields), NOW)
        return outcome if isinstance(outcome, Reject) else tuple(outcome)


def _part(model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key in model.model_fields}


def _read_table(sample: Path, given: Mapping[str, Any]) -> list[PlacedRecord]:
    return list(read_sample(TableConfig.model_validate(_part(TableConfig, given) | {"files": str(sample)}), sample))


def _read_rows(sample: Path) -> list[PlacedRecord]:
    with sample.open(encoding="utf-8", newline="") as file:
        return [PlacedRecord(row) for row in csv.DictReader(file, delimiter=";")]


def data_of(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(event.data.model_dump(mode="json", exclude_defaults=True))
    return data


def phone_of(number: str) -> str:
    """Return the pseudonym of a caller's number, as in the identities of events."""
    normalised = normalise(IdentityKind.PHONE, number, "FR")
    assert normalised
    return KEY.pseudonym(IdentityKind.PHONE, normalised)


@pytest.mark.parametrize("name", CASES)
def test_the_sample_gives_the_events_worked_out_by_hand(name: str) -> None:
    case, preset = CASES[name], Preset(name)
    found, identities = [], []
    for number, tried in enumerate(Trial(preset.mapping, preset.options).run(preset.records, NOW), 1):
        assert tried.rejected is None
        found += [(number, event.type, f"{event.time:%H:%M:%S}", data_of(event)) for event in tried.events]
        identities += [event.identities for event in tried.events]
    assert found == [
        (
            number,
            kind,
            time,
            data | ({"agent": KEY.pseudonym(IdentityKind.AGENT, data["agent"])} if "agent" in data else {}),
        )
        for number, kind, time, data in case.events
    ]
    expected = [number and phone_of(number) for number in case.phones]
    assert identities == (expected or [""] * len(case.events))


@pytest.mark.parametrize("name", CASES)
def test_all_events_of_the_sample_are_of_one_day(name: str) -> None:
    events = [event for record in Preset(name).records for event in _events(Preset(name).map(record))]
    assert len({f"{event.time:%Y-%m-%d}" for event in events}) == 1


def _events(outcome: tuple[Event, ...] | Reject) -> tuple[Event, ...]:
    assert not isinstance(outcome, Reject)
    return outcome


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_record_is_rejected_or_gives_the_same_events(name: str) -> None:
    preset = Preset(name)
    for record in preset.records:
        before = _events(preset.map(record))
        for field in record.fields:
            for value in BAD_VALUES:
                after = preset.map(PlacedRecord({**record.fields, field: value}))
                about = f"{name}, {record.place or record.fields}, {field} = {value!r}"
                if field in CASES[name].line_fields and not isinstance(after, Reject):
                    _check_not_about_a_line(before, after, about)
                    continue
                _check_outcome(
                    before, after, field, about, may_be_none=_may_be_none(name, preset.options, field, value)
                )


def _check_not_about_a_line(before: Sequence[Event], after: Sequence[Event], about: str) -> None:
    """Check that a call to another number gives the same events of its queue, and none of a line."""
    assert [_id(event) for event in after] in ([_id(event) for event in before], []), about


def _may_be_none(name: str, options: MappingOptions, field: str, value: Any) -> bool:
    """Return whether a preset says of this value of a field that the record may concern no queue, or has another meaning."""
    is_empty = not value or (isinstance(value, str) and not value.strip())
    ignored = options.ignored.get(field, ())
    return ANY in ignored or (is_empty and ("" in ignored or field in CASES[name].empty_values))


def _check_outcome(
    before: Sequence[Event], after: Sequence[Event] | Reject, field: str, about: str, *, may_be_none: bool
) -> None:
    if isinstance(after, Reject):
        assert field in after.detail or not before, f"{about}: {after.detail}"
        return
    if may_be_none and [_id(event) for event in after] != [_id(event) for event in before]:
        return
    assert [_id(event) for event in after] == [_id(event) for event in before], about
    for old, new in zip(before, after, strict=True):
        assert data_of(new).items() <= data_of(old).items(), about
        assert new.identities in {old.identities, ""}, about


def _id(event: Event) -> tuple[str, str, datetime, str]:
    return event.id, event.type, event.time, event.subject


@pytest.mark.parametrize("name", [name for name in CASES if "query" in read_mapping(name)])
def test_the_query_gives_the_rows_of_the_sample(name: str) -> None:
    options = read_mapping(name)
    rows = run_query(f"{options['query']} ORDER BY {options['since']}")
    shown = [{column: "" if value is None else str(value) for column, value in row.items()} for row in rows]
    assert shown == [dict(record.fields) for record in Preset(name).records]


@pytest.mark.parametrize("name", CASES)
def test_only_named_values_leave_the_connector(name: str) -> None:
    preset = Preset(name)
    for record in preset.records:
        texts = {
            text for value in record.fields.values() if len(text := str(value)) > 5 and not text.startswith("2026")
        }
        events = _events(preset.map(record))
        sent = str([event.model_dump(mode="json", exclude={"subject", "source", "type"}) for event in events])
        assert not {text for text in texts if text in sent}


@pytest.mark.parametrize("name", CASES)
def test_the_preset_says_what_it_is_from(name: str) -> None:
    first, *others = (PRESETS / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    assert first.startswith("# ")
    assert any(line.startswith("# Documentation: ") for line in others)
    assert any(line.startswith("# Sample: ") for line in others)
    assert any(line.startswith(("# Left out: ", "# A row per stay")) for line in others)


@pytest.mark.parametrize("name", CASES)
def test_settings_only_add_what_the_preset_leaves_open(name: str) -> None:
    assert not (CASES[name].settings.keys() - MERGED) & read_mapping(name).keys()


def _connector(name: str) -> str:
    connector: str = tomllib.loads(find_presets()[name].read_text(encoding="utf-8"))["connector"]
    return connector


@pytest.mark.parametrize("name", CASES)
def test_the_connector_accepts_the_preset(name: str) -> None:
    parse(registry.load(_connector(name)).config, "essai", {"mapping": name, **CASES[name].settings})


@pytest.mark.parametrize("page", ["presets.md", "presets.fr.md"])
def test_the_settings_in_the_documentation_are_valid(page: str) -> None:
    text = (Path(__file__).parents[2] / "docs/how-to" / page).read_text(encoding="utf-8")
    found = set()
    for block in re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for options in tomllib.loads(block)["connectors"].values():
            connector = options.pop("connector")
            if options["mapping"] in CASES:
                options.pop("password_file", None)
                parse(registry.load(connector).config, "essai", options)
            found.add(options["mapping"])
    assert {name for name in CASES if f"`{name}`" not in text} == set()
    assert found & CASES.keys()
