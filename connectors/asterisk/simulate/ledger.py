"""What really happened, against which figures made from the log can be checked."""

import json
from dataclasses import asdict, dataclass, field
from typing import Final

from connectors.asterisk.simulate.services import SERVICES

SHORT_SECONDS: Final = 10
"""Who hangs up within this time is a short abandon."""
TARGET_SECONDS: Final = 20
"""Who is answered within this time is answered in time."""


@dataclass(slots=True)
class QueueTotals:
    """What happened in one queue. offered = answered + abandoned + all that left + forgotten + waiting."""

    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    left: dict[str, int] = field(default_factory=dict)
    """Reason → how many left without an answer, neither giving up nor forgotten."""
    forgotten: int = 0
    waiting: int = 0
    transferred: int = 0
    transferred_to: dict[str, int] = field(default_factory=dict)
    """Queue where they went → how many of them; empty where the log does not say."""
    ended: int = 0
    in_progress: int = 0
    ring_unanswered: int = 0
    wait_seconds: int = 0
    """Of the answered, as logged."""
    abandon_wait_seconds: int = 0
    handle_seconds: int = 0
    """Of those whose conversation is over, as logged."""

    @property
    def service_level(self) -> float:
        """How many were answered in time, of those who did not hang up at once; 1 if nobody called."""
        counted = self.answered + self.abandoned - self.short_abandoned
        return self.answered_in_time / counted if counted else 1.0


@dataclass(slots=True)
class Ledger:
    """What really happened, by queue."""

    calls: int = 0
    """How many reached the switchboard."""
    menu_choices: int = 0
    messages: int = 0
    """How many callers left a voice message."""
    queues: dict[str, QueueTotals] = field(
        default_factory=lambda: {service.label: QueueTotals() for service in SERVICES}
    )

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=2)
