"""Erasure of a citizen in the real processes, with kills, late events and a replayed topic.

The erased data must not return, and all other data must remain. The test runs the operator's commands, and checks topics,
databases and their files.
"""

import itertools
import json
import random
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from models import topics
from models.events import Event
from streams.access.audit import read as read_audit
from streams.access.audit import verify as verify_audit
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.topic_catalogue import COMPACTED
from tests.support import contacts_oracle as oracle
from tests.support import kafka_io
from tests.support.events import START, make
from tests.support.postgres import running_postgres
from tests.support.processes import wait_until
from tests.support.running_stack import RunningStack

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(900)]

KEY = "0a1b-"
CASE, OTHER = (f"case:{KEY}{name:0>22}" for name in ("own", "other"))
PHONE, EMAIL, LANDLINE = f"phone:{KEY}{'own':0>22}", f"email:{KEY}{'own':0>22}", f"phone:{KEY}{'family':0>22}"
OWN = (CASE, PHONE, EMAIL)
"""Pseudonyms of this citizen only."""


def make_events(at: float) -> list[Event]:
    """Return the events of the citizen's call, letter, form and feedback, and those of others who share a landline."""

    def call(name: str, begun: float, identities: str) -> list[Event]:
        where: dict[str, Any] = {
            "subject": f"call:asterisk/siege:{name}",
            "site": "siege",
            "service": "mdph",
            "sector": "general",
        }
        return [
            make("call.queued", begun, **where, queue="mdph", identities=identities),
            make("call.answered", begun + 9, **where, queue="mdph"),
            make("call.ended", begun + 99, **where, queue="mdph", ended_by="caller"),
        ]

    where: dict[str, Any] = {"site": "siege", "service": "mdph", "sector": "general"}
    return [
        *call("own", at, f"{CASE} {PHONE}"),
        make("feedback.given", at + 120, subject="call:asterisk/siege:own", scale="csat_1_5", score=4, **where),
        make("letter.arrived", at + 1, subject="mail:mailroom/siege:own", pages=1, identities=CASE, **where),
        make("letter.assigned", at + 2, subject="mail:mailroom/siege:own", **where),
        make(
            "form.submitted",
            at + 3,
            subject="form:demarches/1:own",
            procedure="apa",
            identities=f"{CASE} {EMAIL}",
            **where,
        ),
        *call("family", at + 4, LANDLINE),
        *call("landline", at + 5, f"{CASE} {LANDLINE}"),
        *call("other", at + 6, f"{OTHER} {LANDLINE}"),
    ]


CONTACTS = {
    "call:asterisk/siege:own",
    "mail:mailroom/siege:own",
    "form:demarches/1:own",
    "call:asterisk/siege:landline",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def stack(request: pytest.FixtureRequest, own_kafka: EmbeddedKafka, tmp_path: Path) -> Iterator[RunningStack]:
    if request.param == "sqlite":
        yield RunningStack(own_kafka, tmp_path)
        return
    with running_postgres("wal_recycle=off", "min_wal_size=32MB", "max_wal_size=64MB") as postgres:
        stack = RunningStack(own_kafka, tmp_path, postgres.url)
        stack.postgres = postgres
        yield stack


def test_erased_data_never_returns_and_other_data_remains(stack: RunningStack) -> None:
    at = (datetime.now(UTC) - START).total_seconds() - 600
    events = make_events(at)
    with stack.worker as worker, stack.timeline as timeline:
        worker.start()
        timeline.start()
        stack.tell(events)
        stack.drain()
        assert stack.owners().keys() == {*CONTACTS, "call:asterisk/siege:family", "call:asterisk/siege:other"}
        before = stack.figures()
        code, shown, error = stack.run("timeline", "export", PHONE, "--format", "json", "-o", "-")
        assert code == 0, error
        assert {one["contact"] for one in json.loads(shown)["contacts"]} == CONTACTS
        for child in (worker, timeline):
            child.kill()
            child.wait()

        assert stack.run("timeline", "erase", LANDLINE, "--yes")[0] == 2, "the landline is shared"
        code, shown, error = stack.run("timeline", "erase", PHONE, "--yes", "--wait", "0", "--json")
        assert code == 1, error
        request = json.loads(shown)
        assert (request["state"], request["contacts"], request["proof"]) == ("told", 4, None)

        late = make(
            "letter.answered",
            at + 300,
            subject="mail:mailroom/siege:own",
            identities=f"{CASE} {PHONE}",
            sector="general",
        )
        stack.tell([late])
        chance = random.Random(4)
        for child in (worker, timeline):
            for point in ("folded", "records_sent", "offsets_sent"):
                child.start(ENGINE_KILL_AT=f"{point}:{chance.randint(1, 2)}")
                assert child.wait() == -signal.SIGKILL, f"not killed at {point}"
            child.start()
        code, shown, error = stack.run("timeline", "erasure", request["id"], "--wait", "60", "--json")
        assert code == 0, error
        found = json.loads(shown)
        counted = {name: number for name, number in found["proof"].items() if isinstance(number, int)}
        assert counted == {
            "contacts": 4,
            "entries_before": 10,
            "links_before": 3,
            "events": 4,
            "rows": 4,
            "rows_with_identities": 0,
            "entries": 0,
            "links": 0,
            "revocations": 0,
            "kept_as_erased": 4,
            "promises": 0,
        }
        stack.tell(events)  # the topics are replayed
        stack.tell([late])
        stack.drain()
        assert stack.owners() == {"call:asterisk/siege:family": LANDLINE, "call:asterisk/siege:other": OTHER}
        changed = {key: (before.get(key), now) for key, now in stack.figures().items() if before.get(key) != now}
        assert {key[2].channel for key in changed} == {"mail"}, "only the answered letter has changed"
        assert worker.stop() == timeline.stop() == 0
    _assert_erased(stack)
    lines = [line.record or {} for line in read_audit(stack.data / "audit")]
    proved = [line for line in lines if line.get("result") == "proved"]
    assert [line["whose"] for line in proved] == [f"erasure:{request['id']}:{found['sha256']}"]
    acts = [(line["operation"], line["result"]) for line in lines if "whose" in line]
    erased = [("read_timeline", "shown"), ("erase", "begun"), ("erase", "proved")]
    assert acts == [("export", "shown"), ("erase", "refused"), *erased]
    assert not verify_audit(stack.data / "audit").findings


def _assert_erased(stack: RunningStack) -> None:
    """Search the pseudonyms of the erased citizen in the state, the logs and all files of the database."""
    places: dict[str, Callable[[], bytes]] = {
        "state": stack.state,
        "logs": lambda: b"".join(path.read_bytes() for path in stack.directory.glob("*.log")),
        "database": stack.content_of_database,
    }
    for place, read in places.items():
        content = read()
        assert LANDLINE.encode() in content or place == "logs", f"no data in {place}"
        assert [one for one in OWN if one.encode() in content] == [], place


@pytest.mark.parametrize("stack", ["sqlite"], indirect=True)
def test_erasure_without_a_broker_is_refused_before_it_begins(stack: RunningStack, own_kafka: EmbeddedKafka) -> None:
    with stack.worker as worker, stack.timeline as timeline:
        worker.start()
        timeline.start()
        stack.tell(make_events((datetime.now(UTC) - START).total_seconds() - 600))
        stack.drain()
        own_kafka.stop()
        code, _, error = stack.run("timeline", "erase", PHONE, "--yes")
        assert (code, "Kafka does not answer" in error) == (70, True), error
        engine = create_engine(stack.url)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM erasure_requests")).scalar() == 0
        engine.dispose()
        assert stack.owners()["call:asterisk/siege:own"] == CASE


def test_older_versions_of_the_rows_are_compacted_away(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path / "kafka", config={"log.cleaner.backoff.ms": "200"})
    kafka.start()
    try:
        stack = RunningStack(kafka, tmp_path)
        hurry = {"segment.ms": "1000", "max.compaction.lag.ms": "1000", "min.cleanable.dirty.ratio": "0.0"}
        apply_specs(kafka.bootstrap, [TopicSpec(topics.CONTACTS.name, 2, config=COMPACTED | hurry)])
        at = (datetime.now(UTC) - START).total_seconds() - 600
        with stack.worker as worker, stack.timeline as timeline:
            worker.start()
            timeline.start()
            stack.tell(make_events(at))
            stack.drain()
            assert all(one.encode() in _all_versions(stack) for one in OWN)
            code, _, error = stack.run("timeline", "erase", CASE, "--yes")
            assert code == 0, error
            numbers = itertools.count(1)

            def is_compacted() -> bool:
                # Kafka compacts only closed segments, and a new record closes the previous segment.
                stack.tell(oracle.make_lives(6, 300, start=6 * next(numbers)))
                content = _all_versions(stack)
                return not any(one.encode() in content for one in OWN)

            wait_until(is_compacted, "the compaction of older versions", 150)
            assert worker.stop() == timeline.stop() == 0
    finally:
        kafka.stop()


def _all_versions(stack: RunningStack) -> bytes:
    return b"\n".join(message.value() or b"" for message in kafka_io.read(stack.bootstrap, topics.CONTACTS.name))
