"""Conformance of the RDV connector over HTTP."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import connectors.rdv as rdv
from connectors.rdv.simulate.server import SECRET
from connectors.rdv.simulate.service import Citizen, RdvService
from connectors.rdv.source import sign
from connectors.sdk.webhook.testing import PushConformance
from tests.support.rdv_harness import MIREILLE, PERSONAL, book, options

BEGIN = datetime(2026, 3, 16, 8, tzinfo=UTC)


def webhooks() -> list[bytes]:
    """Return webhooks of some appointments, in order, with invalid ones in between."""
    service = RdvService()
    for number in range(12):
        at, starts_at = BEGIN + timedelta(hours=number), BEGIN + timedelta(days=number)
        rdv_id = book(service, at, starts_at)
        if number % 3 == 0:
            service.move(at + timedelta(hours=1), rdv_id, starts_at + timedelta(hours=2))
        if number % 4 == 0:
            service.cancel(at + timedelta(hours=2), rdv_id)
        else:
            service.attend(starts_at + timedelta(days=1), rdv_id)
    together = book(
        service, BEGIN, BEGIN + timedelta(days=20), MIREILLE, Citizen(502, "Jean", "Exemple"), collectif=True
    )
    service.leave(BEGIN + timedelta(hours=13), together, 502)
    bodies = [*service.outbox]
    bodies[-1] = bodies[-1].replace(b'"status": "unknown"', b'"status": "reporte"')
    broken = json.loads(bodies[0])
    broken["data"]["participations"][0]["status"] = "Mireille"
    bodies[9:9] = [
        b"not json 06 39 98 55 11",
        b'{"meta": {"model": "User", "event": "updated", "timestamp": "x"}, "data": {"first_name": "Mireille"}}',
        b'{"meta": {"model": "Rdv", "event": "created", "timestamp": "x"}, "data": {"participations": []}}',
        b'{"meta": {"model": "Rdv", "event": "created", "timestamp": "x"}, "data": {"context": "Mireille"}}',
        json.dumps(broken).encode(),
        b"[" * 60_000,
        b"x" * 70_000,
    ]
    return bodies


class TestConformance(PushConformance):
    connector = rdv.CONNECTOR
    readme = Path(rdv.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return options(previous_secret="celui-d-avant", max_body_bytes=65_536)

    def bodies(self) -> Sequence[bytes]:
        return webhooks()

    def headers(self, number: int, body: bytes) -> Mapping[str, str]:
        return {"x-lapin-signature": sign(b"celui-d-avant" if number % 5 == 0 else SECRET.encode(), body)}
