"""Records of Mitel MiVoice Business: the events of the samples, and stories of calls."""

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
    "mitel-smdr": Case(
        file_settings("5000", "5001", line="5411"),
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
}
STORIES: Final = [
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
]
