"""Records of 3CX: the events of the samples, and stories of calls."""

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
    "3cx-cdr": Case(
        file_settings("960", line="314"),
        [
            (1, "call.queued", "12:33:54", QUEUE),
            (1, "call.answered", "12:33:54", QUEUE | {"agent": "504"}),
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
            (7, "call.arrived", "13:52:32", LINE),
            (7, "call.queued", "13:52:32", DIRECT),
            (7, "call.answered", "13:52:36", DIRECT | {"agent": "314"}),
            (7, "call.ended", "13:54:26", DIRECT_ENDED),
            (8, "call.queued", "14:00:00", QUEUE),
            (8, "call.abandoned", "14:00:37", QUEUE),
        ],
        [
            *["0639980001"] * 3,
            *["0639980002"] * 2,
            *["0639980003"] * 2,
            *["0639980004"] * 4,
            *["0639980005"] * 3,
            *["0639980006"] * 4,
            *["0639980007"] * 2,
        ],
        frozenset({"to-dn"}),
        frozenset({"time-answered"}),  # an extension that did not answer
    ),
}
STORIES: Final = [
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
]
