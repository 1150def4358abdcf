"""Start `accueil up --demo` in a process."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from connectors.sdk.ports import free_port
from models import topics
from streams.core.figures.figure import parse_key
from streams.kafka.broker_login import PASSWORD_FILE
from tests.support import kafka_io


class Up:
    """Running `accueil up --demo` that has reported to be ready."""

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
        """Return the child processes by their program."""
        found = {}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):  # the process has just ended
                command = child.cmdline()
                if "streams.cli.main" in command:
                    found[command[command.index("streams.cli.main") + 1]] = child
                elif (
                    "kafka.Kafka" in command
                ):  # others are short-lived: barcode workers, the formatting of Kafka's storage
                    found["java"] = child
        return found

    def offered(self) -> float:
        """Return the metric of offered calls over all queues."""
        text = httpx.get(f"{self.url}/metrics").text
        metric = r'^contact_service_level_denominator_total\{.*formula="offered_share".*\} (\S+)$'
        return sum(float(value) for value in re.findall(metric, text, re.MULTILINE))

    def metrics_addresses(self) -> dict[str, str]:
        """Return the metrics address (`host:port`) of each process by name."""
        found = (re.fullmatch(r"  (\w+) +http://(\S+)/metrics", line) for line in self.lines)
        return {match[1]: match[2] for match in found if match}

    @property
    def brokers(self) -> str:
        brokers: str = json.loads((self.data / "running.json").read_text())["brokers"]
        return brokers

    @property
    def password(self) -> str:
        return (self.data / PASSWORD_FILE).read_text().strip()

    def channels(self) -> set[str]:
        messages = kafka_io.read(self.brokers, topics.FIGURES.name, **kafka_io.login(self.password))
        keys = (parse_key(message.key()) for message in messages)
        return {place.channel for _, _, place in keys if place}

    def rest(self) -> str:
        """Wait for the end, and return the remaining output."""
        assert self.process.stdout
        return self.process.stdout.read()


@contextmanager
def start(data: Path, port: int, **settings: str) -> Iterator[Up]:
    """Run the demo with lively calls, and a history of today and the whole day before; `settings` are environment variables."""
    environment = {
        **os.environ,
        "ACCUEIL_DATA": str(data),
        "ACCUEIL_WEB__PORT": str(port),
        "ACCUEIL_API__PORT": str(free_port()),
        "ACCUEIL_DEMO__CALLS_PER_HOUR": "1000",
        "ACCUEIL_DEMO__CONTACTS_PER_YEAR": "200000",
        "ACCUEIL_DEMO__HISTORY_DAYS": "2",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }
    command = [sys.executable, "-m", "streams.cli.main", "up", "--demo"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield Up(process, data, port)
        finally:
            if process.poll() is None:
                process.kill()  # takes its children with it
