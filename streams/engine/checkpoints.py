"""Named points of a step, or of a partition's start, at which tests can kill or stop the process.

The tests prove that no record is lost or repeated.

`ENGINE_KILL_AT=offsets_sent:2` sends SIGKILL when the process reaches `offsets_sent` for the second time. `ENGINE_STOP_AT` sends
SIGSTOP instead, so that the process can be continued later, after another one has taken over.
"""

import os
import signal
from typing import Final

STEP_CHECKPOINTS: Final = ("step_begun", "folded", "transaction_begun", "records_sent", "offsets_sent", "committed")
OPENING_CHECKPOINTS: Final = ("fenced", "replayed", "compared", "opened")

_SIGNALS: Final = {"ENGINE_KILL_AT": signal.SIGKILL, "ENGINE_STOP_AT": signal.SIGSTOP}


class _PlannedSignal:
    """A signal to send at the n-th arrival at a checkpoint, parsed from `checkpoint:n`; without n, at the first one."""

    def __init__(self, value: str, number: signal.Signals) -> None:
        self.checkpoint, _, count = value.partition(":")
        self.remaining = int(count or 1)
        self.number = number


_planned: Final = [
    _PlannedSignal(value, number) for name, number in _SIGNALS.items() if (value := os.environ.get(name))
]


def reach_checkpoint(checkpoint: str) -> None:
    """Count an arrival at `checkpoint`, and send the planned signal to this process if it is the n-th one."""
    for planned in _planned:
        if planned.checkpoint == checkpoint:
            planned.remaining -= 1
            if planned.remaining == 0:
                os.kill(os.getpid(), planned.number)
