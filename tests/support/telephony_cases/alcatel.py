"""Records of Alcatel-Lucent OmniPCX Enterprise: the events of the samples, and stories of calls."""

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
    "alcatel-oxe": Case(
        file_settings("3000", line="3155"),
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
}
STORIES: Final = [
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
]
