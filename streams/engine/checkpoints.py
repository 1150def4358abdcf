"""Named points of a step at which a test can strike, to prove that nothing is lost or repeated there.

`ENGINE_KILL_AT=offsets_sent:2` kills the process by SIGKILL when it reaches `offsets_sent` the second time;
`ENGINE_STOP_AT` stops it by SIGSTOP, so that it can wake up later as a zombie.
"""

import os
import signal
from typing import Final

STEP_CHECKPOINTS: Final = ("step_begun", "folded", "transaction_begun", "records_sent", "offsets_sent", "committed")
OPENING_CHECKPOINTS: Final = ("fenced", "replayed", "compared", "opened")

_SIGNALS: Final = {"ENGINE_KILL_AT": signal.SIGKILL, "ENGINE_STOP_AT": signal.SIGSTOP}


class _Strike:
    """One signal at the n-th arrival at one point."""

    def __init__(self, place: str, number: signal.Signals) -> None:
        self.point, _, count = place.partition(":")
        self.left = int(count or 1)
        self.number = number


_strikes: Final = [_Strike(place, number) for name, number in _SIGNALS.items() if (place := os.environ.get(name))]


def reach_checkpoint(point: str) -> None:
    """Say that the process has come to `point`."""
    for strike in _strikes:
        if strike.point == point:
            strike.left -= 1
            if strike.left == 0:
                os.kill(os.getpid(), strike.number)
