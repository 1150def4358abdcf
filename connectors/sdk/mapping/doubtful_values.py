"""Values of events that are possible but often wrong: times at midnight, and waits of hours."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import time
from typing import Final
from zoneinfo import ZoneInfo

from models.events import Event

LONG_SECONDS: Final = 7200
"""Shortest wait or conversation whose unit may be wrong, such as minutes and seconds read as hours and minutes."""
MIDNIGHT_SHARE: Final = 0.9
"""Share of an event type's times that must be at midnight for a column with the time of day to be missing."""
MIN_EVENTS: Final = 3
"""Fewest events of a type whose times are judged."""
_DURATIONS: Final = ("wait_seconds", "ring_seconds", "handle_seconds")
_HAVE_TIMES_OF_DAY: Final = ("call.", "email.", "visit.", "appointment.")
"""Beginnings of event types whose times of day count. Registers of letters and forms have days only."""


def find_midnights(events: Iterable[Event], zone: ZoneInfo) -> list[str]:
    """Return the event types whose times are nearly all at midnight in `zone`, sorted."""
    counts, midnights = Counter[str](), Counter[str]()
    for event in events:
        if event.type.startswith(_HAVE_TIMES_OF_DAY):
            counts[event.type] += 1
            midnights[event.type] += event.time.astimezone(zone).time() == time()
    return sorted(
        kind for kind, count in counts.items() if count >= MIN_EVENTS and midnights[kind] >= MIDNIGHT_SHARE * count
    )


def find_long_durations(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    """Yield the event type and the field of each duration of hours."""
    for event in events:
        for name in _DURATIONS:
            if (getattr(event.data, name, None) or 0) >= LONG_SECONDS:
                yield event.type, name
