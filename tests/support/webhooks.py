"""Sample webhook messages of front desks, and a sender."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any, Final

from pydantic import SecretStr

from connectors.sdk.testing import ConnectorHarness
from connectors.sdk.webhook.signatures import StandardWebhooks
from models.events import Event
from tests.support.threads import in_background

SECRET: Final = "whsec_" + "b3V2cmUtdG9pLXNlc2FtZS1wb3VyLWVzc2Fp"
MIN_DELAY_SECONDS: Final = 60.0
"""Time without progress before an instance counts as stuck; a busy machine may pause for seconds."""
OTHER_SECRET: Final = "whsec_" + "dW4tYXV0cmUtc2VjcmV0LXBvdXItZXNzYWlz"
BEGIN: Final = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)
OPTIONS: Final[dict[str, Any]] = {
    "port": 0,
    "secret": SECRET,
    "sector": "social",
    "id": "data.ticket.id",
    "values": {
        "site": {"CDAS Sud": "cdas-sud"},
        "service": {"PMI": "pmi"},
        "queue": {"Accueil général": "accueil", "PMI": "pmi"},
    },
    "ignored": {"type": ["desk.opened"]},
    "events": [
        {
            "event": "visit.arrived",
            "time": "timestamp",
            "when": {"type": "ticket.taken"},
            "site": "data.office",
            "service": "data.service",
            "phone": "data.visitor.phone",
            "email": "data.visitor.email",
            "dossier": "data.visitor.file",
            "queue": "data.room",
        },
        {"event": "visit.called", "time": "timestamp", "when": {"type": "ticket.called"}, "site": "data.office"},
        {"event": "visit.served", "time": "timestamp", "when": {"type": "ticket.served"}},
        {"event": "visit.left", "time": "timestamp", "when": {"type": "ticket.lost"}},
    ],
}
"""Options of an instance that reads these messages."""


def message(kind: str, ticket: str | int, minute: float = 0, **data: Any) -> bytes:
    """Return the body of a message about a ticket."""
    at = (BEGIN + timedelta(minutes=minute)).isoformat()
    body = {"type": kind, "timestamp": at, "data": {"ticket": {"id": ticket}, **data}}
    return json.dumps(body, ensure_ascii=False).encode()


def sign(name: str, body: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """Return the headers of a message, signed now or `at`."""
    return StandardWebhooks([SecretStr(secret)]).sign(name, int(time.time() if at is None else at), body)


def post(port: int, body: bytes, headers: dict[str, str], *, method: str = "POST", path: str = "/") -> tuple[int, Any]:
    """Send a request; return status and headers of the response."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers
    finally:
        connection.close()


@contextmanager
def running_connector(harness: ConnectorHarness) -> Iterator[tuple[str, list[Event]]]:
    """Run a webhook connector; yield its address and its events."""
    with harness.opened() as (flow, publisher):
        source: Any = flow._source
        source.intake.stall_seconds = MIN_DELAY_SECONDS
        port = source.listen()

        def run(stop: threading.Event) -> None:
            while not stop.is_set():
                flow.step()
                publisher.confirm()

        with in_background(run):
            yield f"http://127.0.0.1:{port}/", publisher.events
