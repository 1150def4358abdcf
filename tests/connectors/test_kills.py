"""Kill a connector before each of its disk operations: no event is lost, and their order is preserved."""

import os
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import connectors.sdk.tail
from connectors.asterisk import CONNECTOR
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.simulate import configuration, simulate_day
from connectors.sdk.contract import Context
from connectors.sdk.cursor import Cursor
from connectors.sdk.files import make_private_directory
from connectors.sdk.flow import Flow
from connectors.sdk.keys import Keys, load_key
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.rejects import Rejects
from connectors.sdk.spool import Spool
from tests.support.kills import kill_at_every_disk_operation
from tests.support.topic_file import Topic, ids_in


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(connectors.sdk.tail, "CHUNK_BYTES", 4096)
    path = tmp_path / "queue_log"
    simulate_day(path, day=date(2026, 3, 16), seed=11, calls=40)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[40:40] = [b"bad line %d\n" % n for n in range(5)]
    path.write_bytes(b"".join(lines))
    return path


def connect(log: Path, keys: Path, directory: Path) -> None:
    make_private_directory(directory)
    context = Context("asterisk/essai", directory, Cursor(directory), Keys(keys, directory).pseudonym_key)
    meter = Meter(Metrics(CollectorRegistry()), "asterisk/essai")
    with (
        closing(Rejects(directory)) as rejects,
        closing(Topic(directory / "topic")) as topic,
        closing(CONNECTOR.open(AsteriskConfig(**configuration(log)), context)) as source,
    ):
        source.checkpoint_seconds = 0.0
        flow = Flow(source, topic, rejects, meter)
        for _ in range(log.stat().st_size // 2048 + 3):
            flow.step()
        flow.drain(5)


def test_connector_loses_no_record(log: Path, tmp_path: Path) -> None:
    load_key(tmp_path / "keys", "demonstration")
    directories = kill_at_every_disk_operation(partial(connect, log, tmp_path / "keys"), tmp_path / "runs")
    published = [ids_in(directory / "topic") for directory in directories]
    assert len(published[-1]) == len(set(published[-1])) > 200
    assert all(list(dict.fromkeys(ids)) == published[-1] for ids in published)
    assert sum(len(ids) > len(published[-1]) for ids in published) > 3, "no event was repeated, so this shows nothing"
    for directory in directories:
        rejects = (directory / "rejects.jsonl").read_text()
        assert all(f"bad line {n}" in rejects for n in range(5))


def spool_and_drain(directory: Path) -> None:
    """Append 40 numbers to a spool, with a cursor, and drain the spool to a topic file after every third batch."""
    make_private_directory(directory)
    cursor, spool = Cursor(directory), Spool(directory / "spool", segment_bytes=40)
    topic = (directory / "topic").open("a")

    def drain() -> None:
        while True:
            payloads, position = spool.read(4)
            if not payloads:
                return
            topic.writelines(f"{payload.decode()}\n" for payload in payloads)
            topic.flush()
            os.fsync(topic.fileno())
            spool.drop(position)

    for first in range(int(cursor.load() or 0), 40, 5):
        spool.append([str(number).encode() for number in range(first, first + 5)])
        cursor.save(str(first + 5).encode())
        if first % 15 == 0:
            drain()
    drain()


def test_spool_loses_no_record(tmp_path: Path) -> None:
    directories = kill_at_every_disk_operation(spool_and_drain, tmp_path / "runs")
    numbers = [str(number) for number in range(40)]
    published = [(directory / "topic").read_text().split() for directory in directories]
    assert published[-1] == numbers
    assert all(list(dict.fromkeys(found)) == numbers for found in published)
    assert sum(found != numbers for found in published) > 3, "no record was repeated, so this shows nothing"
    assert not [path for directory in directories for path in (directory / "spool").iterdir()]


def test_first_start_creates_one_key(tmp_path: Path) -> None:
    def start(directory: Path) -> None:
        make_private_directory(directory)
        secret = Keys(directory / "keys", directory).pseudonym_key("social").secret
        with (directory / "used").open("a") as used:
            used.write(f"{secret.hex()}\n")

    for directory in kill_at_every_disk_operation(start, tmp_path / "runs"):
        assert len(set((directory / "used").read_text().split())) == 1
