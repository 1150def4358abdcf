"""Erasures as this installation has them: its database, its Kafka, its settings."""

from collections.abc import Callable, Mapping, Sequence

from connectors.sdk.publisher import NotDelivered, deliver
from models.events import PersonalDataErased
from models.topics import DAY_MS
from streams.retention import MONTH_DAYS
from streams.rights.erasing import Erasing, KafkaAway, Keeping
from streams.running import find_brokers
from streams.settings import Settings
from streams.state_reader import read_rows
from streams.timeline.store import Timeline
from streams.topic_reader import KafkaError


def open_erasing(settings: Settings, timeline: Timeline) -> Erasing:
    """Return the erasures of this installation. Raises `ConfigError` if no brokers are known."""
    brokers, options = find_brokers(settings), settings.kafka.client_options()

    def rows(wanted: Callable[[bytes, bytes], bool]) -> Mapping[bytes, bytes]:
        try:
            return read_rows(brokers, options, wanted)
        except KafkaError as error:
            raise KafkaAway(type(error).__name__) from None

    def tell(events: Sequence[PersonalDataErased]) -> None:
        try:
            deliver(brokers, events, client_id="accueil-erasures", options=options)
        except NotDelivered as error:
            raise KafkaAway(str(error)) from None

    return Erasing(timeline, rows, tell, keeping_of(settings))


def keeping_of(settings: Settings) -> Keeping:
    """Return how long this installation keeps what cannot be erased."""
    retention = settings.retention
    return Keeping(
        topics=retention.events_days * DAY_MS,
        dead_letters=retention.dead_letters_days * DAY_MS,
        audit=(settings.audit.keep_days + MONTH_DAYS) * DAY_MS,
        state=settings.worker.keep_closed_days * DAY_MS,
    )
