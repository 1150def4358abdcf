"""Stories of calls, as the records of each telephone system tell them: what must come out of all records of a call together.

The records of a story may be in several files, and in any order. Waits and conversations are worked out by hand.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

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
from tests.support.telephony_tables import call_record, channel_event, queue_event, run_query

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


class Stay(NamedTuple):
    """What must come out of a stay in a queue. All times are in seconds."""

    queue: str
    queued: str
    """Time in UTC."""
    outcome: str
    wait: float
    finish: str = ""
    handle: float = 0


class Story(NamedTuple):
    """The records of a story, and the stays in queues of all its calls."""

    preset: str
    about: str
    records: Sequence[Any]
    """Lines of a file, rows of a table, or the values of fields that differ from the first record of the preset's sample."""
    stays: Sequence[Stay]


STORIES: Final = [
    # ------------------------------------------------------------------------------------------------------------- Cisco
    Story(
        "cisco-cucm",
        "answered in the queue, then transferred to an extension",
        [
            {
                "globalCallID_callId": "1",
                "origCallTerminationOnBehalfOf": "10",
                "destCallTerminationOnBehalfOf": "10",
                "origCause_value": "393216",
                "destCause_value": "393216",
            },
            {
                "globalCallID_callId": "1",
                "huntPilotDN": "",
                "originalCalledPartyNumber": "4170",
                "dateTimeOrigination": "1773649877",
                "dateTimeConnect": "1773649877",
                "dateTimeDisconnect": "1773649977",
                "joinOnBehalfOf": "10",
            },
        ],
        [Stay("accueil", "08:29:50", "answered", 12, "transferred", 75)],
    ),
    Story(
        "cisco-cucm",
        "abandoned in the queue; an outgoing call; two calls of different servers with the same number",
        [
            {"dateTimeConnect": "0", "dateTimeDisconnect": "1773649831", "destDeviceName": ""},
            {"globalCallID_callId": "2", "huntPilotDN": "", "originalCalledPartyNumber": "0199000001"},
            {"globalCallID_callManagerId": "5"},
        ],
        [
            Stay("accueil", "08:29:50", "abandoned", 41),
            Stay("accueil", "08:29:50", "answered", 12, "ended", 75),
        ],
    ),
    Story(
        "cisco-cucm",
        "a direct line, transferred; then one over midnight in Paris",
        [
            {
                "globalCallID_callId": "3",
                "huntPilotDN": "",
                "originalCalledPartyNumber": "4155",
                "origCallTerminationOnBehalfOf": "10",
            },
            {
                "globalCallID_callId": "4",
                "huntPilotDN": "",
                "originalCalledPartyNumber": "4155",
                "dateTimeOrigination": "1773701990",  # 22:59:50 UTC
                "dateTimeConnect": "1773702000",
                "dateTimeDisconnect": "1773702060",
            },
        ],
        [
            Stay("mdph", "08:29:50", "answered", 12, "transferred", 75),
            Stay("mdph", "22:59:50", "answered", 10, "ended", 60),
        ],
    ),
    # ---------------------------------------------------------------------------------------------------- Alcatel-Lucent
    Story(
        "alcatel-oxe",
        "answered by a hunting group over midnight; abandoned; outgoing; through another node; to another number",
        [
            {"StartDateTime": "20260316 23:59:50", "EndDateTime": "20260317 00:01:17"},
            {"CallReference": "2", "EffectiveCallDuration": "0", "EndDateTime": "20260316 09:30:30"},
            {"CallReference": "3", "CallType": "0"},
            {"CallReference": "4", "CallType": "12"},
            {"CallReference": "5", "InitialDialledNumber": "3999"},
        ],
        [
            Stay("accueil", "08:29:50", "abandoned", 12),
            Stay("accueil", "22:59:50", "answered", 12, "ended", 75),
        ],
    ),
    # ------------------------------------------------------------------------------------------------------------- Avaya
    Story(
        "avaya-ip-office",
        "answered, then transferred to voice mail; the ring time of the second record is 0",
        [
            "2026/03/16 09:30:57,00:00:13,7,0639980002,I,4324,0199000001,,0,1000014160,1,E4750,A,T9002,LINE 1.2,11,0",
            "2026/03/16 09:30:57,00:00:21,0,0639980002,I,4324,0199000001,,0,1000014160,0,V9502,VM,T9002,LINE 1.2,0,0",
        ],
        [Stay("accueil", "08:30:57", "answered", 7, "transferred", 13)],
    ),
    Story(
        "avaya-ip-office",
        "nobody answers; voice mail takes the call in a second record",
        [
            "2026/03/16 15:22:00,00:00:00,20,0639980006,I,4324,0199000001,,0,1000016,1,E4324,A,T9001,Line 1.2,0,0",
            "2026/03/16 15:22:00,00:00:31,0,0639980006,I,4324,0199000001,,0,1000016,0,V9051,VM,T9001,Line 1.2,0,0",
        ],
        [Stay("accueil", "14:22:00", "left_diverted", 20)],
    ),
    Story(
        "avaya-ip-office",
        "over the change to summer time; with the same number, another call after a restart",
        [
            "2026/03/29 01:59:50,00:01:00,20,0639980001,I,4324,0199000001,,0,1000001,0,E403,A,T9001,Line 1.2,30,0",
            "2026/03/30 09:00:00,00:00:00,5,0639980002,I,4324,0199000001,,0,1000001,0,E4324,A,T9001,Line 1.2,0,0",
        ],
        [
            Stay("accueil", "00:59:50", "answered", 20, "ended", 60),
            Stay("accueil", "07:00:00", "abandoned", 5),
        ],
    ),
    Story(
        "avaya-cm",
        "an answered call of two records and an abandoned one",
        [
            "160326 0929 00018 G      0639980001                    4102          5000 00001000481773645010",
            "160326 0930 00125 9      0639980001                    4102          5000 00001000481773645010",
            "160326 0931 00042 H      0639980002                    4102          5000 00001000491773645071",
        ],
        [
            Stay("accueil", "08:29:00", "answered", 18, "ended", 125),
            Stay("accueil", "08:31:00", "abandoned", 42),
        ],
    ),
    # ------------------------------------------------------------------------------------------------------------- Mitel
    Story(
        "mitel-smdr",
        "one record with a transfer; a call that nobody answers; an outgoing one",
        [
            "2026 %03/16 11:00  00:12:30 X102  048 5000                      A 5020X P014                001 0639980003 5000",
            "2026  03/16 23:59  00:00:24 T101  *** 5001                        5011                      001 0639980002 5001",
            "2026  03/16 10:57  00:02:46 5075      0199000001                A T100                      001",
        ],
        [
            Stay("accueil", "10:00:00", "answered", 48, "ended", 750),
            Stay("accueil", "22:59:00", "abandoned", 24),
        ],
    ),
    # --------------------------------------------------------------------------------------------------------------- 3CX
    Story(
        "3cx-cdr",
        "a direct call that was answered, as in a published record without a final number; the same, not answered",
        [
            (
                "1,00000C1A058F2F80_1,00:01:49,2026/03/16 14:52:32,2026/03/16 14:52:36,2026/03/16 14:54:26,TerminatedBySrc,"
                "0639980006,Ext.4155,10006,4155,4155,,,,,,,,Chain,Line,Extension,,,,,"
            ),
            (
                "1,00000C1A058F2F80_2,,2026/03/16 15:52:32,,2026/03/16 15:53:02,TerminatedBySrc,"
                "0639980006,Ext.4155,10006,4155,4155,,,,,,,,Chain,Line,Extension,,,,,"
            ),
        ],
        [
            Stay("mdph", "13:52:32", "answered", 4, "ended", 110),
            Stay("mdph", "14:52:32", "abandoned", 30),
        ],
    ),
    Story(
        "3cx-cdr",
        "version 20: abandoned in the queue; overflow to another queue; voice mail",
        [
            (
                "1,00000000-01db-aef6-c109-60ec00000001,,2026/03/16 15:00:00,2026/03/16 15:00:00,2026/03/16 15:00:37,x,"
                "0639980007,Ext.960,10006,960,960,,Ext.960,960,,,,,Chain,external_line,queue,queue,,,,"
            ),
            (
                "1,00000000-01db-aef6-c109-60ec00000002,,2026/03/16 16:00:00,2026/03/16 16:00:00,2026/03/16 16:02:00,x,"
                "0639980007,Ext.960,10006,960,960,,Ext.961,961,,,,,Chain,external_line,queue,queue,,,,"
            ),
            (
                "1,00000000-01db-aef6-c109-60ec00000003,,2026/03/16 17:00:00,2026/03/16 17:00:00,2026/03/16 17:01:00,x,"
                "0639980007,Ext.960,10006,960,960,,VMail.960,960,,,,,Chain,external_line,queue,voicemail,,,,"
            ),
        ],
        [
            Stay("accueil", "14:00:00", "abandoned", 37),
            Stay("accueil", "15:00:00", "left_diverted", 120),
            Stay("accueil", "16:00:00", "left_diverted", 60),
        ],
    ),
    # ---------------------------------------------------------------------------------------------------------- Asterisk
    Story(
        "asterisk-cdr-csv",
        "the complex example of the specification: transferred to the queue, answered, joined by two others",
        [
            (
                '"","1","200","d","","SIP/a-1","SIP/bob-00000001","Dial","SIP/bob,,Tt","2026-03-04 13:00:00",'
                '"2026-03-04 13:00:05","2026-03-04 13:01:00",60,55,"ANSWERED","DOCUMENTATION","Asterisk-01-1362424276.2",""'
            ),
            (
                '"","1","700","d","","SIP/a-1","Local/member1@default-00000001;1","Queue","sales","2026-03-04 13:01:00",,'
                '"2026-03-04 13:02:00",60,0,"NO ANSWER","DOCUMENTATION","Asterisk-01-1362424276.2",""'
            ),
            (
                '"","1","700","d","","SIP/a-1","Local/member2@default-00000002;1","Queue","sales","2026-03-04 13:01:00",'
                '"2026-03-04 13:02:00","2026-03-04 13:05:00",240,180,"ANSWERED","DOCUMENTATION","Asterisk-01-1362424276.2",""'
            ),
            (
                '"","1","700","d","","SIP/a-1","SIP/ellen-00000006","Queue","sales","2026-03-04 13:03:00",'
                '"2026-03-04 13:03:00","2026-03-04 13:05:00",120,120,"ANSWERED","DOCUMENTATION","Asterisk-01-1362424276.2",""'
            ),
            (
                '"","1","700","d","","SIP/a-1","SIP/charlie-00000005","Queue","sales","2026-03-04 13:03:20",'
                '"2026-03-04 13:03:20","2026-03-04 13:05:00",100,100,"ANSWERED","DOCUMENTATION","Asterisk-01-1362424276.2",""'
            ),
        ],
        [Stay("accueil", "12:01:00", "answered", 60, "ended", 180)],
    ),
    Story(
        "asterisk-cdr",
        "the same in the database",
        [
            call_record("13:00:00", "1", "SIP/bob-00000001", "Dial SIP/bob", (60, 55), "ANSWERED", "1.2#1", "200"),
            call_record("13:01:00", "1", "Local/m1@d-00000001;1", "Queue sales", (60, 0), "NO ANSWER", "1.2#2"),
            call_record("13:01:00", "1", "Local/m2@d-00000002;1", "Queue sales", (240, 180), "ANSWERED", "1.2#4"),
            call_record("13:03:00", "1", "SIP/ellen-00000006", "Queue sales", (120, 120), "ANSWERED", "1.2#8"),
            call_record("13:03:20", "1", "SIP/charlie-00000005", "Queue sales", (100, 100), "ANSWERED", "1.2#10"),
        ],
        [Stay("accueil", "12:01:00", "answered", 60, "ended", 180)],
    ),
    Story(
        "freepbx",
        "nobody answers in 600; the call goes on to 601, and is hung up there",
        [
            channel_event(1, "APP_START", "09:10:00", "1773652200.3", "Queue 600,t,,,120"),
            channel_event(2, "APP_START", "09:12:00", "1773652200.3", "Macro blkvm-clr"),
            channel_event(3, "APP_START", "09:12:00", "1773652200.3", "Queue 601,t,,,300", exten="601"),
            channel_event(4, "APP_START", "09:12:45", "1773652200.3", "Macro hangupcall", exten="h"),
            channel_event(5, "APP_START", "09:12:45", "1773652200.3", "Hangup", exten="s"),
            channel_event(6, "CHAN_END", "09:12:45", "1773652200.3"),
        ],
        [
            Stay("accueil", "08:10:00", "left_other", 120),
            Stay("autre", "08:12:00", "abandoned", 45),
        ],
    ),
    Story(
        "freepbx",
        "answered after a transfer; put on hold, transferred again, and hung up by the caller",
        [
            channel_event(1, "APP_START", "08:59:00", "1773651540.1", "Dial PJSIP/200", exten="200"),
            channel_event(2, "BRIDGE_ENTER", "08:59:05", "1773651540.1"),
            channel_event(3, "BRIDGE_EXIT", "09:00:00", "1773651540.1"),
            channel_event(4, "APP_START", "09:00:00", "1773651540.1", "Queue 600,t,,,300"),
            channel_event(5, "BRIDGE_ENTER", "09:00:30", "1773651540.1"),
            channel_event(6, "BRIDGE_EXIT", "09:02:00", "1773651540.1"),
            channel_event(7, "BRIDGE_ENTER", "09:02:00", "1773651540.1"),
            channel_event(8, "BRIDGE_EXIT", "09:03:30", "1773651540.1"),
            channel_event(9, "APP_START", "09:03:30", "1773651540.1", "Macro hangupcall", exten="h"),
            channel_event(10, "CHAN_END", "09:03:30", "1773651540.1"),
        ],
        [Stay("accueil", "08:00:00", "answered", 30, "ended", 180)],
    ),
    Story(
        "xivo-queue-log",
        "full, then answered in another queue, and transferred with a link of two bridges",
        [
            queue_event(1, "08:06:00.000000", "mds1-1773648360.4", "q1", "NONE", "FULL"),
            queue_event(2, "08:06:01.000000", "mds1-1773648360.4", "q2", "NONE", "ENTERQUEUE", "", "0639980003", "1"),
            queue_event(3, "08:06:21.000000", "mds1-1773648360.4", "q2", "Agent/1", "CONNECT", "20", "x", "4"),
            queue_event(
                4,
                "08:08:01.000000",
                "mds1-1773648360.4",
                "q2",
                "Agent/1",
                "ATTENDEDTRANSFER",
                "LINK",
                "a",
                "b",
                "20",
                "100",
            ),
        ],
        [
            Stay("accueil", "08:06:00", "left_full", 0),
            Stay("autre", "08:06:01", "answered", 20, "transferred", 100),
        ],
    ),
]


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
