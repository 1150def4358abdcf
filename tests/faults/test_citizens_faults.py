"""Figures of citizens with faults: processes are killed during reattributions, and each citizen is counted once."""

import random
import signal
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models import topics
from models.codec import decode
from models.events import Event
from models.timestamps import milliseconds
from streams.core.citizens import citizen as citizens
from streams.core.citizens import citizen_figures, reattribution
from streams.core.citizens.citizen import Citizen, RecontactTerms
from streams.core.citizens.citizen_figures import CitizenFigureKey
from streams.core.contacts import contact
from streams.core.contacts.contact import ERASED, Contact
from streams.core.figures.figure import decode_figure
from streams.core.figures.figure_schemas import CITIZENS
from streams.core.timeline import entries
from streams.engine import checkpoints
from streams.kafka.embedded_broker import EmbeddedKafka
from tests.support import contacts_oracle as oracle
from tests.support import kafka_io
from tests.support.accueil_processes import accueil_process, create_topics
from tests.support.citizens import Figures, count, named
from tests.support.events import START, make
from tests.support.processes import Child, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(600)]
CITIZENS_AT_A_TIME = 40
CONTACTS_OF_CITIZENS = 2000
"""Number of contacts before new citizens are used, so that no citizen exceeds `citizens.MAX_CONTACTS` on a slow machine."""
EVENT_TYPES: dict[str, tuple[str, ...]] = {
    "call": ("call.queued", "call.answered", "call.ended"),
    "mail": ("letter.arrived", "letter.assigned", "letter.answered"),
    "form": ("form.submitted", "form.taken_up", "form.decided"),
    "email": ("email.received", "email.acknowledged", "email.answered"),
}


@pytest.fixture
def kafka(own_kafka: EmbeddedKafka) -> EmbeddedKafka:
    """Broker with Accueil's topics."""
    create_topics(own_kafka.bootstrap)
    return own_kafka


def processes(kafka: EmbeddedKafka, tmp_path: Path) -> tuple[Child, Child]:
    """Return a worker and a timeline agent."""
    worker, timeline = (accueil_process(name, kafka.bootstrap, tmp_path) for name in ("worker", "timeline"))
    return worker, timeline


def batches() -> Iterator[list[kafka_io.Produced]]:
    """Yield endless events of recent contacts in random order, with duplicates, and with identities that arrive late."""
    chance = random.Random(7)
    now = (datetime.now(UTC) - START).total_seconds()
    number = 0
    while True:
        events: list[Event] = []
        for _ in range(30):
            number += 1
            channel = chance.choice([*EVENT_TYPES])
            citizen = number // CONTACTS_OF_CITIZENS * CITIZENS_AT_A_TIME + chance.randrange(CITIZENS_AT_A_TIME)
            identities = ("", f"phone:k1-{citizen}", f"case:k1-{citizen} phone:k1-{citizen}")
            identity_indexes = sorted(chance.choices((0, 0, 1, 1, 2), k=3))
            at = now - chance.uniform(0, 12) * 86_400
            where = {"subject": f"{channel}:test/siege:{number}", "site": "siege", "service": f"s-{citizen % 3}"}
            own = [
                make(kind, at + step, **where, identities=identities[known], **_data(kind))
                for step, (kind, known) in enumerate(zip(EVENT_TYPES[channel], identity_indexes, strict=True))
            ]
            events += own
        events += chance.sample(events, 10)
        chance.shuffle(events)
        yield [*oracle.records(events)]


def _data(kind: str) -> dict[str, object]:
    if kind.startswith("call"):
        return {"queue": "q"} | ({"ended_by": "caller"} if kind == "call.ended" else {})
    return {"form.submitted": {"procedure": "apa"}, "form.decided": {"decision": "accepted"}}.get(kind, {})


def is_counted(kafka: EmbeddedKafka) -> bool:
    """Return whether all source records are folded, and all of their entries counted."""
    return oracle.is_done(kafka.bootstrap) and oracle.is_done(
        kafka.bootstrap, [topics.TIMELINE.name], topics.TIMELINE_STATE.name
    )


def expected(kafka: EmbeddedKafka) -> Figures:
    """Return the expected figures, with each contact counted for its final citizen only."""
    events = {event.id: event for m in kafka_io.read(kafka.bootstrap, *oracle.SOURCES) if (event := decode(m.value()))}
    rows: dict[str, Contact] = {}
    for event in events.values():
        rows[event.subject] = contact.fold(rows.get(event.subject), event)
    own: defaultdict[str, Citizen | None] = defaultdict(lambda: None)
    for event in events.values():
        row = rows[event.subject]
        if event.type in citizens.COUNTED_TYPES:
            owner = row.citizen or event.subject
            entry = entries.decode(entries.record(event, row)[1])
            known = own[owner] or Citizen(RecontactTerms(), 0, bool(row.citizen))
            own[owner] = citizens.add(known, entry, milliseconds(event.time))
    figures = Figures()
    for citizen in filter(None, own.values()):
        count(None, citizen, figures.__getitem__)
    return figures


def found(kafka: EmbeddedKafka) -> Figures:
    """Return the counted figures of all partitions."""
    figures = Figures()
    rows = kafka_io.latest(kafka_io.read(kafka.bootstrap, topics.CITIZEN_FIGURES.name))
    for (_, key), value in rows.items():
        place = citizen_figures.load_key(key)
        if place is not None:
            figures[place].counts[:] = map(int.__add__, figures[place].counts, decode_figure(value, CITIZENS).counts)
    return figures


def test_kills_at_each_checkpoint_count_each_reattributed_contact_once(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    chance = random.Random(3)
    worker, timeline = processes(kafka, tmp_path)
    with worker, timeline:
        with kafka_io.trickle(kafka.bootstrap, batches()):
            worker.start()
            timeline.start()
            for process in (timeline, worker):
                process.kill()
                process.wait()
                for point in checkpoints.STEP_CHECKPOINTS:
                    process.start(ENGINE_KILL_AT=f"{point}:{chance.randint(1, 3)}")
                    assert process.wait() == -signal.SIGKILL, f"not killed at {point}"
                process.start()
        wait_until(lambda: is_counted(kafka), "all to be counted")
        assert worker.stop() == 0
        assert timeline.stop() == 0
    kinds = [entries.decode(m.value()).type for m in kafka_io.read(kafka.bootstrap, topics.TIMELINE.name)]
    assert kinds.count(reattribution.WITHDRAWN) > 20 < kinds.count(reattribution.ADOPTED)
    counted = named(found(kafka))
    assert counted == named(expected(kafka))
    assert counted[CitizenFigureKey(citizen_figures.TOTAL_PERIOD, 0, None)]["active"] >= CITIZENS_AT_A_TIME
    erase(kafka, tmp_path, f"case:k1-{CITIZENS_AT_A_TIME - 1}")
    assert named(found(kafka)) == counted
    assert not kafka_io.read(kafka.bootstrap, topics.DEAD_LETTERS.name)


def erase(kafka: EmbeddedKafka, tmp_path: Path, citizen: str) -> None:
    """Erase the contacts of a citizen, and wait until the citizen's row is gone."""

    def has_row() -> bool:
        rows = kafka_io.latest(kafka_io.read(kafka.bootstrap, topics.CITIZENS.name))
        return citizen.encode() in {key for _, key in rows}

    assert has_row()
    own = {
        entry.contact
        for m in kafka_io.read(kafka.bootstrap, topics.TIMELINE.name)
        if (entry := entries.decode(m.value())).citizen == citizen
    }
    now = (datetime.now(UTC) - START).total_seconds()
    erasures = [make(ERASED, now, subject=contact_id, channel=contact_id.partition(":")[0]) for contact_id in own]
    kafka_io.produce(kafka.bootstrap, oracle.records(erasures))
    worker, timeline = processes(kafka, tmp_path)
    with worker, timeline:
        worker.start()
        timeline.start()
        wait_until(lambda: is_counted(kafka), "all to be erased")
        assert timeline.stop() == 0
        timeline.start()  # checks all rows, as once a day
        wait_until(lambda: not has_row(), "the row to be removed")
        assert worker.stop() == 0
        assert timeline.stop() == 0
