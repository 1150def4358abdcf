"""Retention periods of all data, from all settings that define them, and contradictions between these settings."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from operator import attrgetter
from typing import Final, NamedTuple

from models.locale import C_, N_, _, translate
from streams.settings.schema import Settings

MONTH_DAYS: Final = 31
"""Longest time that a record of the audit log exists after its retention, in days, because whole files are deleted."""


class RetentionRule(NamedTuple):
    """Retention period of one kind of data."""

    what: str
    where: str
    personal: str
    """Kind of personal data in it."""
    until: str
    """Start of the period, or the event that ends it."""
    setting: str = ""
    """Name of the setting for `days`; empty if there is none."""
    days: int | None = None
    """None without a setting: unlimited, or as `until` says."""


PSEUDONYMS: Final = N_("pseudonyms")
CONTACT_IDS: Final = N_("ids of contacts")
RAW: Final = N_("unchanged input, perhaps names and texts")
NOTHING: Final = N_("nothing")
SINCE_TOLD: Final = N_("after the event was published")
SINCE_CLOSED: Final = N_("after it was closed")


def find_due(applied_at: datetime | None, now: datetime, at: time) -> datetime | None:
    """Return when the removal of expired data was last due, daily at `at` in the time zone of `now`; None if it was done since.

    `applied_at` is the time of the last removal. None means unknown, and a time in the future counts as unknown.
    """
    today = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    due = today if today <= now else today - timedelta(days=1)
    return due if applied_at is None or not due <= applied_at <= now else None


def erased_days(settings: Settings) -> int:
    """Return the number of days that a contact stays marked as erased: as many as closed contacts stay in the timelines."""
    return settings.timeline.keep_days


RULES: Final = (
    RetentionRule(
        N_("events, timeline entries, SLA events"),
        "Kafka contact.*.v1, citizen.timeline.v1",
        PSEUDONYMS,
        SINCE_TOLD,
        "retention.events_days",
    ),
    RetentionRule(
        N_("unusable records"), "Kafka contact.deadletter.v1", PSEUDONYMS, SINCE_TOLD, "retention.dead_letters_days"
    ),
    RetentionRule(
        N_("the state of each contact"),
        "Kafka accueil.contacts.v1",
        PSEUDONYMS,
        SINCE_CLOSED,
        "worker.keep_closed_days",
    ),
    RetentionRule(
        N_("the row for counting a citizen"),
        "Kafka accueil.citizens.v1",
        PSEUDONYMS,
        N_("until the four weeks of its contacts are counted; while a case is open, 400 days at most"),
    ),
    RetentionRule(
        N_("citizens' timelines, links, open SLA targets"),
        "timeline.db, PostgreSQL",
        PSEUDONYMS,
        SINCE_CLOSED,
        "timeline.keep_days",
    ),
    RetentionRule(
        N_("revoked links"),
        "timeline.db, PostgreSQL",
        PSEUDONYMS,
        N_("while any data about one of the two exists, or until one is erased"),
    ),
    RetentionRule(
        N_("contacts whose person was erased, or whose record was corrected"),
        "timeline.db, PostgreSQL",
        CONTACT_IDS,
        N_("after the erasure"),
        "timeline.keep_days",
    ),
    RetentionRule(
        N_("accesses to citizens' data and their purposes; proofs of erasure"),
        "data/audit, timeline.db",
        PSEUDONYMS,
        N_("after the record, plus up to a month"),
        "audit.keep_days",
    ),
    RetentionRule(
        N_("records that a connector could not map"),
        "data/connectors/…/rejects.jsonl, *.bad",
        RAW,
        N_("after it was read"),
        "retention.rejects_days",
    ),
    RetentionRule(
        N_("a switchboard's live events"),
        "data/connectors/…/ami, esl",
        N_("telephone numbers"),
        N_("until Kafka or the spool has them; while the connector is stopped, unlimited"),
    ),
    RetentionRule(
        N_("headers of e-mails of Microsoft 365 that are not yet published"),
        "data/connectors/…/mailbox.sqlite",
        N_("addresses; with rules for words of subjects, subjects"),
        N_("until Kafka or the spool has them; while the connector is stopped, unlimited"),
    ),
    RetentionRule(
        N_("events while Kafka is unavailable"), "data/connectors/…/spool", PSEUDONYMS, N_("until Kafka has them")
    ),
    RetentionRule(
        N_("events that connectors published, so that duplicates are identical"),
        "data/connectors/…/told.sqlite, threads.sqlite, cursor-*",
        N_("ids, keyed digests"),
        N_("the newest, up to a fixed number"),
    ),
    RetentionRule(
        N_("a connector's position before its source was read again"),
        "data/connectors/…/before-reread",
        N_("ids, keyed digests"),
        N_("after that reading"),
        "retention.rejects_days",
    ),
    RetentionRule(
        N_("registers of letters: numbers given in a mailroom, letters of Maarch already published"),
        "data/connectors/…/register.sqlite, letters.sqlite",
        N_("ids, keyed digests"),
        N_("unlimited: otherwise a number would be given twice or a letter published twice"),
    ),
    RetentionRule(
        N_("scans and sidecars of a mailroom"),
        "connectors.<mailroom>.archive",
        N_("the letters themselves, unchanged"),
        N_('until you remove them; with afterwards = "delete", a letter is deleted after it was read'),
    ),
    RetentionRule(
        N_("reported missed SLA targets"), "notify.db", CONTACT_IDS, N_("after the end"), "notify.keep_ended_days"
    ),
    RetentionRule(N_("logs"), "data/logs", NOTHING, N_("after the last line"), "retention.logs_days"),
    RetentionRule(
        N_("figures of each day"), "Kafka accueil.figures.v1", NOTHING, N_("after that day"), "worker.keep_days"
    ),
    RetentionRule(N_("figures, totals"), "Kafka accueil.figures.v1", NOTHING, N_("unlimited")),
)
"""Retention periods of all data, without their `days`, which `retention_rules` adds."""


def retention_rules(settings: Settings) -> list[RetentionRule]:
    """Return the retention periods of all data, with the days of these settings."""
    return [rule._replace(days=_days(settings, rule.setting) if rule.setting else None) for rule in RULES]


class CitizenRetention(NamedTuple):
    """Retention period of one kind of personal data, in a citizen's words."""

    what: str
    settings: tuple[str, ...]
    """Settings with the days, of which the largest applies; empty if there is no fixed period."""
    until: str


CITIZEN_RULES: Final = (
    CitizenRetention(
        N_("your contacts: events, SLA targets, waits, opinions, identities and links"),
        ("timeline.keep_days", "worker.keep_closed_days", "notify.keep_ended_days"),
        N_("after the contact was closed; the contact's id, as long after an erasure"),
    ),
    CitizenRetention(
        N_("events on their way, under pseudonyms (telephone numbers until they are replaced)"),
        ("retention.events_days", "retention.dead_letters_days"),
        SINCE_TOLD,
    ),
    CitizenRetention(
        N_("unchanged records that could not be read, perhaps with names and texts"),
        ("retention.rejects_days",),
        N_("after they were read"),
    ),
    CitizenRetention(
        N_("accesses to your data and their purposes; proofs of erasure"),
        ("audit.keep_days",),
        N_("after the access, plus up to a month"),
    ),
    CitizenRetention(
        N_("registration numbers and scans of letters, revoked links, digests that recognise duplicates"),
        (),
        N_("without a fixed period"),
    ),
)
"""Retention periods of all personal data in `RULES`, for the citizen's export."""


def citizen_retention(settings: Settings, language: str) -> Iterator[tuple[str, int | None, str]]:
    """Yield kind of data, days and start of the period for each of `CITIZEN_RULES`, in `en` or `fr`. Days: None if not fixed."""
    for rule in CITIZEN_RULES:
        days = max((_days(settings, setting) for setting in rule.settings), default=None)
        yield translate(rule.what, language), days, translate(rule.until, language)


def _days(settings: Settings, setting: str) -> int:
    days: int = attrgetter(setting)(settings)
    return days


def describe(settings: Settings, language: str) -> str:
    """Return the table of retention periods in `en` or `fr` as Markdown, as printed in PRIVACY.md."""
    rows = [[translate(title, language) for title in TITLES], ["---"] * len(TITLES)]
    for rule in retention_rules(settings):
        days = "" if rule.days is None else translate(N_("{days} days"), language, days=rule.days) + ", "
        setting = f"`{rule.setting}`" if rule.setting else ""
        what, personal, until = (translate(text, language) for text in (rule.what, rule.personal, rule.until))
        rows.append([what, f"`{rule.where}`", personal, f"{days}{until}", setting])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


TITLES: Final = (
    N_("data"),
    N_("where"),
    C_("retention", "personal data"),
    N_("duration"),
    N_("setting"),
)


def find_contradictions(settings: Settings) -> Iterator[str]:
    """Yield a message for each of `CONTRADICTIONS` in the settings: a period that must be longer than another one is not."""
    for longer, shorter, reason in CONTRADICTIONS:
        days, fewer_days = _days(settings, longer), _days(settings, shorter)
        if days <= fewer_days:
            yield f"{longer} = {days}, {shorter} = {fewer_days}{_(':')} {_(reason)}"


CONTRADICTIONS: Final = (
    (
        "worker.keep_closed_days",
        "retention.events_days",
        N_("Kafka keeps events longer, so a duplicate would count again"),
    ),
    ("worker.keep_closed_days", "retention.dead_letters_days", N_("a dead letter replayed late would count again")),
    (
        "timeline.keep_days",
        "retention.events_days",
        N_("the marks of erased contacts would be deleted before the topics"),
    ),
    ("notify.keep_ended_days", "retention.events_days", N_("a duplicate event would start a new incident")),
    ("audit.keep_days", "timeline.keep_days", N_("the accesses to a timeline would be deleted before the timeline")),
)
"""Setting that must be larger, setting that must be smaller, and the reason."""
