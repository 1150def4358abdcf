"""`accueil recompute` and `accueil explain` on a real Kafka with a running worker."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from models.events import CallQueued, CallQueuedData
from models.ids import contact_id, event_id
from models.timestamps import milliseconds
from models.topics import FIGURES, SOURCES, Channel
from streams.agents import codecs
from streams.cli.main import main
from streams.core.figures.figure import PROGRESS_KEY, Progress, decode_figure, encode_figure
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.kafka.embedded_broker import EmbeddedKafka
from tests.support import kafka_io
from tests.support.accueil_processes import PARTITIONS
from tests.support.processes import wait_until
from tests.support.sla_chain import SOURCE, SlaChain

pytestmark = pytest.mark.broker
CALLS, ANSWERED = 40, 15


def ask(kafka: EmbeddedKafka, directory: Path, *arguments: str) -> Result:
    environment = {
        "LC_ALL": "C",
        "ACCUEIL_BROKERS": kafka.bootstrap,
        "ACCUEIL_DATA": str(directory / "data"),
        "ACCUEIL_SLA": str(directory / "sla.toml"),
        "ACCUEIL_WORKER__GRACE_SECONDS": "0",  # as in `tests.support.sla_chain`
    }
    return CliRunner().invoke(main, arguments, env=environment)


def rows(kafka: EmbeddedKafka) -> dict[tuple[int, bytes], bytes]:
    messages = kafka_io.read(kafka.bootstrap, FIGURES.name)
    return {(one.partition() or 0, one.key() or b""): one.value() or b"" for one in messages}


def refuse_one(kafka: EmbeddedKafka) -> None:
    """Publish an event that the worker must reject, since it has dropped newer rows of the same source."""
    gone, now = "asterisk/gone", datetime.now(UTC)
    dropped = codecs.PROGRESS.dump(Progress(step_at=0, dropped={gone: milliseconds(now)}))
    queued = CallQueued(
        id=event_id(gone, "1"),
        source=gone,
        subject=contact_id(Channel.CALL, gone, "1"),
        time=now - timedelta(days=1),
        data=CallQueuedData(queue="accueil"),
    )
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random"})
    for partition in range(PARTITIONS):
        producer.produce(FIGURES.name, dropped, PROGRESS_KEY, partition)
    producer.produce(SOURCES[Channel.CALL].name, key=queued.subject.encode(), value=queued.model_dump_json().encode())
    assert producer.flush(60) == 0


def test_recompute_agrees_with_the_worker_and_names_each_difference(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    chain = SlaChain(own_kafka, tmp_path)
    nothing = ask(own_kafka, tmp_path, "recompute")
    assert (nothing.exit_code, nothing.stderr) == (2, "accueil: no worker has written figures yet\n")
    refuse_one(own_kafka)
    with chain.child("worker", "worker").start() as worker:
        chain.call(CALLS)
        for nth in range(ANSWERED):
            chain.answer(nth)

        def count(name: str) -> int:
            index = QUEUE_SCHEMA.index[name]
            return sum(
                decode_figure(value).counts[index]
                for (_, key), value in rows(own_kafka).items()
                if key.startswith(b'["total","call"')
            )

        wait_until(lambda: (count("offered"), count("answered")) == (CALLS, ANSWERED), "all to be counted")
        right = ask(own_kafka, tmp_path, "recompute")  # while the worker runs
        assert right.exit_code == 0, right.output
        assert "no number differs" in right.stdout
        assert f"{CALLS + ANSWERED} events give" in right.stdout
        assert worker.stop() == 0
    check_explained(own_kafka, tmp_path)
    check_promises_changed(own_kafka, tmp_path)

    place, timestamp = next(
        ((one.partition() or 0, one.key() or b""), one.timestamp()[1])
        for one in kafka_io.read(own_kafka.bootstrap, FIGURES.name)
        if (one.key() or b"").startswith(b'["total","call"')
    )
    wrong = decode_figure(rows(own_kafka)[place])
    wrong.counts[0] += 1
    producer = Producer({"bootstrap.servers": own_kafka.bootstrap})
    producer.produce(FIGURES.name, encode_figure(wrong), place[1], place[0], timestamp=timestamp)
    assert producer.flush(60) == 0
    result = ask(own_kafka, tmp_path, "recompute", "--json")
    assert result.exit_code == 1, result.output
    [found] = [json.loads(line) for line in result.stdout.splitlines()]
    _, channel, site, service, queue = json.loads(place[1])
    where = {"day": None, "channel": channel, "site": site, "service": service, "queue": queue}
    assert found == {**where, "name": "offered", "known": found["again"] + 1, "again": found["again"]}
    assert "numbers that differ: 1" in ask(own_kafka, tmp_path, "recompute").stdout


def check_promises_changed(kafka: EmbeddedKafka, directory: Path) -> None:
    file = directory / "sla.toml"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace("target = 2,", "target = 3600,"), encoding="utf-8")
    result = ask(kafka, directory, "recompute")
    assert result.exit_code == 0, result.output
    assert "no number differs" in result.stdout
    assert "SLA figures not compared, though they differ: " in result.stdout
    [judged] = re.findall(
        r"judged (\d+) contacts by others than those in force \(sla\.toml\), the last one at 20", result.stdout
    )
    assert CALLS - ANSWERED <= int(judged) <= CALLS  # calls answered in time meet both targets
    file.write_text(before, encoding="utf-8")
    started_at = datetime.now(UTC).replace(microsecond=0)
    same = ask(kafka, directory, "recompute")
    assert (same.exit_code, "not compared" in same.stdout) == (0, False), same.output
    [as_of] = re.findall(r"^as of (\S+ \S+): ", same.stdout, re.MULTILINE)
    assert datetime.fromisoformat(as_of) >= started_at, "all events up to now are compared"


def test_unexpired_old_call_of_a_new_worker_is_no_difference(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    chain = SlaChain(own_kafka, tmp_path)
    queued = CallQueued(
        id=event_id(SOURCE, "yesterday"),
        source=SOURCE,
        subject=contact_id(Channel.CALL, SOURCE, "yesterday"),
        time=datetime.now(UTC) - timedelta(days=1),
        data=CallQueuedData(queue="accueil"),
    )
    producer = Producer({"bootstrap.servers": own_kafka.bootstrap, "partitioner": "murmur2_random"})
    producer.produce(SOURCES[Channel.CALL].name, key=queued.subject.encode(), value=queued.model_dump_json().encode())
    assert producer.flush(60) == 0
    with chain.child("worker", "worker").start() as worker:
        wait_until(lambda: any(key.startswith(b'["total","call"') for _, key in rows(own_kafka)), "it to be counted")
        result = ask(own_kafka, tmp_path, "recompute")
        assert result.exit_code == 0, result.output
        assert "no number differs" in result.stdout
        assert "numbers not compared, which differ only by timeouts" in result.stderr
        assert worker.stop() == 0


def check_explained(kafka: EmbeddedKafka, directory: Path) -> None:
    result = ask(kafka, directory, "explain", "answered", "--channel", "call", "--events", "--json")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len({one["contact"] for one in lines}) == len(lines) == ANSWERED
    assert {tuple(event["type"] for event in one["events"]) for one in lines} == {("call.queued", "call.answered")}
    level = ask(kafka, directory, "explain", "service_level", "--formula", "offered_share", "--limit", "2")
    first, formula, *table = level.stdout.splitlines()
    assert first.startswith("service_level, call, ")
    assert f"/ {ANSWERED} = " in first
    assert formula.startswith("  (answered ≤ 20 s) / (answered + abandoned + left_timeout")
    assert len(table) == 1 + 2 + 1
    assert table[-1] == f"… and {ANSWERED - 2} more (--limit)"
    wrong = ask(kafka, directory, "explain", "anwsered")
    assert (wrong.exit_code, "did you mean answered?" in wrong.stderr) == (2, True), wrong.output
    assert "breached" in ask(kafka, directory, "explain", "--list").stdout.splitlines()
