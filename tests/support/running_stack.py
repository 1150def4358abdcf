"""Worker, timeline agent and commands on a real broker and database, with access to their data."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Self

import httpx
import psycopg
from confluent_kafka import Message
from sqlalchemy import create_engine, text

from connectors.sdk.ports import free_port
from models import topics
from models.events import Event
from streams.core.figures.figure import decode_figure, parse_key
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.topic_catalogue import COMPACTED
from streams.timeline.store import Timeline
from tests.support import contacts_oracle as oracle
from tests.support import kafka_io
from tests.support.postgres import Postgres
from tests.support.processes import ROOT, Child, wait_until

PAGES: Final = ("/healthz", "/readyz", "/metrics", "/", "/api/board", "/openapi.json")
"""Paths that a client without a token may read from some process."""


class RunningStack:
    """Worker and timeline agent as child processes, and the `accueil` commands."""

    postgres: Postgres

    def __init__(self, kafka: EmbeddedKafka, directory: Path, url: str = "", **environment: str) -> None:
        specs = [
            TopicSpec(t.name, 2, config=t.config | (COMPACTED if t.compacted else {})) for t in topics.TOPIC_CATALOGUE
        ]
        apply_specs(kafka.bootstrap, specs)
        self.bootstrap, self.data = kafka.bootstrap, directory / "data"
        self.url = url or f"sqlite:///{self.data / 'timeline.db'}"
        self.environment = {
            "ACCUEIL_BROKERS": kafka.bootstrap,
            "ACCUEIL_DATA": str(self.data),
            "ACCUEIL_LOG__FORMAT": "json",
            "ACCUEIL_WORKER__SESSION_TIMEOUT_SECONDS": "3",
            "ACCUEIL_TIMELINE__URL": url,
            "LC_ALL": "C",
            **environment,
        }
        self.directory = directory
        self.worker, self.timeline = self.child("worker"), self.child("timeline")

    def child(self, name: str, **environment: str) -> Child:
        """Return a process of this command, not yet started."""
        log = self.directory / f"{name}.log"
        return Child(["-m", "streams.cli.main", name], log, **self.environment, **environment)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli.main", *arguments],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def tell(self, events: list[Event]) -> None:
        records = list(oracle.records(events))
        assert len(kafka_io.produce(self.bootstrap, records)) == len(records)

    def drain(self) -> None:
        """Wait until all produced events are in the figures and in the database."""
        wait_until(lambda: oracle.is_done(self.bootstrap), "the figures of all events")
        wait_until(self._is_written, "the timeline of all events")

    def _is_written(self) -> bool:
        ends = {(m.topic(), m.partition()): m.offset() + 1 for m in kafka_io.read(self.bootstrap, topics.TIMELINE.name)}
        state = kafka_io.latest(kafka_io.read(self.bootstrap, topics.TIMELINE_STATE.name))
        stored = {
            (topic, partition): offset
            for (partition, key), value in state.items()
            if key == b"\x00offsets"
            for topic, offset in json.loads(value).items()
        }
        return all(stored.get(partition, 0) >= end for partition, end in ends.items())

    def owners(self) -> dict[str, str]:
        engine = create_engine(self.url)
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT contact, owner FROM entries")).all()
        engine.dispose()
        return dict([*rows])

    def figures(self) -> dict[Any, Any]:
        """Return counts, stocks and oldest waiting time of all figures, without their times of update."""
        found = {}
        for (partition, key), value in kafka_io.latest(kafka_io.read(self.bootstrap, topics.FIGURES.name)).items():
            _, start, dimensions = parse_key(key)
            if dimensions is not None:
                figure = decode_figure(value, FIGURE_SCHEMAS[dimensions.channel])
                found[partition, start, dimensions] = figure.counts, figure.stocks, figure.oldest_waiting_at
        return found

    def state(self) -> bytes:
        """Return the contact rows that compaction leaves, as bytes."""
        rows = kafka_io.latest(kafka_io.read(self.bootstrap, topics.CONTACTS.name))
        return b"\n".join(key + value for (_, key), value in rows.items())

    def content_of_database(self) -> bytes:
        """Vacuum and stop the database, and return the bytes of its files, which must not hold deleted data."""
        opened = Timeline(self.url)
        opened.vacuum()
        opened.close()
        if self.url.startswith("sqlite"):
            files = [*self.data.glob("timeline.db*")]
        else:
            with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
                for _ in range(2):  # the second checkpoint removes the older write-ahead log
                    connection.execute("SELECT pg_switch_wal()")
                    connection.execute("CHECKPOINT")
            self.postgres.stop()
            files = [path for path in self.postgres.directory.rglob("*") if path.is_file()]
        return b"".join(path.read_bytes() for path in files)


class RunningOffice(RunningStack):
    """Several processes of an installation, with the settings of a file, debug logs and their HTTP ports."""

    def __init__(
        self, kafka: EmbeddedKafka, directory: Path, settings: Path, names: Iterable[str], **environment: str
    ) -> None:
        debug = {"ACCUEIL_CONFIG": str(settings), "ACCUEIL_LOG__LEVEL": "debug"}
        super().__init__(kafka, directory, **debug, **environment)
        self.ports = {name: free_port() for name in names}
        for name, port in self.ports.items():
            setting = "PORT" if name in {"web", "api"} else "HEALTH_PORT"
            self.environment[f"ACCUEIL_{name.upper()}__{setting}"] = str(port)
        self.children = {name: self.child(name) for name in self.ports}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.children.values():
            if child.alive:
                child.kill()
                child.wait()

    def get(self, name: str, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=60)

    def is_up(self, name: str, path: str = "/readyz") -> bool:
        try:
            return self.get(name, path).status_code == 200
        except httpx.TransportError:
            return False

    def answers(self) -> bytes:
        """Return all HTTP answers of the processes to requests without a token."""
        found = []
        for name in self.ports:
            wait_until(lambda name=name: self.is_up(name, "/healthz"), name)  # type: ignore[misc]
            found += [self.get(name, path).content for path in PAGES]
        return b"\n".join(found)


def content_of(messages: Iterable[Message]) -> bytes:
    """Return keys, values and headers of Kafka's messages."""
    return b"\n".join(
        b"\n".join(
            (
                one.key() or b"",
                one.value() or b"",
                *(f"{name}={value!r}".encode() for name, value in one.headers() or ()),
            )
        )
        for one in messages
    )
