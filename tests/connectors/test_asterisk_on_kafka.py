"""Asterisk connector with a real Kafka: kills, log rotations and a killed broker; no personal data leaves."""

import json
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import pytest

from connectors.asterisk.call_history import CallHistory
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.mapping import QueueLogMapping
from connectors.asterisk.queue_log import LogLine
from connectors.asterisk.simulate import configuration, simulate_day
from connectors.sdk.keys import load_key
from connectors.sdk.testing import take_part
from models.codec import decode
from models.topics import SOURCES, Channel
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from tests.support.kafka_io import read
from tests.support.phone_leaks import found, keep_numbers
from tests.support.processes import Child, wait_until

pytestmark = pytest.mark.broker

TOPIC = SOURCES[Channel.CALL].name


@pytest.fixture
def broker(own_kafka: EmbeddedKafka) -> EmbeddedKafka:
    apply_specs(own_kafka.bootstrap, [TopicSpec(TOPIC, 4)])
    return own_kafka


@pytest.fixture
def day(tmp_path: Path) -> list[bytes]:
    simulate_day(tmp_path / "day", day=date(2026, 3, 16), seed=5, calls=1_500)
    return (tmp_path / "day").read_bytes().splitlines(keepends=True)


@pytest.fixture
def connector(broker: EmbeddedKafka, tmp_path: Path) -> Iterator[Child]:
    (tmp_path / "log").mkdir()
    options = tmp_path / "options.json"
    options.write_text(json.dumps(configuration(tmp_path / "log" / "queue_log")))
    arguments = ["asterisk/siege", str(options), str(tmp_path / "data"), broker.bootstrap]
    with Child(["-m", "tests.support.run_connector", *arguments], tmp_path / "connector.log") as child:
        yield child


def expected(lines: list[bytes], directory: Path) -> list[str]:
    """Return the event ids of `lines` in order."""
    key = load_key(directory / "data" / "keys", "demonstration")
    mapping = QueueLogMapping("asterisk/siege", AsteriskConfig(**configuration(Path("log"))), key, CallHistory())
    ids = []
    for line in lines:
        ids += [event.id for event in mapping.map(LogLine(line.rstrip(b"\n"), datetime.now(UTC)))]
    return ids


def test_no_event_is_lost_despite_kills_rotations_and_a_killed_broker(
    broker: EmbeddedKafka, day: list[bytes], connector: Child, tmp_path: Path
) -> None:
    log = tmp_path / "log" / "queue_log"
    random = Random(9)
    starts = 1
    log.touch()
    connector.start().wait_for("connector_takes_in")
    parts = 30
    for part in range(parts):
        with log.open("ab") as file:
            file.writelines(take_part(day, part, parts))
        if part % 10 == 9:
            log.rename(log.with_name(f"queue_log.{part}"))
        if part % 6 == 5:
            connector.kill()
            connector.wait()
            starts += 1
            connector.start().wait_for("connector_started", starts)
        if part == 15:
            broker.stop(signal.SIGKILL)
        if part == 18:
            broker.start()
        time.sleep(random.random() / 4)  # so that kills and rotations interrupt any operation
    ids = expected(day, tmp_path)
    wait_until(lambda: len({*published_ids(broker)}) == len(ids), "all events")
    assert connector.stop() == 0
    assert connector.exits == [-signal.SIGKILL] * 5 + [0]
    assert set(published_ids(broker)) == set(ids)
    assert not list((tmp_path / "data" / "asterisk" / "siege" / "spool").iterdir())

    ranks = {event_id: rank for rank, event_id in enumerate(ids)}
    by_key: dict[bytes, dict[str, None]] = {}
    for message in read(broker.bootstrap, TOPIC):
        by_key.setdefault(message.key(), {})[decode(message.value()).id] = None
    for first_copies in by_key.values():
        order = [ranks[event_id] for event_id in first_copies]
        assert order == sorted(order)


def published_ids(broker: EmbeddedKafka) -> list[str]:
    return [decode(message.value()).id for message in read(broker.bootstrap, TOPIC)]


def test_topic_spool_cursor_and_log_contain_no_personal_data(
    broker: EmbeddedKafka, day: list[bytes], connector: Child, tmp_path: Path
) -> None:
    log = tmp_path / "log" / "queue_log"
    numbers = {line.split(b"|")[6] for line in day if b"|ENTERQUEUE|" in line} - {b""}
    agents = {line.split(b"|")[3] for line in day} - {b"NONE"}
    dialled = {line.split(b"|")[5].strip() for line in day if b"|DID|" in line}
    broker.stop()
    log.write_bytes(b"".join(day[:300]) + b"0639985511 is no line\n")
    connector.start()
    connector.wait_for("connector_takes_in")
    spool = tmp_path / "data" / "asterisk" / "siege" / "spool"
    wait_until(lambda: any(path.stat().st_size for path in spool.iterdir()), "a spool")
    shutil.copytree(spool, tmp_path / "spool-copy")
    broker.start()
    with log.open("ab") as file:
        file.writelines(day[300:])
    ids = set(expected(day, tmp_path))
    wait_until(lambda: set(published_ids(broker)) == ids, "all events")
    connector.stop()
    outside = b"".join(
        [
            *(message.key() + message.value() for message in read(broker.bootstrap, TOPIC)),
            *(path.read_bytes() for path in (tmp_path / "spool-copy").iterdir()),
            *(path.read_bytes() for path in (tmp_path / "data" / "asterisk" / "siege").glob("cursor-*")),
            connector.log.read_bytes(),
        ]
    )
    numbers_outside = keep_numbers(outside)
    for number in numbers | dialled | {b"0639985511"}:
        assert found(number.decode(), numbers_outside) == []
    assert not [agent for agent in agents if agent in outside]
    rejects = tmp_path / "data" / "asterisk" / "siege" / "rejects.jsonl"
    assert b"0639985511 is no line" in rejects.read_bytes()
    assert rejects.stat().st_mode & 0o077 == 0
