"""Records of Asterisk and FreePBX: the events of the samples, and stories of calls."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.support.telephony_cases.case import (
    DIRECT,
    DIRECT_ENDED,
    ENDED,
    LINE,
    QUEUE,
    Case,
    Stay,
    Story,
    file_settings,
    query_settings,
)
from tests.support.telephony_tables import call_record, channel_event

CEL_EVENTS: Final[Sequence[tuple[int, str, str, dict[str, Any]]]] = [
    (1, "call.queued", "08:00:20", QUEUE),
    (1, "call.answered", "08:00:32", QUEUE),
    (1, "call.ended", "08:04:00", ENDED),
    (2, "call.queued", "08:10:00", QUEUE),
    (2, "call.left_queue", "08:12:00", QUEUE | {"reason": "other"}),
    (3, "call.queued", "08:12:00", QUEUE | {"visit": 2}),
    (3, "call.abandoned", "08:12:45", QUEUE | {"visit": 2}),
    (4, "call.queued", "08:25:00", QUEUE),
    (4, "call.abandoned", "08:25:40", QUEUE),
    (5, "call.queued", "08:58:30", QUEUE),
    (5, "call.left_queue", "08:59:30", QUEUE | {"reason": "other"}),
    (6, "call.queued", "09:10:00", QUEUE),
    (6, "call.abandoned", "09:10:59", QUEUE),
]
CEL_PHONES: Final = [
    *["0639980001"] * 3,
    *["0639980003"] * 4,
    *["0639980005"] * 2,
    *["0639980006"] * 2,
    *["0639980007"] * 2,
]
CASES: Final[Mapping[str, Case]] = {
    "asterisk-cdr-csv": Case(
        file_settings("complaints", line="4155"),
        [
            (2, "call.queued", "12:11:18", QUEUE),
            (2, "call.answered", "12:12:18", QUEUE | {"agent": "charlie"}),
            (2, "call.ended", "12:14:18", ENDED),
            (4, "call.queued", "12:21:18", QUEUE),
            (4, "call.answered", "12:22:38", QUEUE | {"agent": "charlie"}),
            (4, "call.ended", "12:24:18", ENDED),
            (5, "call.queued", "12:31:18", QUEUE),
            (5, "call.abandoned", "12:31:58", QUEUE),
            (7, "call.arrived", "12:41:18", LINE),
            (8, "call.arrived", "12:51:18", LINE),
            (9, "call.queued", "13:01:00", QUEUE),
            (9, "call.answered", "13:02:00", QUEUE | {"agent": "member2@default"}),
            (9, "call.ended", "13:05:00", ENDED),
            (10, "call.queued", "13:03:00", QUEUE),
            (10, "call.answered", "13:03:00", QUEUE | {"agent": "ellen"}),
            (10, "call.ended", "13:05:00", ENDED),
            (11, "call.queued", "13:03:20", QUEUE),
            (11, "call.answered", "13:03:20", QUEUE | {"agent": "charlie"}),
            (11, "call.ended", "13:05:00", ENDED),
        ],
        ["0639980001"] * 3
        + ["0639980002"] * 3
        + ["0639980003"] * 2
        + ["0639980004", "0639980005"]
        + ["0639980006"] * 9,
        frozenset({"dst"}),
        frozenset({"dstchannel"}),  # Asterisk writes no channel if no telephone answered
    ),
    "asterisk-cdr": Case(
        query_settings("complaints", line="4155"),
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
    "asterisk-cel": Case(query_settings("600", "601"), CEL_EVENTS, CEL_PHONES),
    "freepbx": Case(query_settings("600", "601"), CEL_EVENTS, CEL_PHONES),
}
STORIES: Final = [
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
        "freepbx",
        "default settings: transferred by the agent to an extension, which the log of applications does not have",
        [
            channel_event(1, "APP_START", "09:00:00", "1773651600.1", "Queue 600,t"),
            channel_event(2, "BRIDGE_ENTER", "09:00:09", "1773651600.1", "Queue 600,t"),
            channel_event(3, "BLINDTRANSFER", "09:01:30", "1773651600.2", "AppDial (Outgoing Line)"),
            channel_event(4, "BRIDGE_EXIT", "09:01:30", "1773651600.1", "Queue 600,t"),
            channel_event(5, "APP_END", "09:01:30", "1773651600.1", "Queue 600,t"),
            channel_event(6, "BRIDGE_ENTER", "09:01:40", "1773651600.1", exten="250", context="ext-local"),
            channel_event(7, "BRIDGE_EXIT", "09:04:00", "1773651600.1", exten="250", context="ext-local"),
            channel_event(8, "HANGUP", "09:04:00", "1773651600.1", exten="250", context="ext-local"),
            channel_event(9, "CHAN_END", "09:04:00", "1773651600.1", exten="250", context="ext-local"),
        ],
        [Stay("accueil", "08:00:00", "answered", 9, "ended", 81)],
    ),
    Story(
        "freepbx",
        "default settings: nobody answers, and an extension takes the call",
        [
            channel_event(1, "APP_START", "09:00:00", "1773651600.1", "Queue 600,t,,,60"),
            channel_event(2, "APP_END", "09:01:00", "1773651600.1", "Queue 600,t,,,60"),
            channel_event(3, "BRIDGE_ENTER", "09:01:12", "1773651600.1", exten="250", context="ext-local"),
            channel_event(4, "BRIDGE_EXIT", "09:03:00", "1773651600.1", exten="250", context="ext-local"),
            channel_event(5, "HANGUP", "09:03:00", "1773651600.1", exten="250", context="ext-local"),
            channel_event(6, "CHAN_END", "09:03:00", "1773651600.1", exten="250", context="ext-local"),
        ],
        [Stay("accueil", "08:00:00", "left_other", 60)],
    ),
    Story(
        "freepbx",
        "default settings: nobody answers in 600 nor in 601, and the dialplan hangs up at once",
        [
            channel_event(1, "APP_START", "09:00:00", "1773651600.1", "Queue 600,t,,,60"),
            channel_event(2, "APP_END", "09:01:00", "1773651600.1", "Queue 600,t,,,60"),
            channel_event(3, "APP_START", "09:01:01", "1773651600.1", "Queue 601,t,,,30", exten="601"),
            channel_event(4, "APP_END", "09:01:31", "1773651600.1", "Queue 601,t,,,30", exten="601"),
            channel_event(5, "HANGUP", "09:01:31", "1773651600.1", exten="hangup", source="dialplan/builtin"),
            channel_event(6, "CHAN_END", "09:01:31", "1773651600.1", exten="hangup"),
        ],
        [Stay("accueil", "08:00:00", "left_other", 60), Stay("autre", "08:01:01", "left_other", 30)],
    ),
    Story(
        "asterisk-cel",
        "the settings of the preset: voice mail takes the call; the next caller hangs up, and h has a Gosub of its own",
        [
            channel_event(1, "APP_START", "09:00:00", "1773651600.1", "Queue 600,t,,,60"),
            channel_event(2, "APP_END", "09:01:00", "1773651600.1", "Queue 600,t,,,60"),
            channel_event(3, "APP_START", "09:01:00", "1773651600.1", "VoiceMail 600@default,u", exten="vmu600"),
            channel_event(4, "CHAN_END", "09:01:02", "1773651600.1", exten="vmu600"),
            channel_event(5, "APP_START", "09:10:00", "1773652200.2", "Queue 600,t,,,60"),
            channel_event(6, "APP_END", "09:10:30", "1773652200.2", "Queue 600,t,,,60"),
            channel_event(7, "APP_START", "09:10:30", "1773652200.2", "Playback x", "", "s", "macro-hangupcall"),
            channel_event(8, "CHAN_END", "09:10:31", "1773652200.2", exten="s", context="macro-hangupcall"),
        ],
        [Stay("accueil", "08:00:00", "left_other", 60), Stay("accueil", "08:10:00", "abandoned", 30)],
    ),
]
