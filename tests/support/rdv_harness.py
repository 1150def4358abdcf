"""Harness of the RDV connector with a simulated RDV Service Public."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import connectors.rdv as rdv
from connectors.rdv.config import RdvConfig
from connectors.rdv.simulate.server import EMAIL, PASSWORD, SECRET, RdvServer, post_webhook
from connectors.rdv.simulate.service import Citizen, RdvService
from connectors.rdv.source import RdvSource
from connectors.sdk.contract import Context
from connectors.sdk.flow import Flow
from connectors.sdk.ports import free_port
from connectors.sdk.reconcile import Finding
from connectors.sdk.simulation.http_app import serving
from connectors.sdk.testing import ConnectorHarness, ManualPublisher
from models.events import Event
from tests.support.processes import wait_until
from tests.support.webhooks import MIN_DELAY_SECONDS

ORGANISATION = 11
OTHER = 12
ROUTINGS = {ORGANISATION: {"site": "mds-nord", "service": "accueil"}, OTHER: {"site": "mds-sud"}}
NOW = datetime.now(UTC).replace(microsecond=0)
"""Current time, because the API polls a window around the real time."""
A_WHILE = timedelta(minutes=1)
"""Time between an action and the next poll, longer than a slow response."""
PERSONAL = (
    "Mireille",
    "Exemple",
    "Mireille.Exemple@example.org",
    "06 39 98 55 11",
    "rue Imaginaire",
    "agent.fictif@example.org",
)
"""Values that must not leave the connector."""
MIREILLE = Citizen(501, "Mireille", "Exemple", "Mireille.Exemple@example.org", "06 39 98 55 11")


def hours(number: float) -> datetime:
    """Return the time `number` hours from now."""
    return NOW + timedelta(hours=number)


def options(**changes: Any) -> dict[str, Any]:
    """Return the options of an instance without the API."""
    return {
        "port": 0,
        "secret": SECRET,
        "requests_per_second": 100_000,
        "organisations": ROUTINGS,
        "motifs": {101: {"service": "pmi", "queue": "consultation", "sector": "pmi"}},
        **changes,
    }


class RdvHarness:
    """Simulated service with its API, and the connector with a publisher that confirms after each step."""

    def __init__(
        self, address: str, server: RdvServer, service: RdvService, directory: Path, api: dict[str, Any]
    ) -> None:
        self.service, self.server = service, server
        self.port = free_port()
        self.options = options(
            port=self.port,
            api={"url": address, "email": EMAIL, "password": PASSWORD, "round_seconds": 3600, "page_seconds": 0} | api,
        )
        self.harness = ConnectorHarness(
            replace(rdv.CONNECTOR, open=self._open_source), self.options, directory / "data", directory / "keys"
        )
        self.events: list[Event] = []
        """Confirmed events."""
        self._open: tuple[Flow, ManualPublisher]

    def _open_source(self, config: RdvConfig, context: Context) -> RdvSource:
        self._source = RdvSource(config, context)
        self._source.intake.stall_seconds = MIN_DELAY_SECONDS
        return self._source

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Run the connector for the block; a poll begins immediately."""
        self._before = self.compared_at
        with self.harness.opened() as self._open:
            yield
            self.events += self._open[1].safe

    def step(self) -> None:
        """Step the connector once, and confirm its events."""
        flow, publisher = self._open
        flow.step()
        publisher.confirm()

    def run_polls(self, count: int = 1) -> None:
        """Advance the time, and step the connector until it has completed another poll; `count` times."""
        for _ in range(count):
            self.service.elapse(self.service.now + A_WHILE)
            before = self.compared_at
            if self._source._poller and before != self._before:  # the first poll starts by itself
                self._source._poller._interval._next = 0.0
            wait_until(lambda before=before: self.step() or self.compared_at != before, "a complete poll")  # type: ignore[misc]

    def deliver(self, bodies: Sequence[bytes]) -> list[bool]:
        """Send webhooks one after the other; return whether each was accepted."""
        self.step()
        with ThreadPoolExecutor(1) as pool:
            answers = pool.submit(lambda: [post_webhook(self.port, body) for body in bodies])
            while not answers.done():
                self.step()
        return answers.result()

    def deliver_outbox(self) -> list[bool]:
        """Send the webhooks in the outbox."""
        return self.deliver(take_outbox(self.service))

    @property
    def trouble(self) -> str:
        """Error text while the API cannot be polled."""
        return self._open[0].trouble

    @property
    def compared_at(self) -> float:
        return (
            self.harness.registry.get_sample_value("connector_compared_timestamp_seconds", {"connector": "rdv/essai"})
            or 0
        )

    @property
    def findings(self) -> dict[Finding, float]:
        """Counts of the reconciliation metric that are not zero."""
        counts = {
            finding: self.harness.registry.get_sample_value(
                "connector_reconciled_total", {"connector": "rdv/essai", "finding": finding.value}
            )
            for finding in Finding
        }
        return {finding: count for finding, count in counts.items() if count}

    @property
    def event_types(self) -> list[tuple[str, str]]:
        """Contact and type of the events, in order."""
        return [(event.subject.rpartition(":")[2], event.type) for event in self.events]


@contextmanager
def rdv_harness(directory: Path, **api: Any) -> Iterator[RdvHarness]:
    """Run the service and the harness for the block."""
    service = RdvService()
    server = RdvServer(service, [*ROUTINGS], requests_per_minute=1_000)
    with serving(server.app, date_header=False) as address:
        yield RdvHarness(address, server, service, directory, api)


def take_outbox(service: RdvService) -> list[bytes]:
    """Remove the queued webhooks, and return their bodies."""
    bodies = [*service.outbox]
    service.outbox.clear()
    return bodies


def book(service: RdvService, at: datetime, starts_at: datetime, *citizens: Citizen, **changes: Any) -> int:
    """Book an appointment for Mireille, or for others."""
    defaults = {"organisation": ORGANISATION, "motif": 101}
    return service.book(at, starts_at, citizens or [MIREILLE], **defaults | changes)
