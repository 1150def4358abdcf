"""All HTTP servers of Accueil in one process, for tests with hostile requests.

    python -m tests.support.hostile_servers DIRECTORY

Prints `ready` and the ports by name, as JSON, and stops on SIGTERM.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

import connectors.rdv as rdv
import connectors.survey as survey
import connectors.webhook as webhook
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.testing import ConnectorHarness
from streams.api.app import create_app
from streams.runtime import logs
from streams.runtime.health import HealthServer
from streams.web.http_server import Server, listen
from streams.web.options import WebOptions
from tests.support import rdv_harness
from tests.support.api_harness import ApiHarness, token
from tests.support.kiosk_harness import kiosk_options, serving_kiosk
from tests.support.surveys import OPTIONS as SURVEY
from tests.support.threads import serving_on
from tests.support.webhooks import OPTIONS as WEBHOOK
from tests.support.webhooks import running_connector
from tests.web.served import serving

TOKEN: Final = "camille"
RATE: Final = 100_000
CONNECTORS: Final[dict[str, tuple[Any, dict[str, Any]]]] = {
    "rdv": (rdv.CONNECTOR, rdv_harness.options()),
    "survey": (survey.CONNECTOR, SURVEY | {"requests_per_second": RATE}),
    "webhook": (webhook.CONNECTOR, WEBHOOK | {"requests_per_second": RATE}),
}


@contextmanager
def in_thread(app: ASGIApp) -> Iterator[int]:
    """Serve `app` like the Accueil processes, and yield its port."""
    with listen("127.0.0.1", 0) as listener, serving_on(listener, Server(app)):
        yield listener.getsockname()[1]


def main(directory: Path) -> None:
    """Serve all servers until SIGTERM."""
    stop = install_stop_handler()
    logs.configure()
    ports: dict[str, int] = {}
    with ExitStack() as stack:
        for name, (connector, options) in CONNECTORS.items():
            own = directory / name
            url, _ = stack.enter_context(
                running_connector(ConnectorHarness(connector, options, own / "data", directory / f"{name}-keys"))
            )
            ports[name] = int(url.rstrip("/").rpartition(":")[2])
        (directory / "front").mkdir()
        kiosk = stack.enter_context(
            serving_kiosk(kiosk_options(directory / "front", f"http://127.0.0.1:{ports['webhook']}/"))
        )
        ports["kiosk"] = int(kiosk.url.rpartition(":")[2])
        board = stack.enter_context(serving(WebOptions(brokers="")))
        board.follow()
        ports["board"] = board.port
        harness = ApiHarness(directory / "api", f"sqlite:///{directory / 'timeline.db'}")
        stack.callback(harness.close)
        harness.add(token(TOKEN, rate_per_minute=RATE))
        ports["api"] = stack.enter_context(in_thread(create_app(harness.api, CollectorRegistry(), ["127.0.0.1"])))
        health = HealthServer("127.0.0.1", 0, healthy=lambda: (True, "live"), ready=lambda: (True, "ready"))
        stack.callback(health.close)
        ports["health"] = health.port
        print("ready " + json.dumps(ports), flush=True)
        stop.wait()
    structlog.get_logger(__name__).info("ended")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
