"""`accueil up` as a person uses it: the real tree, a real Kafka, a real second start."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from models import topics
from models.topics import Channel
from streams.core.figures import parse_key
from streams.engine.broker import free_port
from tests.support import kafka_io
from tests.support.processes import wait_until

pytestmark = pytest.mark.broker


class Up:
    """One `accueil up --demo`, from the moment it says that it is ready."""

    def __init__(self, process: "subprocess.Popen[str]", data: Path, port: int) -> None:
        self.process = process
        self.data = data / "demo"
        self.url = f"http://127.0.0.1:{port}"
        assert process.stdout
        self.lines = []
        for line in process.stdout:
            self.lines.append(line.rstrip())
            if f"{self.url}/ (Ctrl-C" in line:
                break
        else:
            raise AssertionError("\n".join(self.lines))

    def children(self) -> dict[str, psutil.Process]:
        """Process by what it runs."""
        found = {}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):  # it has just ended
                command = child.cmdline()
                found[command[command.index("streams.cli") + 1] if "streams.cli" in command else "java"] = child
        return found

    def offered(self) -> float:
        """Calls offered, all queues, as Prometheus sees them."""
        text = httpx.get(f"{self.url}/metrics").text
        metric = r'^contact_service_level_denominator_total\{.*formula="offered_share".*\} (\S+)$'
        return sum(float(value) for value in re.findall(metric, text, re.MULTILINE))

    def channels(self) -> set[str]:
        """Channels that have figures."""
        brokers = json.loads((self.data / "running.json").read_text())["brokers"]
        keys = (parse_key(message.key()) for message in kafka_io.read(brokers, topics.FIGURES.name))
        return {place.channel for _, _, place in keys if place}

    def rest(self) -> str:
        """Wait for the end, and return what was still said."""
        assert self.process.stdout
        return self.process.stdout.read()


@contextmanager
def start(data: Path, port: int) -> Iterator[Up]:
    environment = {
        **os.environ,
        "ACCUEIL_DATA": str(data),
        "ACCUEIL_WEB__PORT": str(port),
        "ACCUEIL_API__PORT": str(free_port()),
        # Lively from the first second, without a past.
        "ACCUEIL_DEMO__SPEED": "20",
        "ACCUEIL_DEMO__CALLS_PER_HOUR": "500",
        "ACCUEIL_DEMO__CONTACTS_PER_YEAR": "2000000",
        "ACCUEIL_DEMO__HISTORY_DAYS": "0",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "streams.cli", "up", "--demo"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield Up(process, data, port)
        finally:
            if process.poll() is None:
                process.kill()  # takes its children with it


def refused(data: Path, port: int) -> str:
    """What a start says that must be refused."""
    ports = {"ACCUEIL_WEB__PORT": str(port), "ACCUEIL_API__PORT": str(free_port())}
    environment = {**os.environ, "ACCUEIL_DATA": str(data), **ports}
    command = [sys.executable, "-m", "streams.cli", "up", "--demo"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.timeout(300)
def test_one_command_from_start_to_stop_and_on(tmp_path: Path) -> None:
    port = free_port()
    with start(tmp_path, port) as up:
        ready = [line.split()[0] for line in up.lines if "✓" in line]
        assert set(ready) >= {"kafka", "topics", "systems", "worker", "web"}
        wait_until(lambda: up.offered() > 20, "figures that move")
        wait_until(lambda: up.channels() >= {*Channel} - {Channel.FEEDBACK}, "figures of all channels")

        # A second one on the same data, or on the same port, is refused.
        assert f"in use by another accueil up (pid {up.process.pid})" in refused(tmp_path, free_port())
        assert f"port {port} on 127.0.0.1 cannot be had (" in refused(tmp_path / "other", port)

        # A part that is killed comes back, and figures go on.
        first = up.children()["worker"]
        first.kill()
        wait_until(lambda: up.children().get("worker", first) != first, "the worker's next life")
        offered = up.offered()
        wait_until(lambda: up.offered() > offered, "figures that move again")

        # So does Kafka itself.
        first = up.children()["java"]
        first.kill()
        wait_until(lambda: up.children().get("java") not in {None, first}, "Kafka's next life")
        offered = up.offered()
        wait_until(lambda: up.offered() > offered, "figures that move again")

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
        wait_until(lambda: up.offered() >= offered, "the figures of before")
        assert "as they must be" in (up.data / "logs" / "topics.log").read_text()
        assert json.loads((up.data / "running.json").read_text())["url"] == f"{up.url}/"
        # Killed, it takes all of its parts with it.
        children = up.children()
        up.process.kill()
        wait_until(lambda: not any(child.is_running() for child in children.values()), "the end of all parts")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            '[connectors.siege]\nconnector = "mailroom"\narchive = "archive"\n',
            "accueil.toml: connectors.siege.inbox is missing",
        ),
        ('sla = "sla.toml"\n', "sla.toml:2: policy.0.nom: is unknown"),
    ],
)
def test_wrong_setting_of_a_part_is_told_before_anything_starts(tmp_path: Path, text: str, mistake: str) -> None:
    config = tmp_path / "accueil.toml"
    config.write_text(text)
    (tmp_path / "sla.toml").write_text('[[policy]]\nnom = "courrier"\n')
    command = [sys.executable, "-m", "streams.cli", "--config", str(config), "up"]
    environment = {**os.environ, "ACCUEIL_DATA": str(tmp_path / "data"), "LC_ALL": "C"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{tmp_path}/{mistake}\n" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "data").exists()
