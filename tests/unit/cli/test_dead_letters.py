"""`accueil dead-letters` on a real Kafka: list, show without content, replay byte for byte."""

import json
import os
import time
from uuid import uuid4

import click
import pytest
from click.testing import Result
from confluent_kafka import Message, Producer

from models.topics import DEAD_LETTERS
from streams.cli.dead_letters import group
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.recovery.dead_letters import DeadLetter, Filter, read, replay
from tests.support import kafka_io
from tests.support.commands import run

pytestmark = pytest.mark.broker

VALUE = b'{"caller": "06 39 98 12 34"'  # cut off, and personal
HEADERS = [("content-type", b"application/cloudevents+json"), ("trace", b"\xff\x00")]


class DeadLetters:
    """The dead letters of one test, identified by their origin topic."""

    def __init__(self, kafka: EmbeddedKafka) -> None:
        self.bootstrap = kafka.bootstrap
        self.origin = f"origin-{uuid4().hex[:8]}"
        apply_specs(kafka.bootstrap, [TopicSpec(DEAD_LETTERS.name, 4), TopicSpec(self.origin, 4)])

    def write(
        self, *reasons: str, key: bytes | None = b"call:a:1", value: bytes | None = VALUE, age_seconds: int = 0
    ) -> None:
        """Write dead letters as a worker does: in a transaction, with reason and origin in their headers."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "transactional.id": self.origin})
        producer.init_transactions(30)
        for committed in (False, True):
            producer.begin_transaction()
            for number, reason in enumerate(reasons):
                producer.produce(
                    DEAD_LETTERS.name,
                    key=key,
                    value=value,
                    partition=number % 4,
                    headers=[
                        ("reason", reason.encode()),
                        ("detail", b"at byte 3" if committed else b"never happened"),
                        ("origin_topic", self.origin.encode()),
                        ("origin_partition", str(number % 4).encode()),
                        ("origin_offset", str(100 + number).encode()),
                        ("origin_timestamp", b"1764000000000"),
                        ("dead_at", str(int((time.time() - age_seconds) * 1000)).encode()),
                        *((f"original.{name}", content) for name, content in HEADERS),
                    ],
                )
            producer.flush(30)
            producer.commit_transaction(30) if committed else producer.abort_transaction(30)

    def letters(self, **wanted: object) -> list[DeadLetter]:
        found = read(self.bootstrap, Filter(topic=self.origin, **wanted))  # type: ignore[arg-type]
        return [letter for letter in found if isinstance(letter, DeadLetter)]

    def replayed(self) -> list[Message]:
        return kafka_io.read(self.bootstrap, self.origin)


@pytest.fixture(autouse=True)
def written(kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> DeadLetters:
    monkeypatch.setenv("ACCUEIL_BROKERS", kafka.bootstrap)
    return DeadLetters(kafka)


def command(*arguments: str, answer: str = "") -> Result:
    return run("dead-letters", *arguments, answer=answer)


def test_dead_letters_are_read_with_all_their_fields(written: DeadLetters) -> None:
    written.write("invalid_json")
    (letter,) = written.letters()
    assert (letter.key, letter.value, list(letter.headers)) == (b"call:a:1", VALUE, HEADERS)
    assert (letter.reason, letter.detail) == ("invalid_json", "at byte 3")
    assert letter.origin == f"{written.origin} 0:100"
    assert letter.origin_timestamp == 1_764_000_000_000


def test_reason_of_an_earlier_release_has_its_current_name(written: DeadLetters) -> None:
    written.write("told_again", "a_later_reason")
    assert sorted(letter.reason for letter in written.letters()) == ["a_later_reason", "duplicate"]
    assert [letter.origin_offset for letter in written.letters(reason="duplicate")] == [100]


def test_replay_writes_the_same_record_to_its_origin(written: DeadLetters) -> None:
    written.write("invalid_json", "missing_field")
    assert replay(written.bootstrap, written.letters()) == 2
    messages = sorted(written.replayed(), key=lambda message: message.partition())
    assert [message.partition() for message in messages] == [0, 1]
    for message, letter in zip(messages, written.letters(), strict=True):
        assert (message.key(), message.value()) == (b"call:a:1", VALUE)
        assert message.headers() == [*HEADERS, ("replayed_from", letter.position.encode())]
        assert message.timestamp()[1] == 1_764_000_000_000


def test_replay_includes_tombstones_and_skips_empty_records(written: DeadLetters) -> None:
    written.write("null_value", value=None)
    written.write("null_value", key=None, value=None)
    output = command("replay", *(letter.position for letter in written.letters()), "--yes").output
    assert output == f"1 without content or origin: skipped\n{written.origin}: dead letters to replay: 1\n1 replayed\n"
    (message,) = written.replayed()
    assert (message.key(), message.value()) == (b"call:a:1", None)


@pytest.mark.parametrize("headers", [[], [("reason", b"\xff"), ("origin_partition", b"one")]])
def test_record_not_written_by_a_worker_is_listed_but_not_replayed(
    kafka: EmbeddedKafka, written: DeadLetters, headers: list[tuple[str, bytes]]
) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(DEAD_LETTERS.name, key=written.origin.encode(), value=VALUE, partition=0, headers=headers)
    producer.flush(30)
    letter = next(
        item
        for item in read(kafka.bootstrap, Filter())
        if isinstance(item, DeadLetter) and item.key == written.origin.encode()
    )
    assert (letter.replayable, letter.value) == (False, VALUE)
    listed = command("list", "--limit", "1000")
    assert listed.exit_code == 0, listed.output
    (shown,) = [line for line in listed.output.splitlines() if line.split()[0] == letter.position]
    assert "not written by a worker" in shown
    replayed = command("replay", letter.position, "--yes")
    assert (replayed.exit_code, replayed.output) == (0, "1 without content or origin: skipped\n0 replayed\n")
    assert command("show", letter.position).exit_code == 0


def test_list_shows_the_latest_of_all_partitions(written: DeadLetters) -> None:
    for age_seconds in (5000, 4000, 3000, 2000, 1000):
        written.write("oversized", "oversized", age_seconds=age_seconds)  # partitions 0 and 1
    latest = sorted(written.letters(), key=lambda letter: letter.dead_at)[-3:]
    assert {letter.partition for letter in latest} == {0, 1}
    lines = command("list", "--reason", "oversized", "--limit", "3", "--json").output.splitlines()
    assert [json.loads(line)["dead_at"] for line in lines] == [letter.dead_at for letter in latest]


def test_show_prints_content_only_on_request(written: DeadLetters) -> None:
    written.write("invalid_json", value=VALUE + b"\x1b[31m")
    position = written.letters()[0].position
    result = command("show", position)
    assert result.exit_code == 0
    assert f"origin         {written.origin} 0:100" in result.output
    assert "06 39" not in result.output
    content = command("show", position, "--value").output
    assert "06 39 98 12 34" in content
    assert "\x1b" not in content


@pytest.mark.parametrize("position", ["0:999999", "99:1", "foo"])
def test_unknown_position_is_an_error(written: DeadLetters, position: str) -> None:
    for arguments in (("show", position), ("replay", position, "--yes")):
        result = command(*arguments)
        error = f"accueil: no dead letter at {position}: accueil dead-letters list shows positions\n"
        assert (result.exit_code, result.output) == (1, error)


def test_replayed_letters_are_marked_and_replayed_again_only_on_request(
    written: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    (topic,) = (option for option in group.commands["replay"].params if option.name == "topic")
    monkeypatch.setattr(topic, "type", click.STRING)  # the origin is not a topic of the catalogue
    written.write("invalid_json", "missing_field")
    first, second = written.letters()
    assert command("replay", first.position, "--yes").exit_code == 0
    rows = {line.split()[0]: line for line in command("list", "--limit", "1000").output.splitlines() if line}
    for letter, mark in {first: "20", second: "-"}.items():
        assert rows[letter.position].partition(letter.origin)[2].split()[0].startswith(mark)
    assert "replayed at    20" in command("show", first.position).output
    assert "replayed at" not in command("show", second.position).output
    named = command("replay", first.position, second.position, "--dry-run").output
    assert named == f"{written.origin}: dead letters to replay: 2\n"
    others = command("replay", "--topic", written.origin, "--dry-run").output
    assert (
        others == f"1 already replayed: skipped (--again includes them)\n{written.origin}: dead letters to replay: 1\n"
    )
    again = command("replay", "--topic", written.origin, "--dry-run", "--again").output
    assert again == named
    assert written.letters() == [first, second]  # the mark of the replay is not a dead letter


def test_json_has_codes_and_no_content(written: DeadLetters) -> None:
    written.write("invalid_json")
    (letter,) = written.letters()
    command("replay", letter.position, "--yes")
    lines = map(json.loads, command("list", "--limit", "1000", "--json").output.splitlines())
    facts = next(line for line in lines if line["place"] == letter.position)
    assert facts["replayed_at"] > letter.dead_at
    assert facts == {
        "place": letter.position,
        "dead_at": letter.dead_at,
        "reason": "invalid_json",
        "detail": "at byte 3",
        "origin_topic": written.origin,
        "origin_partition": 0,
        "origin_offset": 100,
        "origin_timestamp": 1_764_000_000_000,
        "replayed_from": None,
        "replayed_at": facts["replayed_at"],
        "replayable": True,
    }


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.example.org:9092"])
def test_unreachable_broker_gives_one_line(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr("streams.runtime.instance_lock.BROKER_SECONDS", 0.1)
    monkeypatch.setenv("ACCUEIL_BROKERS", address)
    result = command("list")
    assert result.output == f"accueil: no Kafka broker answers at {address} after 0.1 s\n"
    assert result.exit_code == os.EX_SOFTWARE


def test_empty_list_has_no_table() -> None:
    assert command("list", "--reason", "internal_error").output == "no dead letters\n"


def test_replay_asks_for_confirmation(written: DeadLetters) -> None:
    written.write("invalid_json")
    position = written.letters()[0].position
    assert command("replay", position, answer="n\n").exit_code == 1
    assert command("replay", position, "--dry-run").output == f"{written.origin}: dead letters to replay: 1\n"
    assert written.replayed() == []
    assert command("replay", position, answer="y\n").output.endswith("1 replayed\n")
    assert command("replay", position, "--yes").exit_code == 0
    assert len(written.replayed()) == 2  # the same event, with the same id: it counts once


def test_all_can_be_combined_with_a_filter(written: DeadLetters) -> None:
    written.write("time_in_past", "unknown_type", "time_in_past")
    result = command("replay", "--all", "--reason", "time_in_past", "--dry-run")
    assert (result.exit_code, result.output) == (0, f"{written.origin}: dead letters to replay: 2\n")
    result = command("replay", "--all", "--reason", "time_in_future")
    assert (result.exit_code, result.output) == (0, "no dead letter matches\n")
