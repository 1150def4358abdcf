"""True figures of a simulation, used to check those computed from the log."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from connectors.sdk.simulation.call_profile import SERVICES

SHORT_SECONDS: Final = 10
"""Longest wait of a short abandonment, in seconds."""
TARGET_SECONDS: Final = 20
"""Longest wait of a call answered in time, in seconds."""


@dataclass(slots=True)
class QueueTotals:
    """True figures of one queue: offered = answered + abandoned + sum of left + forgotten + waiting.

    A call counts once for each time that it enters the queue or is refused by it.
    """

    dialled: int = 0
    """Calls on the line of the queue. Each enters the queue or is refused by it."""
    chosen: int = 0
    """Callers who chose the queue in the voice menu."""
    messages: int = 0
    """Voice messages left while the service was closed, or after the longest wait in the queue."""
    heard: int = 0
    """Voice messages that an agent listened to."""
    hearing_seconds: int = 0
    """Total time from the messages until then."""
    callback_requests: int = 0
    """Callers who left the queue to be called back."""
    called_back: int = 0
    """Callers who were called back, after a message or a request."""
    callback_seconds: int = 0
    """Total time from the message or the request until then."""
    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    left: Counter[str] = field(default_factory=Counter)
    """Calls that were refused or left unanswered, neither abandoned nor forgotten, by reason."""
    forgotten: int = 0
    """Calls that entered the queue, and whose end is never logged."""
    waiting: int = 0
    transferred: int = 0
    transferred_to: Counter[str] = field(default_factory=Counter)
    """Transferred calls by the label of the target queue; empty key if the log does not name it."""
    ended: int = 0
    in_progress: int = 0
    ring_unanswered: int = 0
    wait_seconds: int = 0
    """Total wait of answered calls, as logged."""
    abandon_wait_seconds: int = 0
    handle_seconds: int = 0
    """Total duration of ended and transferred conversations, as logged."""


@dataclass(slots=True)
class Ledger:
    """True figures of the switchboard, by the label of the queue."""

    queues: dict[str, QueueTotals] = field(
        default_factory=lambda: {service.label: QueueTotals() for service in SERVICES}
    )
    direct_calls: dict[str, int] = field(default_factory=dict)
    """Calls on lines that lead to no queue, by line."""
    menu_calls: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Call id → choice in the voice menu and last queue, as labels, of the calls through the menu."""
