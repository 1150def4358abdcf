"""Backend for citizens' privacy requests: connects them to the database, Kafka, the audit and the settings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from connectors.sdk.publisher import DeliveryError, deliver
from models.events import PersonalDataErased
from models.topics import DAY_MS
from streams.access.audit import read as read_audit
from streams.access.concealment import load_secret, recorded_forms_of, secret_path
from streams.kafka.state_reader import read_rows
from streams.kafka.topic_reader import KafkaError
from streams.privacy import personal_data
from streams.privacy.citizen_finder import CitizenFinder, KafkaUnavailable
from streams.privacy.erasures import Erasures, RetentionPeriods
from streams.privacy.personal_data import PersonalData, PrivacyRequests, RetentionRule
from streams.runtime.instance_lock import find_cluster
from streams.settings.retention import MONTH_DAYS, citizen_retention, erased_days
from streams.settings.schema import ConfigError, Settings
from streams.timeline.store import Timeline


def open_privacy_requests(settings: Settings) -> PrivacyRequests:
    """Return the functions for privacy requests; without known brokers, their `erasures` raises `KafkaUnavailable`."""

    def erasures(timeline: Timeline) -> Erasures:
        try:
            return open_erasures(settings, timeline)
        except ConfigError:
            raise KafkaUnavailable("no brokers") from None

    return PrivacyRequests(erasures, partial(collect_personal_data, settings), settings.web.zone)


def open_erasures(settings: Settings, timeline: Timeline) -> Erasures:
    """Return the erasures on `timeline` and the brokers of `find_cluster`. Raises `ConfigError` if no brokers are known."""
    brokers, options = find_cluster(settings)

    def rows(wanted: Callable[[bytes, bytes], bool]) -> Mapping[bytes, bytes]:
        try:
            return read_rows(brokers, options, wanted)
        except KafkaError as error:
            raise KafkaUnavailable(type(error).__name__) from None

    def publish(events: Sequence[PersonalDataErased]) -> None:
        try:
            deliver(brokers, events, client_id="accueil-erasures", options=options)
        except DeliveryError as error:
            raise KafkaUnavailable(str(error)) from None

    return Erasures(timeline, rows, publish, retention_periods(settings))


def collect_personal_data(
    settings: Settings, timeline: Timeline, finder: CitizenFinder, asked: str, sector: str, language: str
) -> PersonalData:
    """Return all personal data of the citizen with the identity `asked` in `sector`, or of the contact `asked`.

    It includes accesses from the audit log; those for `HIDDEN_PURPOSE` are only counted. Texts and names are in `language`.
    Its `contacts` are read from `timeline` only while they are iterated, which may raise `Unavailable`. Raises as
    `CitizenFinder.find` does, and `AuditError` or `OSError` if the audit log or the secret cannot be read.
    """
    rules = [RetentionRule(*fields) for fields in citizen_retention(settings, language)]

    def records() -> Iterator[Mapping[str, Any]]:
        return (line.record for line in read_audit(settings.data / "audit") if line.record is not None)

    services, queues = settings.web.name_services(language), settings.web.name_queues(language)
    notice = (settings.rights.notice_en if language == "en" else "") or settings.rights.notice
    names = partial(recorded_forms_of, secret=load_secret(secret_path(settings.data)))
    now = datetime.now(UTC)
    return personal_data.collect_personal_data(
        timeline,
        finder,
        asked,
        sector,
        records,
        rules,
        now,
        services,
        notice,
        queues,
        names,
        settings.name_reasons(language),
    )


def retention_periods(settings: Settings) -> RetentionPeriods:
    """Return the longest lifetimes, in milliseconds, of data that an erasure cannot delete."""
    retention = settings.retention
    return RetentionPeriods(
        topics=retention.events_days * DAY_MS,
        dead_letters=retention.dead_letters_days * DAY_MS,
        audit=(settings.audit.keep_days + MONTH_DAYS) * DAY_MS,
        state=settings.worker.keep_closed_days * DAY_MS,
        erased=erased_days(settings) * DAY_MS,
    )
