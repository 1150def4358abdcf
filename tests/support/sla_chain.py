"""Chain from event to alert: workers, notify and Alertmanager, with SLA targets of a few seconds."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka import Producer

from models import topics
from models.events import CallAnswered, CallAnsweredData, CallQueued, CallQueuedData, Event
from models.ids import contact_id, event_id
from models.topics import SOURCES, Channel
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import COMPACTED, TopicSpec, apply_specs
from tests.support.alertmanager import Alertmanager
from tests.support.processes import Child

PARTITIONS = 4
TARGET = timedelta(seconds=2)
SERVICES = ("autonomie", "enfance", "routes")
SLA = """
[calendars.siege]
timezone = "Europe/Paris"
[[calendars.siege.versions]]
from = 2020-01-01
monday = ["08:30-17:30"]
[[policy]]
name = "telephone"
match = {{ channel = "call" }}
calendar = "siege"
clocks.answer = {{ target = {target}, unit = "elapsed" }}
"""
NOTIFY = """
[notify.alertmanagers.local]
url = "{url}"
show_seconds = {show_seconds}
"""
SOURCE = "asterisk/essai"


class SlaChain:
    """Processes of the chain, started by the test; without `manager`, notifications have no receiver."""

    def __init__(
        self,
        kafka: EmbeddedKafka,
        directory: Path,
        manager: Alertmanager | None = None,
        show_seconds: float = 5,
        target: timedelta = TARGET,
    ) -> None:
        self.target = target
        self._bootstrap = kafka.bootstrap
        self._producer = Producer(
            {"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random", "linger.ms": 1}
        )
        self._directory = directory
        specs = (
            TopicSpec(topic.name, PARTITIONS, config=topic.config | (COMPACTED if topic.compacted else {}))
            for topic in topics.TOPIC_CATALOGUE
        )
        apply_specs(kafka.bootstrap, list(specs))
        (directory / "sla.toml").write_text(SLA.format(target=target.seconds), encoding="utf-8")
        self._settings = directory / "accueil.toml"
        text = 'sla = "sla.toml"\n'
        if manager is not None:
            text += NOTIFY.format(url=manager.url, show_seconds=show_seconds)
        self._settings.write_text(text, encoding="utf-8")
        self.deadlines: dict[str, datetime] = {}
        """Deadlines of the calls by contact id."""

    def child(self, name: str, command: str) -> Child:
        return Child(
            ["-m", "streams.cli.main", command],
            self._directory / f"{name}.log",
            ACCUEIL_CONFIG=str(self._settings),
            ACCUEIL_BROKERS=self._bootstrap,
            ACCUEIL_DATA=str(self._directory / "data"),
            ACCUEIL_LOG__FORMAT="json",
            ACCUEIL_WORKER__SESSION_TIMEOUT_SECONDS="3",
            ACCUEIL_WORKER__INSTANCE_ID=name,
            ACCUEIL_WORKER__GRACE_SECONDS="0",  # tests kill workers frequently and do not wait for the grace period
        )

    def call(self, number: int) -> None:
        """Produce `number` calls that start now and are not answered in time."""
        self._produce(list(self._calls(number)))

    def call_long_ago(self, number: int, ago: timedelta) -> None:
        """Produce `number` past calls of another source that waited too long before they were answered and ended."""
        source, events = "asterisk/ajoute", list[Event]()
        for nth in range(number):
            at = datetime.now(UTC).replace(microsecond=0) - ago + timedelta(seconds=nth)
            contact, place = contact_id(Channel.CALL, source, str(nth)), {"service": SERVICES[0], "site": "siege"}
            queued, answered = (event_id(source, f"{nth}|{what}") for what in ("queued", "answered"))
            data = CallQueuedData(queue="accueil")
            events.append(CallQueued(id=queued, source=source, subject=contact, time=at, data=data, **place))
            until = at + self.target + timedelta(seconds=3)
            taken = CallAnsweredData(queue="accueil")
            events.append(CallAnswered(id=answered, source=source, subject=contact, time=until, data=taken, **place))
        self._produce(events)

    def answer(self, nth: int) -> None:
        """Produce the late answer of a call."""
        contact = contact_id(Channel.CALL, SOURCE, str(nth))
        event: Event = CallAnswered(
            id=event_id(SOURCE, f"{nth}|answered"),
            source=SOURCE,
            subject=contact,
            time=datetime.now(UTC),
            data=CallAnsweredData(queue="accueil"),
        )
        self._produce([event])

    def seconds_since_last(self) -> float:
        """Return the seconds since the last call began to wait."""
        return (datetime.now(UTC) - max(self.deadlines.values()) + self.target).total_seconds()

    def _produce(self, events: Sequence[Event]) -> None:
        topic = SOURCES[Channel.CALL].name
        for event in events:
            self._producer.produce(topic, key=event.subject.encode(), value=event.model_dump_json().encode())
        assert self._producer.flush(60) == 0

    def _calls(self, number: int) -> Iterator[Event]:
        for _ in range(number):
            now = datetime.now(UTC).replace(microsecond=0)
            nth = len(self.deadlines)
            contact = contact_id(Channel.CALL, SOURCE, str(nth))
            self.deadlines[contact] = now + self.target
            yield CallQueued(
                id=event_id(SOURCE, str(nth)),
                source=SOURCE,
                subject=contact,
                time=now,
                service=SERVICES[nth % len(SERVICES)],
                site="siege",
                data=CallQueuedData(queue="accueil"),
            )
