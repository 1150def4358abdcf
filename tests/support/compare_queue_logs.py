"""Comparison of the connector's figures from random `queue_log` files with a plain count of the same lines."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from connectors.asterisk.call_history import CallHistory
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.mapping import QueueLogMapping
from connectors.asterisk.queue_log import LogLine
from connectors.sdk.config import parse
from models.codec import UnusableRecord
from models.events import AgentChange, Event
from models.identities import IdentityKind, PseudonymKey
from streams.core.contacts import agent, contact
from streams.core.contacts.stay_outcome import stay_result
from tests.support.plain_queue_count import REFUSED, Count, count
from tests.support.random_queue_log import QUEUES

KEY: Final = PseudonymKey("general", bytes(range(32)))
NOW: Final = datetime(2026, 3, 17, tzinfo=UTC)
OPTIONS: Final = {
    "path": "queue_log",
    "queues": {"SUPPORT": {"label": "support"}, "accueil Général": {"label": "accueil"}},
    "custom_events": {**REFUSED, "LEAVEEMPTY": "empty"},
    "dids": {"0199000010": {"line": "principale"}},
}
LABELS: Final = {name.lower(): {"accueil général": "accueil"}.get(name.lower(), name.lower()) for name, _ in QUEUES}


def read(lines: Iterable[bytes]) -> list[Event]:
    config = parse(AsteriskConfig, "essai", OPTIONS)
    assert isinstance(config, AsteriskConfig)
    mapping = QueueLogMapping("asterisk/essai", config, KEY, CallHistory())
    events: list[Event] = []
    for line in lines:
        with suppress(UnusableRecord):
            events += mapping.map(LogLine(line, NOW))
    return events


def compare(lines: Sequence[bytes], *, set_back: bool) -> dict[str, Any]:
    """Return the differences: name → figures only of the connector, and only of the plain count."""
    events, plain = read(lines), count(lines)
    rows: dict[str, Any] = {}
    for event in events:
        rows[event.subject] = (agent if event.type == "agent.state_changed" else contact).fold(
            rows.get(event.subject), event
        )  # type: ignore[attr-defined]
    of_connector, of_count = _figures(rows.values()), _labelled(plain.figures())
    found: dict[str, Any] = {"figures": (of_connector - of_count, of_count - of_connector)}
    rings = Counter(
        _native_id(subject) for subject, _ in {(event.subject, event.id) for event in events if _is_ring(event)}
    )
    expected = Counter({_native_id(_pseudonym(name)): number for name, number in plain.rings.items()})
    found["rings"] = (rings - expected, expected - rings)
    callers = len({event.id for event in events if event.type == "call.queued" and event.identities})
    known = sum(number for name, number in plain.callers.items() if "|" not in name and len(name) >= 10)
    found["callers"] = (callers, known) if callers != known else ((), ())
    if not set_back:  # changes of an agent are ordered by time
        found["agents"] = _states(rows, plain)
    return {name: both for name, both in found.items() if any(both)}


def _is_ring(event: Event) -> bool:
    return event.type == "agent.state_changed" and event.data.change == AgentChange.RING_UNANSWERED


def _pseudonym(agent: str) -> str:
    return KEY.pseudonym(IdentityKind.AGENT, agent)


def _native_id(subject: str) -> str:
    return subject.rpartition(":")[2]


def _figures(rows: Iterable[Any]) -> Counter[tuple[str, str]]:
    found = Counter[tuple[str, str]]()
    for row in rows:
        for stay in getattr(row, "stays", ()):
            result, queue = stay_result(stay), stay.dimensions.queue
            found[queue, result.outcome] += 1
            if result.finish:
                found[queue, result.finish] += 1
            found[queue, "wait"] += (stay.wait_ms or 0) // 1000
            found[queue, "talk"] += (stay.handle_ms or 0) // 1000
    return +found


def _labelled(figures: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    return Counter({(LABELS[queue], name): number for (queue, name), number in figures.items()})


def _states(rows: dict[str, Any], plain: Count) -> tuple[set[Any], set[Any]]:
    talking = {_native_id(_pseudonym(name)) for name in plain.talking()}
    of_connector = {
        (_native_id(subject), dimensions.queue, "" if state == "agents_on_contact" else state)
        for subject, row in rows.items()
        if subject.startswith("agent:")
        for dimensions, state in agent.states(row).items()
        if dimensions.queue
    }
    of_count = {
        (name, LABELS[queue], "" if name in talking else "agents_paused" if paused else "agents_available")
        for (person, queue), paused in plain.members.items()
        for name in [_native_id(_pseudonym(person))]
    }
    return of_connector - of_count, of_count - of_connector
