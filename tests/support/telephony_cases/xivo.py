"""Records of XiVO and Wazo: the events of the samples, and stories of calls."""

from collections.abc import Mapping
from typing import Final

from tests.support.telephony_cases.case import QUEUE, Case, Stay, Story, query_settings
from tests.support.telephony_tables import queue_event

CASES: Final[Mapping[str, Case]] = {
    "xivo-queue-log": Case(
        query_settings("q1", "q2", zone=""),
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
            (17, "call.queued", "08:14:00", QUEUE | {"position": 1}),
            (18, "call.answered", "08:14:09", QUEUE | {"agent": "1001", "wait_seconds": 9.0, "ring_seconds": 2.0}),
            (
                19,
                "call.transferred",
                "08:15:39",
                QUEUE | {"kind": "attended", "wait_seconds": 9.0, "handle_seconds": 90.0},
            ),
        ],
        [
            "0639980001",
            "",
            "",
            "0639980002",
            "",
            "",
            "0639980003",
            "",
            "",
            "0639980004",
            "",
            "0639980005",
            "",
            "",
            "",
            "0639980006",
            "",
            "",
        ],
    ),
}
STORIES: Final = [
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
