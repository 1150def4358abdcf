"""Queues of the simulated switchboard of a département."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CALLER_RANGES: Final = ("063998", "019900", "026191", "035301", "046571", "053649")
"""Prefixes of numbers reserved for fiction in France; four digits follow."""


@dataclass(frozen=True, slots=True)
class Service:
    """One queue and its parameters."""

    queue: str
    label: str
    number: str
    """Telephone number that citizens dial."""
    share: float
    """Share of all calls."""
    talk_seconds: float
    """Median duration of conversations, which follow a log-normal distribution."""
    spare: int = 1
    """Agents in addition to those required, to allow breaks; negative: vacant posts."""
    patience_seconds: float = 240
    """Mean patience of callers, exponentially distributed."""
    timeout_seconds: float = 300
    capacity: int = 12
    openings: tuple[tuple[float, float], ...] = ((8.5, 17.0),)
    """Opening hours, as hours of the day."""

    @property
    def extension(self) -> str:
        """Extension for transfers to the queue."""
        return self.queue


SERVICES: Final = (
    Service("600", "accueil", "0199000010", 0.30, 80),
    Service("610", "mdph", "0199000020", 0.21, 210, patience_seconds=420),
    Service("620", "rsa", "0199000030", 0.17, 190, spare=-1, patience_seconds=360),
    Service("630", "pmi", "0199000040", 0.11, 150, spare=-1),
    Service("640", "transports-scolaires", "0199000050", 0.10, 120),
    Service("650", "routes", "0199000060", 0.07, 100, capacity=6),
    Service("660", "archives", "0199000070", 0.04, 150, capacity=3, openings=((9.0, 12.0), (13.5, 17.0))),
)


def configuration(path: Path | None = None, ami: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the connector options to read the simulated log at `path`, the simulated manager interface, or both."""
    return {
        **({"path": str(path)} if path else {}),
        **({"ami": ami} if ami else {}),
        "sector": "demonstration",
        "site": "siege",
        "queues": {
            service.queue: {"label": service.label, "service": service.label, "extensions": [service.extension]}
            for service in SERVICES
        },
        "dids": {service.number: {"line": service.label, "service": service.label} for service in SERVICES},
        "custom_events": {"FULL": "full", "CLOSED": "closed", "DIVERTED": "diverted"}
        | {"MENU": "menu", "VOICEMAIL": "voicemail"},
        "menu_options": {str(key): service.label for key, service in enumerate(SERVICES, 1)},
    }
