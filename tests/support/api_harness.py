"""Harness of the API with its tokens, keys and audit, called without a network."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from connectors.sdk.files import make_private_directory
from connectors.sdk.keys import load_key
from models.events import Event
from models.identities import IdentityKind, normalise
from models.roles import Role
from models.timestamps import milliseconds
from models.topics import DAY_MS
from streams.access.audit import Audit
from streams.access.audit import read as read_audit
from streams.access.oidc import Provider
from streams.access.tokens import Token, Tokens, digest
from streams.api.app import create_app
from streams.api.auth import Api
from streams.api.metrics import AccessMetrics
from streams.core.timeline.entries import Entry
from streams.privacy import personal_data
from streams.privacy.citizen_finder import CitizenFinder
from streams.privacy.erasures import Erasures, RetentionPeriods
from streams.privacy.personal_data import PersonalData, PrivacyRequests
from streams.settings.api import Api as ApiSettings
from streams.settings.schema import Settings
from streams.timeline.reader import Reader
from streams.timeline.store import Timeline
from tests.support.events import make
from tests.support.timelines import entries_of
from tests.support.worker_state import WorkerState

NUMBER: Final = "+33199000001"
SECTOR: Final = "social"
DAY: Final = 86_400
LATER: Final = 4_000_000_000_000


def token(name: str = "camille", role: Role = Role.DPO, **others: Any) -> Token:
    """Return a token whose secret is its name."""
    defaults = {"sectors": (SECTOR,), "rate_per_minute": 100_000, "created_at": 0, "expires_at": LATER}
    return Token(name=name, sha256=digest(name), role=role, **defaults | {"used_on": today()} | others)


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def now() -> int:
    return milliseconds(datetime.now(UTC))


class ApiHarness:
    """API with its timeline database at `url`, by default in SQLite, and its other data in `directory`."""

    def __init__(self, directory: Path, url: str = "", provider: Provider | None = None, **api: Any) -> None:
        url = url or f"sqlite:///{directory / 'timeline.db'}"
        settings = Settings(data=directory, api=ApiSettings(**api))
        self.directory, self.url = directory, url
        self.keys = directory / "connectors" / "keys"
        make_private_directory(directory)
        self.timeline = Timeline(url)
        self.state = WorkerState()
        self.tokens = Tokens(directory / "access")
        self.registry = CollectorRegistry()
        self.audit = Audit(directory / "audit")
        self.reader = Reader(url, connections=settings.api.threads)
        self.api = Api(
            settings,
            tokens=self.tokens,
            audit=self.audit,
            reader=self.reader,
            open_timeline=lambda: Timeline(url),
            keys=self.keys,
            secret=b"\0" * 32,
            access_metrics=AccessMetrics(self.registry, settings.api.unusual_citizens_per_hour),
            provider=provider,
            privacy_requests=self.privacy_requests(),
        )
        self.app: FastAPI = create_app(self.api, self.registry, ["testserver"])
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def privacy_requests(self) -> PrivacyRequests:
        """Return the privacy requests of the installation, with Kafka's state replaced by `state`."""

        def erasures(timeline: Timeline) -> Erasures:
            return Erasures(timeline, self.state.read, self.state.publish, RetentionPeriods(*[DAY_MS] * 5))

        def collect_personal_data(
            timeline: Timeline, finder: CitizenFinder, subject: str, sector: str, language: str
        ) -> PersonalData:
            return personal_data.collect_personal_data(
                timeline, finder, subject, sector, self.recorded, [], datetime.now(UTC)
            )

        return PrivacyRequests(erasures, collect_personal_data, UTC)

    def close(self) -> None:
        self.client.close()
        self.reader.close()
        self.audit.close()
        self.timeline.close()

    def add(self, *tokens: Token) -> None:
        for token in tokens:
            self.tokens.add(token)

    def pseudonym(self, kind: IdentityKind, raw: str, sector: str = SECTOR) -> str:
        return load_key(self.keys, sector).pseudonym(kind, normalise(kind, raw) or "")

    def write(self, events: Sequence[Event]) -> list[Entry]:
        """Write the timeline entries of these events."""
        entries = entries_of(events)
        self.timeline.write(entries)
        self.state.fold(events)
        return entries

    def post(
        self, path: str, /, who: str = "camille", *, headers: dict[str, str] | None = None, **body: Any
    ) -> Response:
        """Send a request, by default with a purpose."""
        if not path.startswith(("/v1/links", "/v1/export", "/v1/erasures")):
            body = {"purpose": "contact"} | body
        return self.client.post(path, json=body, headers={"authorization": f"Bearer {who}"} | (headers or {}))

    def get(self, path: str, who: str = "camille") -> Response:
        return self.client.get(path, headers={"authorization": f"Bearer {who}"})

    @asynccontextmanager
    async def connect(self, who: str = "camille") -> AsyncIterator[AsyncClient]:
        """Yield a client for concurrent requests."""
        headers = {"authorization": f"Bearer {who}"}
        transport = ASGITransport(app=self.app)
        async with AsyncClient(
            transport=transport, base_url="http://testserver", headers=headers, timeout=None
        ) as client:
            yield client

    def read_pages(self, subject: str, first: dict[str, Any], limit: int, who: str = "camille") -> list[str]:
        """Return the ids of all entries of a timeline, from its first page on."""
        ids, page = [entry["id"] for entry in first["entries"]], first
        while page["next"]:
            page = self.post("/v1/timeline", who, subject=subject, cursor=page["next"], limit=limit).json()
            assert 0 < len(page["entries"]) <= limit
            ids += [entry["id"] for entry in page["entries"]]
        return ids

    def recorded(self) -> list[dict[str, Any]]:
        """Return the access records of the audit, without the fields that differ between runs."""
        records = [line.record or {} for line in read_audit(self.directory / "audit")]
        left_out = {"hash", "sequence", "at"}
        return [{k: v for k, v in record.items() if k not in left_out} for record in records if "whose" in record]

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def letter(name: str, start: float, identities: str, *, service: str = "rsa", sector: str = SECTOR) -> list[Event]:
    """Return the events of a letter answered after two days."""
    envelope = {"subject": f"mail:ged:{name}", "site": "siege", "service": service, "sector": sector}
    return [
        make("letter.arrived", start, identities=identities, **envelope),
        make("letter.registered", start + 3600, identities=identities, chrono=name, **envelope),
        make("letter.answered", start + 172_800, **envelope),
    ]


def form(name: str, start: float, identities: str, *, service: str = "rsa", sector: str = SECTOR) -> list[Event]:
    """Return the events of a form that waits for the citizen."""
    envelope = {"subject": f"form:demarches:{name}", "site": "siege", "service": service, "sector": sector}
    return [
        make("form.submitted", start, identities=identities, procedure="rsa", **envelope),
        make("form.correction_requested", start + 7200, procedure="rsa", **envelope),
    ]


def call(name: str, start: float, identities: str, *, service: str = "rsa", sector: str = SECTOR) -> list[Event]:
    """Return the events of an abandoned call."""
    envelope = {"subject": f"call:standard:{name}", "site": "siege", "service": service, "sector": sector}
    return [
        make("call.arrived", start, identities=identities, **envelope),
        make("call.queued", start + 1, queue="rsa", identities=identities, **envelope),
        make("call.abandoned", start + 60, queue="rsa", **envelope),
    ]
