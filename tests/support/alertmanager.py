"""Alertmanager process for tests, and a webhook receiver that records requests."""

import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from connectors.sdk.ports import free_port
from streams.kafka.child_processes import die_with_parent
from tests.support.processes import PATIENCE_SECONDS, ROOT, wait_until

EXAMPLE = ROOT / "deploy" / "alertmanager" / "alertmanager.example.yml"
EXAMPLE_URL = "http://127.0.0.1:9095/alertes"


def find(*names: str) -> str:
    """Return the path of the first program that is installed."""
    found = next(filter(None, map(shutil.which, names)), None)
    assert found, f"{names[0]} is missing: apt-get install prometheus-alertmanager"
    return found


class WebhookReceiver:
    """HTTP receiver on its own port that records requests with its response status."""

    def __init__(self) -> None:
        self.port = free_port()
        self.status = 200
        self.headers: dict[str, str] = {}
        """Headers of the responses."""
        self.unwanted: tuple[int, Callable[[Any], bool]] = 200, lambda _: False
        """Status for the bodies that match the function."""
        self.requests: list[tuple[int, dict[str, str], bytes]] = []
        self.times: list[float] = []
        """Times of the requests, in seconds since 1970."""
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/alertes"

    @property
    def taken(self) -> list[tuple[dict[str, str], Any]]:
        """Headers and bodies of the accepted requests."""
        return [(headers, json.loads(body)) for status, headers, body in list(self.requests) if status == 200]

    def come(self) -> None:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                refusal, is_unwanted = hook.unwanted
                status = refusal if is_unwanted(json.loads(body)) else hook.status
                hook.times.append(time.time())
                hook.requests.append((status, headers, body))
                self.send_response(status)
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Suppress the log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def go(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def firing(self) -> dict[str, set[str]]:
        """Return the received start times (`startsAt`) of firing alerts by fingerprint."""
        return self._alerts("firing")

    def resolved(self) -> dict[str, set[str]]:
        """Return the received start times of resolved alerts by fingerprint."""
        return self._alerts("resolved")

    def _alerts(self, status: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for _, body in self.taken:
            for alert in body["alerts"]:
                if alert["status"] == status:
                    found.setdefault(alert["fingerprint"], set()).add(alert["startsAt"])
        return found


@contextmanager
def webhook_receiver() -> Iterator[WebhookReceiver]:
    """Run a receiver for the duration of the block."""
    hook = WebhookReceiver()
    hook.come()
    try:
        yield hook
    finally:
        hook.go()


class Alertmanager:
    """Alertmanager with the shipped example configuration and `hook` as its webhook."""

    def __init__(self, directory: Path, hook: WebhookReceiver) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._directory = directory
        directory.mkdir()
        text = EXAMPLE.read_text(encoding="utf-8")
        assert EXAMPLE_URL in text
        (directory / "alertmanager.yml").write_text(text.replace(EXAMPLE_URL, hook.url), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    find("alertmanager", "prometheus-alertmanager"),
                    f"--config.file={self._directory / 'alertmanager.yml'}",
                    f"--storage.path={self._directory / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call
            )
        wait_until(self._is_ready, "Alertmanager")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def alerts(self) -> list[dict[str, Any]]:
        """Return the current alerts."""
        return list(httpx.get(f"{self.url}/api/v2/alerts").raise_for_status().json())

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def running(directory: Path, hook: WebhookReceiver) -> Iterator[Alertmanager]:
    """Run an Alertmanager for the duration of the block."""
    manager = Alertmanager(directory, hook)
    manager.start()
    try:
        yield manager
    finally:
        manager.stop()
