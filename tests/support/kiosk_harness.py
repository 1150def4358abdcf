"""Harness of the kiosk service and of the webhook connector that receives its events."""

import json
import re
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import connectors.webhook as webhook
from connectors.kiosk import command
from connectors.kiosk.app import create_app
from connectors.kiosk.config import KioskConfig
from connectors.kiosk.service import KioskService, utc_now
from connectors.sdk.config import parse
from connectors.sdk.http_server import Server
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from tests.support.processes import wait_until
from tests.support.threads import serving_on
from tests.support.webhooks import SECRET, running_connector

SITE: Final = "CDAS Sud"
GENERAL, CHILDREN = "Accueil général", "PMI"
QUEUES: Final = {
    GENERAL: {"fr": "Accueil général", "en": "General reception", "letter": "A"},
    CHILDREN: {"fr": "Protection maternelle et infantile", "en": "Mothers and children", "letter": "P"},
}
README: Final = Path(command.__file__).with_name("README.md")


def options_of(readme: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the kiosk and of the connector from a README."""
    connector, kiosk, *_ = (
        tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", readme.read_text("utf-8"), re.DOTALL)
    )
    options = connector["connectors"]["bornes"]
    assert options.pop("connector") == "webhook"
    del options["secret_file"], kiosk["secret_file"]
    return kiosk, options | {"secret": SECRET, "port": 0}


def kiosk_options(tmp_path: Path, url: str, **changes: Any) -> dict[str, Any]:
    """Return the options of a kiosk that sends to the connector at `url`. It is noon there, so that no day ends in a test."""
    defaults = {"url": url, "secret": SECRET, "site": SITE, "queues": QUEUES, "data": str(tmp_path / "desk"), "port": 0}
    return defaults | {"timezone": f"Etc/GMT{datetime.now(UTC).hour - 12:+}"} | changes


@contextmanager
def running_webhook_connector(tmp_path: Path, port: int = 0) -> Iterator[tuple[str, list[Event]]]:
    """Run the connector with the options of the README; yield its address and its events, and check that none repeats."""
    _, options = options_of(README)
    harness = ConnectorHarness(webhook.CONNECTOR, options | {"port": port}, tmp_path / "data", tmp_path / "keys")
    with running_connector(harness) as (url, events):
        yield url, events
    assert harness.rejected() == {}
    assert len({event.id for event in events}) == len(events), "an event was published twice"


class ServedKiosk:
    """Kiosk service served at `url`."""

    def __init__(self, url: str, reports: list[str]) -> None:
        self.url = url
        self.reports = reports
        """Reports of the sender."""

    def act(self, step: str, **fields: Any) -> tuple[int, Any]:
        """Post an action like the page; return status and response."""
        return self.post({"id": str(uuid.uuid4()), "step": step, **fields})

    def post(self, action: Any, **headers: str) -> tuple[int, Any]:
        body = action if isinstance(action, bytes) else json.dumps(action).encode()
        content_type = {"content-type": "application/json"}
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", "/api/actions", body, content_type | extra)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        connection = HTTPConnection(self.url.removeprefix("http://"), timeout=30)
        with closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            content = answer.read()
            is_json = answer.headers.get("content-type") == "application/json"
            return answer.status, json.loads(content) if is_json else content

    def state(self) -> Any:
        return self.ask("GET", "/api/state")[1]

    def waiting_numbers(self) -> list[str]:
        return [ticket["number"] for ticket in self.state()["waiting"]]

    def wait_until_sent(self) -> None:
        wait_until(lambda: self.state()["unsent"] == 0, "the sending of all events", otherwise=lambda: self.reports)


@contextmanager
def serving_kiosk(options: dict[str, Any], now: Any = utc_now, port: int = 0) -> Iterator[ServedKiosk]:
    """Serve a kiosk until the end of the block."""
    config = parse(KioskConfig, "guichet", options | {"port": port})
    assert isinstance(config, KioskConfig)
    reports: list[str] = []
    with (
        command.listen(config) as listener,
        closing(KioskService(config, reports.append, now)) as service,
        serving_on(listener, Server(create_app(service, config))),
    ):
        yield ServedKiosk(f"http://127.0.0.1:{listener.getsockname()[1]}", reports)
