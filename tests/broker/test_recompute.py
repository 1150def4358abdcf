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
from models.sla import decode_sla
from models.timestamps import milliseconds
from models.topics import FIGURES, SLA, SOURCES, Channel
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


def run(kafka: EmbeddedKafka, directory: Path, *arguments: str) -> Result:
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
    return {(message.partition() or 0, message.key() or b""): message.value() or b"" for message in messages}


def breaches(kafka: EmbeddedKafka) -> int:
    events = [decode_sla(message.value() or b"") for message in kafka_io.read(kafka.bootstrap, SLA.name)]
    return sum(event.type == "sla.breached" for event in events)


def publish_duplicate(kafka: EmbeddedKafka) -> None:
    """Publish an event that the worker must reject, since it has dropped newer rows of the same source."""
    source, now = "asterisk/former", datetime.now(UTC)
    dropped = codecs.PROGRESS.dump(Progress(step_at=0, dropped={source: milliseconds(now)}))
    queued = CallQueued(
        id=event_id(source, "1"),
        source=source,
        subject=contact_id(Channel.CALL, source, "1"),
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
    nothing = run(own_kafka, tmp_path, "recompute")
    assert (nothing.exit_code, nothing.stderr) == (2, "accueil: no worker has written figures yet\n")
    publish_duplicate(own_kafka)
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
        right = run(own_kafka, tmp_path, "recompute")  # while the worker runs
        assert right.exit_code == 0, right.output
        assert "no number differs" in right.stdout
        assert f"{CALLS + ANSWERED} events give" in right.stdout
        wait_until(
            lambda: breaches(own_kafka) >= CALLS - ANSWERED, "the deadlines that `check_changed_sla_targets` needs"
        )
        assert worker.stop() == 0
    check_explain(own_kafka, tmp_path)
    check_changed_sla_targets(own_kafka, tmp_path)

    partition, key, timestamp = next(
        (message.partition() or 0, message.key() or b"", message.timestamp()[1])
        for message in kafka_io.read(own_kafka.bootstrap, FIGURES.name)
        if (message.key() or b"").startswith(b'["total","call"')
    )
    wrong = decode_figure(rows(own_kafka)[partition, key])
    wrong.counts[0] += 1
    producer = Producer({"bootstrap.servers": own_kafka.bootstrap})
    producer.produce(FIGURES.name, encode_figure(wrong), key, partition, timestamp=timestamp)
    assert producer.flush(60) == 0
    result = run(own_kafka, tmp_path, "recompute", "--json")
    assert result.exit_code == 1, result.output
    [found] = [json.loads(line) for line in result.stdout.splitlines()]
    _, channel, site, service, queue = json.loads(key)
    where = {"day": None, "channel": channel, "site": site, "service": service, "queue": queue}
    assert found == {**where, "name": "offered", "known": found["again"] + 1, "again": found["again"]}
    assert "numbers that differ: 1" in run(own_kafka, tmp_path, "recompute").stdout


def check_changed_sla_targets(kafka: EmbeddedKafka, directory: Path) -> None:
    file = directory / "sla.toml"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace("target = 2,", "target = 3600,"), encoding="utf-8")
    result = run(kafka, directory, "recompute")
    assert result.exit_code == 0, result.output
    assert "no number differs" in result.stdout
    assert "SLA figures not compared, though they differ: " in result.stdout
    [judged] = re.findall(
        r"judged (\d+) contacts by others than those in force \(sla\.toml\), the last one at 20", result.stdout
    )
    assert CALLS - ANSWERED <= int(judged) <= CALLS  # calls answered in time meet both targets
    file.write_text(before, encoding="utf-8")
    started_at = datetime.now(UTC).replace(microsecond=0)
    same = run(kafka, directory, "recompute")
    assert (same.exit_code, "not compared" in same.stdout) == (0, False), same.output
    [as_of] = re.findall(r"^as of (\S+ \S+): ", same.stdout, re.MULTILINE)
    assert datetime.fromisoformat(as_of) >= started_at, "all events up to now are compared"


def test_old_call_that_a_new_worker_has_not_expired_yet_is_no_difference(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
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
        result = run(own_kafka, tmp_path, "recompute")
        assert result.exit_code == 0, result.output
        assert "no number differs" in result.stdout
        assert "numbers not compared, which differ only by timeouts" in result.stderr
        assert worker.stop() == 0


def check_explain(kafka: EmbeddedKafka, directory: Path) -> None:
    since = "--since", "1d"  # today may have begun after the calls
    result = run(kafka, directory, "explain", "answered", *since, "--channel", "call", "--events", "--json")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len({line["contact"] for line in lines}) == len(lines) == ANSWERED
    assert {tuple(event["type"] for event in line["events"]) for line in lines} == {("call.queued", "call.answered")}
    level = run(kafka, directory, "explain", "service_level", *since, "--formula", "offered_share", "--limit", "2")
    first, formula, *table = level.stdout.splitlines()
    assert first.startswith("service_level, call, ")
    assert f"/ {ANSWERED} = " in first
    assert formula.startswith("  (answered ≤ 20 s) / (answered + abandoned + left_timeout")
    assert len(table) == 1 + 2 + 1
    assert table[-1] == f"… and {ANSWERED - 2} more (--limit)"
    wrong = run(kafka, directory, "explain", "anwsered")
    assert (wrong.exit_code, "did you mean answered?" in wrong.stderr) == (2, True), wrong.output
    assert "breached" in {line.split()[0] for line in run(kafka, directory, "explain").stdout.splitlines()}
