"""Catalogue of the Kafka topics: content, key and retention.

All topics have the same number of partitions and the same partitioner (Kafka's murmur2). A key therefore has the same
partition number in every topic.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

DAY_MS: Final = 86_400_000
EVENT_RETENTION_MS: Final = 30 * DAY_MS


class Channel(StrEnum):
    """Channel through which a citizen contacted the service."""

    MAIL = "mail"
    EMAIL = "email"
    CALL = "call"
    FORM = "form"
    APPOINTMENT = "appointment"
    VISIT = "visit"
    FEEDBACK = "feedback"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the catalogue. ``key`` and ``about`` describe its keys and its content in words.

    ``retention_ms`` is None for a compacted topic, which keeps the last record of each key for ever. For other topics it is
    the default retention, which `[retention]` in the settings overrides.
    """

    name: str
    key: str
    about: str
    retention_ms: int | None = None
    config: dict[str, str] = field(default_factory=dict)

    @property
    def compacted(self) -> bool:
        """Return whether the topic is compacted: it keeps the last record of each key, without a time limit."""
        return self.retention_ms is None


def _events(name: str, about: str) -> Topic:
    # LogAppendTime: with the event's own time, the broker would delete replayed history before it is read, and reject
    # events from a source whose clock is ahead.
    config = {
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": "1048588",  # small enough to fit into a dead letter
    }
    return Topic(name, key="contact id", about=about, retention_ms=EVENT_RETENTION_MS, config=config)


SOURCES: Final[dict[Channel, Topic]] = {
    Channel.MAIL: _events("contact.mail.v1", "letters: arrived, registered, assigned, answered, sent"),
    Channel.EMAIL: _events("contact.email.v1", "e-mails: received, acknowledged, answered"),
    Channel.CALL: _events("contact.call.v1", "calls, and the state of the agents who take them"),
    Channel.FORM: _events("contact.form.v1", "online procedures: submitted, taken up, decided"),
    Channel.APPOINTMENT: _events("contact.appointment.v1", "appointments: booked, moved, cancelled, attended, missed"),
    Channel.VISIT: _events("contact.visit.v1", "front desks: arrived, called, served, left"),
    Channel.FEEDBACK: _events("contact.feedback.v1", "satisfaction: invited, given"),
}
CONTACTS: Final = Topic("accueil.contacts.v1", key="contact id", about="state: one row per contact or agent")
FIGURES: Final = Topic("accueil.figures.v1", key="figure", about="state: totals, stocks, buckets of 5 minutes, days")
TIMELINE: Final = Topic(
    "citizen.timeline.v1", key="identity or contact id", about="timeline entries", retention_ms=EVENT_RETENTION_MS
)
TIMELINE_STATE: Final = Topic(
    "accueil.timeline.v1", key="offsets", about="state of the timeline agent: offsets of the entries written"
)
CITIZENS: Final = Topic(
    "accueil.citizens.v1", key="identity or contact id", about="state: one row per citizen with recent contacts"
)
CITIZEN_FIGURES: Final = Topic(
    "accueil.citizen-figures.v1", key="citizen figure", about="state: figures of citizens by day, week and four weeks"
)
SLA: Final = Topic(
    "contact.sla.v1",
    key="contact id",
    about="SLA clocks: started, at risk, breached, met",
    retention_ms=EVENT_RETENTION_MS,
)
DEAD_LETTERS: Final = Topic(
    "contact.deadletter.v1",
    key="as received",
    about="records that could not be used, byte for byte, with reason and origin in headers",
    retention_ms=EVENT_RETENTION_MS,
    config={"max.message.bytes": "2097152"},  # a record at the source's limit fits with its headers
)
STATES: Final = (CONTACTS, FIGURES)
TIMELINE_STATES: Final = (TIMELINE_STATE, CITIZENS, CITIZEN_FIGURES)
TOPIC_CATALOGUE: Final = (*SOURCES.values(), *STATES, TIMELINE, *TIMELINE_STATES, SLA, DEAD_LETTERS)

REPLAYED_FROM_HEADER: Final = "replayed_from"
"""Header of a record that is published again after it could not be used the first time.

The value is the dead letter's position, PARTITION:OFFSET, or `rejects` for a record that a connector had rejected. The record
does not count as a replay of history, although it is late.
"""

REREAD_HEADER: Final = "reread"
"""Header of a record whose source is deliberately read a second time. Its contact may have been counted and deleted before."""
