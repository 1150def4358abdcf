"""Lines of a queue_log, and the mapping used to test them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.asterisk.call_history import CallHistory
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.mapping import QueueLogMapping
from connectors.asterisk.queue_log import LogLine
from connectors.sdk.config import parse
from connectors.sdk.contract import Reject
from models.codec import UnusableRecord
from models.events import Event
from models.identities import IdentityKind, PseudonymKey

T = 1_773_650_000
NOW = datetime.fromtimestamp(T + 3_600, UTC)
KEY = PseudonymKey("social", bytes(range(32)))
CALL = f"{T}.17"
OPTIONS = {
    "path": "queue_log",
    "sector": "social",
    "site": "siege",
    "service": "standard",
    "queues": {
        "600": {"label": "accueil", "extensions": ["600", "*600"]},
        "610": {"label": "aide-sociale", "service": "social", "site": "annexe", "extensions": ["610"]},
    },
    "dids": {
        "01 99 00 00 10": {"line": "principale"},
        "+33261910000": {"line": "rennes", "service": "routes", "site": "antenne"},
        "0353010?00": {"line": "motif"},
        "0465*": {"line": "etoile"},
    },
    "custom_events": {"FULL": "full", "CLOSED": "closed", "DIVERTED": "diverted", "INFO": "ignore", "NUMERO": "did"}
    | {"MENU": "menu", "VOICEMAIL": "voicemail"},
    "menu_options": {"2": "rsa"},
}


class Mapper:
    """Maps records in order. `outcome` is the subclass's own."""

    mapping: Any
    outcome: Callable[..., Any]

    def map_or_reject(self, raw: Any) -> Any:
        try:
            return self.mapping.map(raw)
        except UnusableRecord as error:
            return self.mapping.reject(raw, error.reason, error.detail)

    def events(self, *records: Any) -> list[Event]:
        """Return the events of records that are not rejected."""
        events: list[Event] = []
        for one in records:
            outcome = self.outcome(one)
            assert not isinstance(outcome, Reject), outcome
            events += outcome
        return events

    def last(self, *records: Any) -> list[Event]:
        """Return the events of the last record."""
        self.events(*records[:-1])
        return self.events(records[-1])


class Log(Mapper):
    def __init__(self, memory: CallHistory | None = None, **options: Any) -> None:
        self.memory = memory or CallHistory()
        config = parse(AsteriskConfig, "essai", OPTIONS | options)
        assert isinstance(config, AsteriskConfig)
        self.mapping = QueueLogMapping("asterisk/essai", config, KEY, self.memory)

    def outcome(self, line: str | bytes) -> Sequence[Event] | Reject:  # type: ignore[override]
        return self.map_or_reject(LogLine(line if isinstance(line, bytes) else line.encode(), NOW))  # type: ignore[no-any-return]


def line(
    event: str, *parameters: object, at: int = T, call: str = CALL, queue: str = "600", agent: str = "NONE"
) -> str:
    return "|".join(map(str, (at, call, queue, agent, event, *parameters)))


def agent_name(name: str = "PJSIP/31") -> str:
    return KEY.pseudonym(IdentityKind.AGENT, name)


def data_of(event: Event) -> dict[str, Any]:
    return event.data.model_dump(mode="json", exclude_none=True)


ENTER = line("ENTERQUEUE", "", "0639980000", 3)
HERE = {"queue": "accueil", "visit": 1}
GAVE_UP = {"position": 2, "original_position": 3, "wait_seconds": 45}
TALKED = {"wait_seconds": 12, "handle_seconds": 60}
ATTENDED = {"kind": "attended", "to_queue": "", **TALKED}
TO_610 = {"kind": "blind", "to_queue": "aide-sociale", **TALKED}
