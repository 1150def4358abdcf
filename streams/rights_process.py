"""Citizens' rights as this installation has them: its database, its Kafka, its audit, its settings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from connectors.sdk.publisher import NotDelivered, deliver
from models.events import PersonalDataErased
from models.topics import DAY_MS
from streams.access.audit import read as read_audit
from streams.access.concealing import find_names, load_secret, secret_path
from streams.retention import MONTH_DAYS, erased_days, table
from streams.rights import holding
from streams.rights.desk import Desk
from streams.rights.erasing import Erasing, Keeping
from streams.rights.finding import Finder, KafkaAway
from streams.rights.holding import Holding, Kept
from streams.rights.vocabulary import LANGUAGES
from streams.running import find_cluster
from streams.settings import ConfigError, Settings
from streams.state_reader import read_rows
from streams.timeline.store import Timeline
from streams.topic_reader import KafkaError


def open_desk(settings: Settings) -> Desk:
    """Return what the API needs for citizens' rights; where no brokers are known, Kafka is away."""

    def erasing(timeline: Timeline) -> Erasing:
        try:
            return open_erasing(settings, timeline)
        except ConfigError:
            raise KafkaAway("no brokers") from None

    return Desk(erasing, partial(gather, settings), settings.web.zone)


def open_erasing(settings: Settings, timeline: Timeline) -> Erasing:
    """Return the erasures of this installation. Raises `ConfigError` if no brokers are known."""
    brokers, options = find_cluster(settings)

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


def gather(settings: Settings, timeline: Timeline, finder: Finder, asked: str, sector: str, language: str) -> Holding:
    """Return all that is held about whom `asked` is, as `streams.rights.holding.gather` does, with what the audit has of it."""
    which = LANGUAGES.index(language)
    kept = [Kept(one.what[which], one.where, one.days, one.until[which]) for one in table(settings)]

    def records() -> Iterator[Mapping[str, Any]]:
        return (line.record for line in read_audit(settings.data / "audit") if line.record is not None)

    services, queues = settings.web.name_services(language), settings.web.name_queues(language)
    notice = (settings.rights.notice_en or settings.rights.notice, settings.rights.notice)[which]
    names = partial(find_names, secret=load_secret(secret_path(settings.data)))
    now = datetime.now(UTC)
    return holding.gather(timeline, finder, asked, sector, records, kept, now, services, notice, queues, names)


def keeping_of(settings: Settings) -> Keeping:
    """Return how long this installation keeps what cannot be erased."""
    retention = settings.retention
    return Keeping(
        topics=retention.events_days * DAY_MS,
        dead_letters=retention.dead_letters_days * DAY_MS,
        audit=(settings.audit.keep_days + MONTH_DAYS) * DAY_MS,
        state=settings.worker.keep_closed_days * DAY_MS,
        erased=erased_days(settings) * DAY_MS,
    )
