"""The command `accueil notify`: output and exit."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from connectors.sdk.ports import free_port
from tests.support.alertmanager import WebhookReceiver, running, webhook_receiver
from tests.support.metrics_page import find_undescribed
from tests.support.processes import ROOT, Child, wait_until
from tests.support.webhooks import SECRET

SETTINGS = """
brokers = "127.0.0.1:{broker}"
data = "{data}"
[notify]
health_port = {port}
[notify.alertmanagers.local]
url = "{alertmanager}"
[notify.webhooks.garde]
url = "{webhook}"
secret = "{secret}"
"""


def settings(directory: Path, alertmanager: str, webhook: WebhookReceiver) -> tuple[Path, int]:
    path, port = directory / "accueil.toml", free_port()
    text = SETTINGS.format(
        broker=free_port(),
        data=directory / "data",
        port=port,
        alertmanager=alertmanager,
        webhook=webhook.url,
        secret=SECRET,
    )
    path.write_text(text, encoding="utf-8")
    return path, port


def accueil(path: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-P", "-m", "streams.cli.main", "--config", str(path), *arguments]
    environment = {"PYTHONPATH": str(ROOT), "LC_ALL": "C", "PATH": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_notify_test_reaches_every_receiver(tmp_path: Path) -> None:
    with webhook_receiver() as hook, webhook_receiver() as webhook, running(tmp_path / "alertmanager", hook) as manager:
        path, _ = settings(tmp_path, manager.url, webhook)
        assert accueil(path, "notify", "test") == (0, "alertmanagers.local: accepted\nwebhooks.garde: accepted\n")
        ((_, body),) = webhook.taken
        assert body["type"] == "sla.test"
        wait_until(hook.firing, "the alert")


def test_notify_test_names_unreachable_receivers(tmp_path: Path) -> None:
    webhook = WebhookReceiver()
    path, _ = settings(tmp_path, "http://127.0.0.1:9", webhook)
    code, text = accueil(path, "notify", "test")
    assert code == 70
    assert [line.endswith("does not answer") for line in text.splitlines()] == [True, True]


def test_command_serves_health_and_locks_its_directory(tmp_path: Path) -> None:
    path, port = settings(tmp_path, "http://127.0.0.1:9", WebhookReceiver())

    def get(path: str) -> Any:
        try:
            return httpx.get(f"http://127.0.0.1:{port}{path}")
        except httpx.TransportError:
            return None

    with Child(["-m", "streams.cli.main", "--config", str(path), "notify"], tmp_path / "log") as child:
        child.start()
        wait_until(lambda: get("/healthz"), "an answer")
        assert get("/healthz").status_code == 200
        assert (get("/readyz").status_code, get("/readyz").text) == (503, "no_broker\n")
        failed = 'notify_failed_total{receiver="alertmanagers.local"}'
        wait_until(
            lambda: failed in (text := get("/metrics").text) and f"{failed} 0.0" not in text, "a failure counted"
        )
        assert 'notify_waiting{receiver="webhooks.garde"} 0.0' in get("/metrics").text
        assert find_undescribed(get("/metrics").text) == []
        path.write_text(path.read_text(encoding="utf-8").replace(str(port), str(free_port())), encoding="utf-8")
        code, text = accueil(path, "notify")
        assert code == 70
        assert "is in use by another accueil notify" in text
        assert child.stop() == 0
