"""Records of Cisco Unified Communications Manager: the events of the samples, and stories of calls."""

from collections.abc import Mapping
from typing import Final

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
)

CASES: Final[Mapping[str, Case]] = {
    "cisco-cucm": Case(
        file_settings("3091", zone="", line="4155"),
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
            (8, "call.queued", "08:38:20", QUEUE),
            (8, "call.answered", "08:38:25", QUEUE | {"agent": "SEP001BD53DB360"}),
            (8, "call.transferred", "08:39:25", QUEUE | {"kind": "unknown"}),
        ],
        ["0639980001"] * 3
        + ["0639980002"] * 3
        + ["0639980003"] * 2
        + ["0639980004"] * 4
        + ["0639980005"] * 3
        + ["0639980006"] * 3,
        frozenset({"originalCalledPartyNumber"}),
        frozenset({"huntPilotDN", "originalCalledPartyNumber"}),
    ),
}
_TRANSFERRED: Final[Mapping[str, str]] = {
    "origCause_value": "393216",
    "destCause_value": "393216",
    "origCallTerminationOnBehalfOf": "10",
    "destCallTerminationOnBehalfOf": "10",
}
"""Fields of a record that a transfer ends."""
STORIES: Final = [
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
    Story(
        "cisco-cucm",
        "transferred to two other hunt pilots without a conversation; the records of the colleagues' calls do not count",
        [
            {"globalCallID_callId": "5", **_TRANSFERRED},
            {
                "globalCallID_callId": "6",  # the colleague's call
                "callingPartyNumber": "2103",
                "huntPilotDN": "3092",
                "dateTimeOrigination": "1773649874",
                "dateTimeConnect": "0",
                "dateTimeDisconnect": "1773649877",
                "duration": "0",
                "destDeviceName": "",
                **_TRANSFERRED,
            },
            {
                "globalCallID_callId": "5",
                "huntPilotDN": "3092",
                "dateTimeOrigination": "1773649877",
                "dateTimeConnect": "1773649896",
                "dateTimeDisconnect": "1773649996",
                "joinOnBehalfOf": "10",
                **_TRANSFERRED,
            },
            {
                "globalCallID_callId": "5",
                "dateTimeOrigination": "1773649996",
                "dateTimeConnect": "0",
                "dateTimeDisconnect": "1773650056",
                "destDeviceName": "",
                "joinOnBehalfOf": "10",
            },
        ],
        [
            Stay("accueil", "08:29:50", "answered", 12, "transferred", 75),
            Stay("autre", "08:31:17", "answered", 19, "transferred", 100),
            Stay("accueil", "08:33:16", "abandoned", 60),
        ],
    ),
    Story(
        "cisco-cucm",
        "transferred after the colleague spoke to the other hunt pilot, whose stay counts once",
        [
            {"globalCallID_callId": "7", **_TRANSFERRED},
            {
                "globalCallID_callId": "8",  # the colleague's call
                "callingPartyNumber": "2103",
                "huntPilotDN": "3092",
                "dateTimeOrigination": "1773649837",
                "dateTimeConnect": "1773649865",
                "dateTimeDisconnect": "1773649877",
                "duration": "12",
                **_TRANSFERRED,
            },
            {
                "globalCallID_callId": "7",
                "huntPilotDN": "3092",
                "dateTimeOrigination": "1773649877",
                "dateTimeConnect": "1773649877",
                "dateTimeDisconnect": "1773649977",
                "joinOnBehalfOf": "10",
            },
        ],
        [
            Stay("accueil", "08:29:50", "answered", 12, "transferred", 75),
            Stay("autre", "08:30:37", "answered", 28, "transferred", 12),
        ],
    ),
    Story(
        "cisco-cucm",
        "picked up by a colleague: one answered stay",
        [
            {
                "globalCallID_callId": "9",
                "dateTimeConnect": "0",
                "dateTimeDisconnect": "1773649808",
                "duration": "0",
                "destDeviceName": "",
                "origCause_value": "393216",
                "destCause_value": "393216",
                "origCallTerminationOnBehalfOf": "16",
                "destCallTerminationOnBehalfOf": "16",
            },
            {
                "globalCallID_callId": "9",
                "dateTimeOrigination": "1773649808",
                "dateTimeConnect": "1773649808",
                "joinOnBehalfOf": "16",
                "origCallTerminationOnBehalfOf": "12",
            },
        ],
        [Stay("accueil", "08:29:50", "answered", 18, "ended", 69)],
    ),
    Story(
        "cisco-cucm",
        "hung up by the caller during the music of the queue",
        [
            {
                "globalCallID_callId": "10",
                "wasCallQueued": "1",
                "totalWaitTimeInQueue": "150",
                "dateTimeConnect": "1773649796",
                "dateTimeDisconnect": "1773649946",
                "destDeviceName": "MOH_2",
                "origCause_value": "16",
                "origCallTerminationOnBehalfOf": "12",
            },
        ],
        [Stay("accueil", "08:29:50", "abandoned", 156)],
    ),
]
