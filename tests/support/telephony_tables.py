"""Rows of the tables of Asterisk, FreePBX and XiVO, in SQLite, and the rows that the queries of the presets give for them."""

import csv
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

CDR: Final = [
    "calldate",
    "clid",
    "src",
    "dst",
    "dcontext",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "duration",
    "billsec",
    "disposition",
    "amaflags",
    "accountcode",
    "uniqueid",
    "userfield",
    "peeraccount",
    "linkedid",
    "sequence",
]
CEL: Final = [
    "id",
    "eventtype",
    "eventtime",
    "cid_name",
    "cid_num",
    "cid_ani",
    "cid_rdnis",
    "cid_dnid",
    "exten",
    "context",
    "channame",
    "appname",
    "appdata",
    "amaflags",
    "accountcode",
    "uniqueid",
    "linkedid",
    "peer",
    "userdeftype",
    "extra",
]
QUEUE_LOG: Final = ["id", "time", "callid", "queuename", "agent", "event", "data1", "data2", "data3", "data4", "data5"]


def call_record(
    start: str, caller: str, to: str, app: str, seconds: tuple[int, int], result: str, ids: str, dialled: str = "800"
) -> dict[str, Any]:
    """Return a row of `cdr`; `ids` are the unique id and the sequence."""
    unique, sequence = ids.split("#")
    name, _space, data = app.partition(" ")
    return {
        "calldate": f"2026-03-04 {start}",
        "src": caller,
        "dst": dialled,
        "dstchannel": to,
        "lastapp": name,
        "lastdata": data,
        "duration": seconds[0],
        "billsec": seconds[1],
        "disposition": result,
        "uniqueid": f"Asterisk-01-{unique}",
        "linkedid": f"Asterisk-01-{unique}",
        "sequence": int(sequence),
    }


CALL_RECORDS: Final = [
    # The examples 1 and 2 of call queues in the CDR Specification.
    call_record("13:11:18", "0639980001", "SIP/bob-00000001", "Queue complaints", (180, 0), "BUSY", "1362424276.2#101"),
    call_record(
        "13:11:18", "0639980001", "SIP/charlie-00000002", "Queue complaints", (180, 120), "ANSWERED", "1362424276.2#102"
    ),
    call_record(
        "13:21:18",
        "0639980002",
        "SIP/bob-00000004",
        "Queue complaints,t,,,300",
        (180, 0),
        "NO ANSWER",
        "1362424876.5#103",
    ),
    call_record(
        "13:21:18",
        "0639980002",
        "SIP/charlie-00000005",
        "Queue complaints,t,,,300",
        (180, 100),
        "ANSWERED",
        "1362424876.5#104",
    ),
    # Abandoned while two telephones rang in turn, and while none did.
    call_record(
        "13:31:18", "0639980003", "SIP/bob-00000007", "Queue complaints", (40, 0), "NO ANSWER", "1362425476.8#105"
    ),
    call_record(
        "13:31:18", "0639980003", "SIP/charlie-00000008", "Queue complaints", (40, 0), "NO ANSWER", "1362425476.8#106"
    ),
    call_record("13:51:18", "0639980004", "", "Queue complaints", (25, 25), "ANSWERED", "1362426676.12#108"),
    # A call of a colleague, to an extension that is no direct line.
    call_record("13:41:18", "100", "SIP/bob-0000000a", "Dial SIP/bob,,Tt", (120, 112), "ANSWERED", "1362426076.11#107"),
    # A direct line whose call was answered at the second telephone, and one that was not answered.
    call_record(
        "14:01:18", "0639980005", "SIP/4154-0000000b", "Dial SIP/4154", (8, 0), "NO ANSWER", "1362427276.13#109", "4155"
    ),
    call_record(
        "14:01:18",
        "0639980005",
        "SIP/4155-0000000c",
        "Dial SIP/4155",
        (120, 112),
        "ANSWERED",
        "1362427276.13#110",
        "4155",
    ),
    call_record(
        "14:11:18", "0639980006", "SIP/4155-0000000d", "Dial SIP/4155", (25, 0), "BUSY", "1362427876.14#111", "4155"
    ),
    # A direct line that nobody answered: the call went on to a queue, and counts there.
    call_record(
        "14:21:18",
        "0639980007",
        "SIP/4155-0000000e",
        "Dial SIP/4155",
        (25, 0),
        "NO ANSWER",
        "1362428476.15#112",
        "4155",
    ),
    call_record(
        "14:21:43",
        "0639980007",
        "SIP/bob-0000000f",
        "Queue complaints",
        (60, 40),
        "ANSWERED",
        "1362428476.15#113",
    ),
]


def channel_event(
    number: int,
    kind: str,
    time: str,
    unique: str,
    app: str = "",
    peer: str = "",
    exten: str = "600",
    context: str = "ext-queues",
    source: str = "PJSIP/trunk-00000001",
) -> dict[str, Any]:
    """Return a row of `cel`; `source` is what hung up, of a row HANGUP."""
    name, _space, data = app.partition(" ")
    return {
        "id": number,
        "eventtype": kind,
        "eventtime": f"2026-03-16 {time}",
        "cid_num": f"063998{unique.rpartition('.')[2]:>04}",
        "exten": exten,
        "context": context,
        "channame": "PJSIP/trunk-00000001",
        "appname": name,
        "appdata": data,
        "uniqueid": unique,
        "linkedid": unique,
        "peer": peer,
        "extra": f'{{"hangupcause":16,"hangupsource":"{source}","dialstatus":""}}' if kind == "HANGUP" else "",
    }


CHANNEL_EVENTS: Final = [
    # Answered by a voice menu, then by the queue 600; a telephone rings, and is answered.
    channel_event(1, "CHAN_START", "09:00:00", "1773651600.1"),
    channel_event(2, "APP_START", "09:00:00", "1773651600.1", "Playback welcome"),
    channel_event(3, "APP_START", "09:00:20", "1773651600.1", "Queue 600,t,,,300"),
    channel_event(4, "APP_START", "09:00:21", "1773651621.2", "AppQueue (Outgoing Line)"),
    channel_event(5, "BRIDGE_ENTER", "09:00:32", "1773651600.1", "Queue 600,t,,,300"),
    channel_event(6, "BRIDGE_ENTER", "09:00:32", "1773651621.2", "AppQueue (Outgoing Line)", "PJSIP/trunk-00000001"),
    channel_event(7, "BRIDGE_EXIT", "09:04:00", "1773651600.1", "Queue 600,t,,,300"),
    channel_event(8, "CHAN_END", "09:04:01", "1773651621.2"),
    channel_event(9, "CHAN_END", "09:04:01", "1773651600.1"),
    # Nobody answers in 600 for two minutes; the call goes on to 601, and is abandoned there.
    channel_event(10, "APP_START", "09:10:00", "1773652200.3", "Queue 600,t,,,120"),
    channel_event(11, "APP_START", "09:12:00", "1773652200.3", "Queue 601,t,,,300"),
    channel_event(12, "CHAN_END", "09:12:45", "1773652200.3"),
    # Still in the queue.
    channel_event(13, "APP_START", "09:20:00", "1773652800.4", "Queue 600,t,,,300"),
    # Abandoned; FreePBX then runs its macro hangupcall in the extension h.
    channel_event(14, "APP_START", "09:25:00", "1773653100.5", "Queue 600,t,,,300"),
    channel_event(15, "APP_START", "09:25:40", "1773653100.5", "Macro hangupcall", exten="h"),
    channel_event(16, "APP_START", "09:25:40", "1773653100.5", "Hangup", exten="s"),
    channel_event(17, "CHAN_END", "09:25:40", "1773653100.5"),
    # FreePBX, whose default settings log the applications of queues and voice mail only: nobody answers in 600 for a minute, the
    # caller hears an announcement, and is hung up on.
    channel_event(18, "APP_START", "09:58:30", "1773655110.6", "Queue 600,t,,,60"),
    channel_event(19, "APP_END", "09:59:30", "1773655110.6", "Queue 600,t,,,60"),
    channel_event(20, "HANGUP", "10:00:01", "1773655110.6", exten="h", context="app-announcement-1"),
    channel_event(21, "CHAN_END", "10:00:01", "1773655110.6", exten="h", context="app-announcement-1"),
    # The same settings: hung up by the caller in the queue; the extension h takes a second.
    channel_event(22, "APP_START", "10:10:00", "1773655800.7", "Queue 600,t,,,300"),
    channel_event(23, "APP_END", "10:10:59", "1773655800.7", "Queue 600,t,,,300"),
    channel_event(24, "HANGUP", "10:11:00", "1773655800.7", exten="h"),
    channel_event(25, "CHAN_END", "10:11:00", "1773655800.7", exten="h"),
]


def queue_event(number: int, time: str, call: str, queue: str, agent: str, event: str, *data: str) -> dict[str, Any]:
    """Return a row of `queue_log`."""
    return {
        "id": number,
        "time": f"2026-03-16 {time}+0000",
        "callid": call,
        "queuename": queue,
        "agent": agent,
        "event": event,
        **{f"data{index}": value for index, value in enumerate(data, 1)},
    }


QUEUE_EVENTS: Final = [
    queue_event(1, "08:00:00.000000", "NONE", "NONE", "Agent/1001", "AGENTCALLBACKLOGIN", "1001@default"),
    queue_event(2, "08:01:00.250000", "1773648060.1", "q1", "NONE", "ENTERQUEUE", "", "0639980001", "1"),
    queue_event(3, "08:01:05.250000", "1773648060.1", "q1", "Agent/1001", "RINGNOANSWER", "5000"),
    queue_event(4, "08:01:20.500000", "1773648060.1", "q1", "Agent/1002", "CONNECT", "20", "1773648075.2", "4"),
    queue_event(5, "08:03:20.500000", "1773648060.1", "q1", "Agent/1002", "COMPLETECALLER", "20", "120", "1"),
    queue_event(6, "08:03:20.600000", "NONE", "q1", "Agent/1002", "WRAPUPSTART", "30"),
    # The observed ABANDON without a wait.
    queue_event(7, "08:04:00.000000", "1773648240.3", "q1", "NONE", "ENTERQUEUE", "", "0639980002", "2"),
    queue_event(8, "08:05:00.000000", "1773648240.3", "q1", "NONE", "ABANDON", "1", "2", ""),
    # Full, then a second queue, which the call leaves by a key.
    queue_event(9, "08:06:00.000000", "1773648360.4", "q1", "NONE", "FULL"),
    queue_event(10, "08:06:01.000000", "1773648360.4", "q2", "NONE", "ENTERQUEUE", "", "0639980003", "1"),
    queue_event(11, "08:06:31.000000", "1773648360.4", "q2", "NONE", "EXITWITHKEY", "9", "1", "1", "30"),
    queue_event(12, "08:07:00.000000", "1773648420.5", "q1", "NONE", "CLOSED"),
    queue_event(13, "08:08:00.000000", "1773648480.6", "q1", "NONE", "ENTERQUEUE", "", "0639980004", "1"),
    queue_event(14, "08:10:00.000000", "1773648480.6", "q1", "NONE", "EXITWITHTIMEOUT", "1", "1", "120"),
    queue_event(15, "08:11:00.000000", "1773648660.7", "q1", "NONE", "ENTERQUEUE", "", "0639980005", "1"),
    queue_event(16, "08:11:07.000000", "1773648660.7", "q1", "Agent/1001", "CONNECT", "7", "1773648661.8", "3"),
    queue_event(
        17, "08:12:07.000000", "1773648660.7", "q1", "Agent/1001", "BLINDTRANSFER", "2000", "default", "7", "60", "1"
    ),
    queue_event(18, "08:13:00.000000", "1773648780.9", "q1", "NONE", "DIVERT_HOLDTIME"),
    # An attended transfer that links two bridges, on a switchboard with a system name.
    queue_event(19, "08:14:00.000000", "mds1-1773648840.10", "q1", "NONE", "ENTERQUEUE", "", "0639980006", "1"),
    queue_event(
        20, "08:14:09.000000", "mds1-1773648840.10", "q1", "Agent/1001", "CONNECT", "9", "mds1-1773648842.11", "2"
    ),
    queue_event(
        21,
        "08:15:39.000000",
        "mds1-1773648840.10",
        "q1",
        "Agent/1001",
        "ATTENDEDTRANSFER",
        "LINK",
        "Local/_attended@transfer/m-00000001;1",
        "Local/_attended@transfer/m-00000001;2",
        "9",
        "90",
    ),
]
TABLES: Final = {
    "cdr": (CDR, CALL_RECORDS),
    "cel": (CEL, CHANNEL_EVENTS),
    "queue_log": (QUEUE_LOG, QUEUE_EVENTS),
}


def run_query(query: str, given: Mapping[str, Sequence[dict[str, Any]]] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a query over `TABLES`, or over the `given` rows by table."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.row_factory = sqlite3.Row
        for name, (columns, rows) in TABLES.items():
            if given is not None:
                rows = given.get(name, ())
            database.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            marks = ", ".join("?" * len(columns))
            database.executemany(
                f"INSERT INTO {name} VALUES ({marks})", [[row.get(column, "") for column in columns] for row in rows]
            )
        return [dict(row) for row in database.execute(query)]


def write_sample(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as a sample file: separated by semicolons, with a header."""
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
