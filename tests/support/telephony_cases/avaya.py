"""Records of Avaya Communication Manager and IP Office: the events of the samples, and stories of calls."""

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
    "avaya-cm": Case(
        file_settings("5000", line="4155"),
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
        file_settings("4324", line="403"),
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
            (9, "call.queued", "14:22:00", QUEUE),
            (9, "call.left_queue", "14:22:20", QUEUE | {"reason": "diverted", "wait_seconds": 20.0}),
        ],
        ["0639980001"] * 2
        + ["0639980002"] * 3
        + ["0639980003"] * 3
        + ["0639980004"] * 2
        + ["0639980005"] * 4
        + ["0639980006"] * 2,
    ),
}
STORIES: Final = [
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
]
