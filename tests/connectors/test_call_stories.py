"""Stories of calls, as the records of each telephone system tell them: what must come out of all records of a call together.

The records of a story may be in several files, and in any order. Waits and conversations are worked out by hand.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from connectors.sdk.mapping.config import PRESETS, merge, read_mapping
from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.samples import PlacedRecord
from connectors.table.config import TableConfig
from connectors.table.source import read_sample
from models.codec import UnusableRecord
from models.events import Event
from models.identities import PseudonymKey
from streams.core.contacts.contact import Contact, fold
from streams.core.contacts.stay_outcome import stay_result
from tests.support.telephony_cases import STORIES
from tests.support.telephony_cases.case import Stay, Story
from tests.support.telephony_tables import run_query

NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY: Final = PseudonymKey("general", b"k" * 32)
SETTINGS: Final[Mapping[str, Any]] = {
    "files": "/srv/calls/*",
    "url": "postgresql://accueil@pbx.example.org/asterisk",
    "timezone": "Europe/Paris",
    "values": {
        "queue": {
            **dict.fromkeys(["3091", "3000", "5000", "4324", "5001", "960", "600", "sales", "q1"], "accueil"),
            **dict.fromkeys(["601", "3092", "q2"], "autre"),
            "4155": "mdph",
        },
        "line": {"4155": "mdph"},
    },
}


def _read_records(story: Story, options: Mapping[str, Any], directory: Path) -> list[PlacedRecord]:
    if "query" in options:
        table = next(name for name in ("queue_log", "cel", "cdr") if f"FROM {name} " in options["query"])
        rows = run_query(options["query"], {table: story.records})
        return [PlacedRecord(row) for row in rows]
    config = {key: value for key, value in options.items() if key in TableConfig.model_fields}
    if isinstance(story.records[0], str):
        path = directory / "records.txt"
        path.write_text("".join(f"{line}\n" for line in story.records), encoding="utf-8")
        return list(read_sample(TableConfig.model_validate(config | {"files": str(path)}), path))
    path = next(path for path in PRESETS.glob(f"{story.preset}.*") if path.suffix != ".toml")
    sample = read_sample(TableConfig.model_validate(config | {"files": str(path)}), path)
    first = next(record.fields for record in sample if record.fields.get("cdrRecordType") != "INTEGER")
    return [PlacedRecord({**first, **changed}) for changed in story.records]


def _fold(events: Sequence[Event]) -> list[Stay]:
    contacts: dict[str, Contact] = {}
    for event in events:
        contacts[event.subject] = fold(contacts.get(event.subject), event)
    stays = [stay for contact in contacts.values() for stay in contact.stays]
    return sorted((_outcome(stay) for stay in stays), key=lambda stay: (stay.queued, stay.outcome))


def _outcome(stay: Any) -> Stay:
    result = stay_result(stay)
    queued = datetime.fromtimestamp(result.queued_at / 1000, UTC)
    return Stay(
        stay.dimensions.queue,
        f"{queued:%H:%M:%S}",
        result.outcome,
        result.wait_ms / 1000,
        result.finish,
        result.handle_ms / 1000,
    )


@pytest.mark.parametrize("story", STORIES, ids=[f"{story.preset}: {story.about}" for story in STORIES])
def test_a_story_gives_the_stays_worked_out_by_hand_in_any_order(story: Story, tmp_path: Path) -> None:
    given = merge(read_mapping(story.preset), SETTINGS)
    options = MappingOptions.model_validate(
        {key: value for key, value in given.items() if key in MappingOptions.model_fields}
    )
    mapping = RecordMapping(f"{story.preset}/essai", options, KEY)
    records = _read_records(story, given, tmp_path)
    for ordered in (records, records[::-1], records + records):
        events = [event for record in ordered for event in mapping.map(mapping.prepare(record.fields), NOW)]
        assert _fold(events) == list(story.stays)


def _reject(preset: str, record: Mapping[str, str]) -> str:
    """Return why the record is rejected."""
    given = merge(read_mapping(preset), SETTINGS)
    options = {key: value for key, value in given.items() if key in MappingOptions.model_fields}
    mapping = RecordMapping(f"{preset}/essai", MappingOptions.model_validate(options), KEY)
    with pytest.raises(UnusableRecord) as raised:
        mapping.map(mapping.prepare(record), NOW)
    return raised.value.detail


def test_an_avaya_duration_during_a_change_of_the_clock_is_rejected() -> None:
    record = {
        "date": "160326",
        "start-time": "0930",
        "sec-dur": "09999",
        "cond-code": "9",
        "dialed-num": "4102",
        "vdn": "5000",
        "ucid": "00001000481773645010",
    }
    assert "sec-dur" in _reject("avaya-cm", record)


@pytest.mark.parametrize("device", ["", "MOH_2", "ANN_3"])
def test_a_cisco_call_that_no_telephone_answered_is_not_an_answered_one(device: str) -> None:
    record = {
        "cdrRecordType": "1",
        "globalCallID_callManagerId": "4",
        "globalCallID_callId": "1",
        "callingPartyNumber": "0639980001",
        "originalCalledPartyNumber": "3091",
        "huntPilotDN": "3091",
        "wasCallQueued": "1",
        "totalWaitTimeInQueue": "40",
        "dateTimeOrigination": "1773649790",
        "dateTimeConnect": "1773649792",
        "dateTimeDisconnect": "1773649832",
        "destDeviceName": device,
        "origCallTerminationOnBehalfOf": "12",
    }
    assert "destDeviceName" in _reject("cisco-cucm", record)
