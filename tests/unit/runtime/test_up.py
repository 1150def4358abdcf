"""`accueil up` end to end: real processes, a real Kafka, kills and a second start."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.sdk.ports import free_port
from models.topics import Channel
from tests.support import kafka_io
from tests.support.demo import start
from tests.support.processes import wait_until

pytestmark = pytest.mark.broker


def run(data: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "streams.cli.main", *arguments]
    environment = {**os.environ, "ACCUEIL_DATA": str(data), **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def refused(data: Path, port: int) -> str:
    """Return the error of a start that must be refused."""
    ports = {"ACCUEIL_WEB__PORT": str(port), "ACCUEIL_API__PORT": str(free_port())}
    done = run(data, "up", "--demo", **ports)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.timeout(600)
def test_demo_starts_recovers_stops_and_restarts(tmp_path: Path) -> None:
    port = free_port()
    with start(tmp_path, port) as up:
        ready = [line.split()[0] for line in up.lines if "✓" in line]
        assert set(ready) >= {"kafka", "topics", "systems", "worker", "web"}
        wait_until(lambda: up.offered() > 20, "new figures")
        wait_until(lambda: up.channels() >= {*Channel} - {Channel.FEEDBACK}, "figures of all channels")

        # Its Kafka requires the password, which is in no log and no argument; other commands find it.
        assert kafka_io.asks_for_login(up.brokers)
        assert run(tmp_path, "dead-letters", "list").returncode == 0
        assert up.password not in str([child.cmdline() for child in up.children().values()])
        assert not [log for log in (up.data / "logs").iterdir() if up.password in log.read_text()]

        # A second instance with the same data or the same port is refused.
        assert f"in use by another accueil up (pid {up.process.pid})" in refused(tmp_path, free_port())
        assert f"port {port} on 127.0.0.1 is not available (" in refused(tmp_path / "other", port)

        # A killed worker is restarted, and continues to count.
        first = up.children()["worker"]
        first.kill()
        wait_until(lambda: up.children().get("worker", first) != first, "the restart of the worker")
        offered = up.offered()
        wait_until(lambda: up.offered() > offered, "new figures after the restart")

        # Killed Kafka is restarted too.
        first = up.children()["java"]
        first.kill()
        wait_until(lambda: up.children().get("java") not in {None, first}, "the restart of Kafka")
        offered = up.offered()
        wait_until(lambda: up.offered() > offered, "new figures after the restart")

        children = up.children()
        assert set(children) == {"broker", "java", "worker", "connect", "web", "timeline", "api", "simulate"}
        offered = up.offered()
        up.process.send_signal(signal.SIGINT)
        rest = up.rest()
        assert "accueil: stopped" in rest
        assert "kafka      was killed: " in rest
        assert up.process.wait() == 0
        assert [name for name, child in children.items() if child.is_running()] == []
        assert not (up.data / "running.json").exists()

    with start(tmp_path, port) as up:
        wait_until(lambda: up.offered() >= offered, "the figures from before the restart")
        assert "up to date" in (up.data / "logs" / "topics.log").read_text()
        assert json.loads((up.data / "running.json").read_text())["url"] == f"{up.url}/"
        # Killing it ends all of its children.
        children = up.children()
        up.process.kill()
        wait_until(lambda: not any(child.is_running() for child in children.values()), "the end of all children")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            '[connectors.siege]\nconnector = "mailroom"\narchive = "archive"\n',
            "accueil.toml: connectors.siege.inbox is missing",
        ),
        ('sla = "sla.toml"\n', "sla.toml: policy #1.nom: is unknown"),
    ],
)
def test_wrong_setting_is_reported_before_any_process_starts(tmp_path: Path, text: str, mistake: str) -> None:
    config = tmp_path / "accueil.toml"
    config.write_text(text)
    (tmp_path / "sla.toml").write_text('[[policy]]\nnom = "courrier"\n')
    command = [sys.executable, "-m", "streams.cli.main", "--config", str(config), "up"]
    environment = {**os.environ, "ACCUEIL_DATA": str(tmp_path / "data"), "LC_ALL": "C"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{tmp_path}/{mistake}\n" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "data").exists()
