"""Records of Microsoft Teams: the events of the samples."""

from collections.abc import Mapping
from typing import Final

from tests.support.telephony_cases.case import ENDED, LINE, QUEUE, Case, file_settings

CASES: Final[Mapping[str, Case]] = {
    "teams-call-queue": Case(
        file_settings("cq_accueil@example.org", "cq_rh@example.org", zone=""),
        [
            (1, "call.queued", "08:29:41", QUEUE),
            (1, "call.answered", "08:29:58", QUEUE | {"wait_seconds": 17.0}),
            (1, "call.ended", "08:33:20", ENDED | {"wait_seconds": 17.0}),
            (2, "call.queued", "08:31:00", QUEUE),
            (2, "call.abandoned", "08:31:42", QUEUE | {"wait_seconds": 42.0}),
            (3, "call.queued", "08:32:00", QUEUE),
            (3, "call.left_queue", "08:34:00", QUEUE | {"reason": "timeout", "wait_seconds": 120.5}),
            (4, "call.queued", "08:36:00", QUEUE),
            (4, "call.left_queue", "08:36:00", QUEUE | {"reason": "full", "wait_seconds": 0.2}),
            (5, "call.queued", "08:37:00", QUEUE),
            (5, "call.left_queue", "08:37:01", QUEUE | {"reason": "empty", "wait_seconds": 1.0}),
            (6, "call.queued", "08:41:00", QUEUE),
            (6, "call.callback_requested", "08:41:00", QUEUE),
            (6, "call.called_back", "08:46:00", {}),
            (6, "call.answered", "08:46:00", QUEUE | {"wait_seconds": 300.0}),
            (6, "call.ended", "08:50:00", ENDED | {"wait_seconds": 300.0}),
            (7, "call.queued", "08:42:00", QUEUE),
            (7, "call.callback_requested", "08:42:00", QUEUE),
            (7, "call.left_queue", "08:52:00", QUEUE | {"reason": "timeout", "wait_seconds": 600.0}),
        ],
        [],
    ),
    "teams-calling-plans": Case(
        {
            "files": "/srv/teams/PSTN.calls.*.csv",
            "values": {"line": {"+33199000001": "principale", "+33199000002": "mdph"}},
        },
        [(1, "call.arrived", "08:41:22", {"line": "principale"}), (2, "call.arrived", "08:42:00", LINE)],
        [],
        frozenset({"Destination Number"}),
    ),
    "teams-direct-routing": Case(
        {
            "files": "/srv/teams/DirectRouting.calls.*.csv",
            "values": {"line": {"+33199000001": "principale", "+33199000002": "mdph"}},
        },
        [
            (1, "call.arrived", "08:44:00", {"line": "principale"}),
            (2, "call.arrived", "08:48:00", {"line": "principale"}),
            (3, "call.arrived", "08:49:00", LINE),
        ],
        [],
        frozenset({"Callee Number"}),
    ),
}
