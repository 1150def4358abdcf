"""Named points of a step at which a test can have the process killed, to prove that nothing is lost or repeated there.

`ACCUEIL_KILL_AT=offsets_sent:2` kills the process by SIGKILL when it reaches `offsets_sent` the second time.
"""

import os
import signal
from typing import Final

STEP: Final = ("step_begun", "folded", "transaction_begun", "records_sent", "offsets_sent", "committed")
OPENING: Final = ("fenced", "replayed", "compared", "opened")

_point, _, _count = os.environ.get("ACCUEIL_KILL_AT", "").partition(":")
_left = int(_count or 1)


def reach(point: str) -> None:
    """Say that the process has come to `point`."""
    global _left  # noqa: PLW0603 - one process, one count
    if point == _point:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
