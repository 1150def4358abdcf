"""Load of contacts on all channels at a steady rate, published like a connector.

All contacts of a site are in one partition, so that its events are counted in the order of publication.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Any, Final, NamedTuple

from models.codec import encode
from models.events import Event
from models.identities import IdentityKind, PseudonymKey
from models.topics import SOURCES, Channel
from streams.kafka.partitioner import partition_of
from tests.bench.records import make_producer
from tests.support.events import make

SITE: Final = "bench"
FLUSH_SECONDS: Final = 60
WEIGHTS: Final = {
    Channel.CALL: 50,
    Channel.VISIT: 10,
    Channel.MAIL: 12,
    Channel.EMAIL: 12,
    Channel.FORM: 8,
    Channel.APPOINTMENT: 8,
}
"""Channels of each hundred contacts."""
SERVICES: Final = {
    Channel.CALL: 10,
    Channel.MAIL: 6,
    Channel.EMAIL: 4,
    Channel.FORM: 4,
    Channel.APPOINTMENT: 4,
    Channel.VISIT: 2,
}
"""Number of services per channel."""
ABANDONED: Final = 0.12
ASKED: Final = 0.1
"""Share of callers and visitors invited to a survey; half of them answer."""
LONGEST_STEP_SECONDS: Final = 4.0


class Planned(NamedTuple):
    due: float
    """Seconds after the start."""
    kind: str
    service: str
    topic: str
    key: bytes
    value: bytes


class ContactGenerator:
    """Generator of contacts with `rate` events per second in total; deterministic for a `seed`."""

    def __init__(self, seed: int, partitions: int) -> None:
        self._random = Random(seed)
        self._partitions = partitions
        self._numbers = count()
        self._key = PseudonymKey(SITE, bytes(32))
        self._services = {
            channel: [f"{SITE}-{channel}-{number}" for number in range(share)] for channel, share in SERVICES.items()
        }
        self._partition_of = {
            service: place % partitions
            for place, service in enumerate(one for some in self._services.values() for one in some)
        }

    def plan(self, begins_at: datetime, rate: float, seconds: float) -> list[Planned]:
        """Return the events of `seconds` in the order of publication."""
        events: list[tuple[float, str, str, dict[str, Any]]] = []
        wanted = int(rate * seconds)
        while len(events) < wanted:
            events += (one for one in self._contact_events(self._random.uniform(0, seconds)) if one[0] < seconds)
        events.sort(key=lambda one: one[0])
        # Events of one contact keep their order, and the total rate is even.
        return [self._planned(place / rate, *one[1:], at=begins_at) for place, one in enumerate(events[:wanted])]

    def _planned(self, due: float, kind: str, service: str, fields: dict[str, Any], *, at: datetime) -> Planned:
        event: Event = make(kind, site=SITE, service=service, sector=SITE, **fields)
        event = event.model_copy(update={"time": at + timedelta(seconds=due)})
        return Planned(due, kind, service, SOURCES[event.channel].name, event.subject.encode(), encode(event))

    def _contact_events(self, at: float) -> Iterator[tuple[float, str, str, dict[str, Any]]]:
        random = self._random
        channel = random.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
        service = random.choice(self._services[channel])
        subject = next(
            name
            for number in self._numbers
            if partition_of((name := f"{channel}:{SITE}/{SITE}:{number}").encode(), self._partitions)
            == self._partition_of[service]
        )
        identities = self._key.pseudonym(IdentityKind.PHONE, f"+336399{random.randrange(80_000, 90_000):05}")
        steps = list(self._steps(channel, service))
        for kind, data in steps:
            yield at, kind, service, {"subject": subject, "identities": identities, **data}
            at += random.uniform(0.5, LONGEST_STEP_SECONDS)

    def _steps(self, channel: Channel, service: str) -> Iterator[tuple[str, dict[str, Any]]]:
        where = {"queue": service}
        match channel:
            case Channel.CALL:
                yield "call.queued", where
                if self._random.random() < ABANDONED:
                    yield "call.abandoned", where
                    return
                yield "call.answered", where
                yield "call.ended", {**where, "ended_by": "caller"}
            case Channel.VISIT:
                yield "visit.arrived", where
                yield "visit.called", {}
                yield "visit.served", {}
            case Channel.MAIL:
                yield "letter.arrived", {}
                yield "letter.registered", {"chrono": "1"}
                yield "letter.assigned", {}
                yield "letter.answered", {}
            case Channel.EMAIL:
                yield from (("email.received", {}), ("email.acknowledged", {}), ("email.answered", {}))
            case Channel.FORM:
                yield "form.submitted", {"procedure": service}
                yield "form.taken_up", {}
                yield "form.decided", {"decision": "accepted"}
            case _:
                yield "appointment.booked", {"starts_at": datetime.now(UTC) + timedelta(days=3), "by": "citizen"}
                yield from (("appointment.checked_in", {}), ("appointment.attended", {}))
        if channel in (Channel.CALL, Channel.VISIT) and self._random.random() < ASKED:
            yield "feedback.invited", {}
            if self._random.random() < 0.5:
                yield "feedback.given", {"scale": "csat_1_5", "score": self._random.randint(1, 5)}


def send(
    bootstrap: str, planned: list[Planned], **login: str
) -> tuple[dict[tuple[str, str], list[float]], list[float]]:
    """Publish all events when due; return the times by service and kind, and the delays until Kafka's acknowledgement."""
    producer = make_producer(bootstrap, linger_ms=2, **login)  # like connectors
    sent: dict[tuple[str, str], list[float]] = defaultdict(list)
    taken: list[float] = []
    begin = time.monotonic()
    for one in planned:
        while (early := begin + one.due - time.monotonic()) > 0:
            producer.poll(min(early, 0.002))
        at = time.monotonic()
        sent[one.service, one.kind].append(at)
        producer.produce(one.topic, key=one.key, value=one.value, on_delivery=partial(_note, taken, at))
    producer.flush(FLUSH_SECONDS)
    return sent, taken


def _note(taken: list[float], at: float, error: object, _: object) -> None:
    taken.append(float("inf") if error else time.monotonic() - at)
