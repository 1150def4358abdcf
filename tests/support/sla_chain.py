"""Chain from event to alert: workers, notify and Alertmanager, with SLA targets of a few seconds."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka import Producer

from models.codec import encode
from models.events import Event
from models.ids import contact_id
from models.topics import SOURCES, Channel
from streams.kafka.embedded_broker import EmbeddedKafka
from tests.support.accueil_processes import accueil_process, create_topics
from tests.support.alertmanager import Alertmanager
from tests.support.events import START, make
from tests.support.processes import Child

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
        create_topics(kafka.bootstrap)
        (directory / "sla.toml").write_text(SLA.format(target=target.seconds), encoding="utf-8")
        self._settings = directory / "accueil.toml"
        text = 'sla = "sla.toml"\n'
        if manager is not None:
            text += NOTIFY.format(url=manager.url, show_seconds=show_seconds)
        self._settings.write_text(text, encoding="utf-8")
        self.deadlines: dict[str, datetime] = {}
        """Deadlines of the calls by contact id."""

    def child(self, name: str, command: str) -> Child:
        return accueil_process(
            command,
            self._bootstrap,
            self._directory,
            name,
            ACCUEIL_CONFIG=str(self._settings),
            ACCUEIL_WORKER__INSTANCE_ID=name,
            ACCUEIL_WORKER__GRACE_SECONDS="0",  # tests kill workers frequently and do not wait for the grace period
        )

    def call(self, number: int) -> None:
        """Produce `number` calls that start now and are not answered in time."""
        self._produce(list(self._calls(number)))

    def call_long_ago(self, number: int, ago: timedelta) -> None:
        """Produce `number` past calls of another source that waited too long before they were answered and ended."""
        first_at = (datetime.now(UTC).replace(microsecond=0) - ago - START).total_seconds()
        for nth in range(number):
            subject = contact_id(Channel.CALL, "asterisk/ajoute", str(nth))
            where = {"subject": subject, "queue": "accueil", "service": SERVICES[0], "site": "siege"}
            queued = make("call.queued", first_at + nth, **where)
            answered = make("call.answered", first_at + nth + self.target.total_seconds() + 3, **where)
            self._produce([queued, answered])

    def answer(self, nth: int) -> None:
        """Produce the late answer of a call."""
        now = (datetime.now(UTC) - START).total_seconds()
        subject = contact_id(Channel.CALL, SOURCE, str(nth))
        self._produce([make("call.answered", now, subject=subject, queue="accueil")])

    def seconds_since_last(self) -> float:
        """Return the seconds since the last call began to wait."""
        return (datetime.now(UTC) - max(self.deadlines.values()) + self.target).total_seconds()

    def _produce(self, events: Sequence[Event]) -> None:
        topic = SOURCES[Channel.CALL].name
        for event in events:
            self._producer.produce(topic, key=event.subject.encode(), value=encode(event))
        assert self._producer.flush(60) == 0

    def _calls(self, number: int) -> Iterator[Event]:
        for _ in range(number):
            now = datetime.now(UTC).replace(microsecond=0)
            nth = len(self.deadlines)
            subject = contact_id(Channel.CALL, SOURCE, str(nth))
            self.deadlines[subject] = now + self.target
            where = {"subject": subject, "queue": "accueil", "service": SERVICES[nth % len(SERVICES)], "site": "siege"}
            yield make("call.queued", (now - START).total_seconds(), **where)
