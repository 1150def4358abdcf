"""Retention periods of all data, from all settings that define them, and contradictions between these settings."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple

from streams.settings.schema import Settings

MONTH_DAYS: Final = 31
"""Longest additional time for a record of the audit log, in days, because whole files are deleted."""
Text = tuple[str, str]
"""English, French."""


class RetentionRule(NamedTuple):
    """Retention period of one kind of data."""

    what: Text
    where: str
    personal: Text
    """Kind of personal data in it."""
    days: int | None
    """None: unlimited, or as `until` says."""
    until: Text
    """Start of the period, or the event that ends it."""
    setting: str
    """Name of the setting for `days`; empty if there is none."""


PSEUDONYMS: Final = ("pseudonyms", "pseudonymes")
CONTACT_IDS: Final = ("ids of contacts", "numéros de contacts")
RAW: Final = ("unchanged input, perhaps names and texts", "tel quel : peut-être noms, textes")
NOTHING: Final = ("nothing", "rien")
SINCE_TOLD: Final = ("after the event was published", "après publication de l'événement")
SINCE_CLOSED: Final = ("after it was closed", "après sa clôture")


def find_due(applied_at: datetime | None, now: datetime, at: time) -> datetime | None:
    """Return when the removal of expired data was last due, daily at `at`; None if it was done since.

    `applied_at` is the time of the last removal. None means unknown, and a time in the future counts as unknown.
    """
    today = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    due = today if today <= now else today - timedelta(days=1)
    return due if applied_at is None or not due <= applied_at <= now else None


def erased_days(settings: Settings) -> int:
    """Return the number of days that a contact stays marked as erased: as long as its timeline would have been kept."""
    return settings.timeline.keep_days


def retention_rules(settings: Settings) -> list[RetentionRule]:
    """Return the retention periods of all data."""
    retention, notify = settings.retention, settings.notify
    return [
        RetentionRule(
            ("events, timeline entries, SLA events", "événements, entrées des fils, échéances"),
            "Kafka contact.*.v1, citizen.timeline.v1",
            PSEUDONYMS,
            retention.events_days,
            SINCE_TOLD,
            "retention.events_days",
        ),
        RetentionRule(
            ("unusable records", "enregistrements inutilisables"),
            "Kafka contact.deadletter.v1",
            PSEUDONYMS,
            retention.dead_letters_days,
            SINCE_TOLD,
            "retention.dead_letters_days",
        ),
        RetentionRule(
            ("the state of each contact", "l'état de chaque contact"),
            "Kafka accueil.contacts.v1",
            PSEUDONYMS,
            settings.worker.keep_closed_days,
            SINCE_CLOSED,
            "worker.keep_closed_days",
        ),
        RetentionRule(
            ("the row for counting a citizen", "la ligne qui sert à compter un usager"),
            "Kafka accueil.citizens.v1",
            PSEUDONYMS,
            None,
            (
                "until the four weeks of its contacts are counted; while a case is open, 400 days at most",
                (
                    "jusqu'à ce que les quatre semaines de ses contacts soient comptées ; "
                    "tant qu'une demande est ouverte, 400 jours au plus"
                ),
            ),
            "",
        ),
        RetentionRule(
            ("citizens' timelines, links, open SLA targets", "fils des usagers, liens, délais en cours"),
            "timeline.db, PostgreSQL",
            PSEUDONYMS,
            settings.timeline.keep_days,
            SINCE_CLOSED,
            "timeline.keep_days",
        ),
        RetentionRule(
            ("revoked links", "liens révoqués"),
            "timeline.db, PostgreSQL",
            PSEUDONYMS,
            None,
            (
                "while any data about one of the two exists, or until one is erased",
                "tant que quelque chose est gardé de l'un des deux, ou jusqu'à l'effacement de l'un",
            ),
            "",
        ),
        RetentionRule(
            ("contacts whose person was erased", "contacts dont la personne a été effacée"),
            "timeline.db, PostgreSQL",
            CONTACT_IDS,
            erased_days(settings),
            ("after the erasure", "après l'effacement"),
            "timeline.keep_days",
        ),
        RetentionRule(
            (
                "accesses to citizens' data and their purposes; proofs of erasure",
                "qui a lu quoi de qui, et pourquoi ; preuves d'effacement",
            ),
            "data/audit, timeline.db",
            PSEUDONYMS,
            settings.audit.keep_days,
            ("after the record, plus up to a month", "après l'acte, et un mois de plus"),
            "audit.keep_days",
        ),
        RetentionRule(
            ("records that a connector could not map", "ce qu'un connecteur n'a pu lire"),
            "data/connectors/…/rejects.jsonl, *.bad",
            RAW,
            retention.rejects_days,
            ("after it was read", "après sa lecture"),
            "retention.rejects_days",
        ),
        RetentionRule(
            ("a switchboard's live events", "événements reçus en direct d'un standard"),
            "data/connectors/…/ami, esl",
            ("telephone numbers", "numéros de téléphone"),
            None,
            (
                "until Kafka or the spool has them; while the connector is stopped, unlimited",
                "jusqu'à ce que Kafka ou la file sur disque l'ait ; connecteur arrêté : sans limite",
            ),
            "",
        ),
        RetentionRule(
            ("events while Kafka is unavailable", "événements pendant une panne de Kafka"),
            "data/connectors/…/spool",
            PSEUDONYMS,
            None,
            ("until Kafka has them", "jusqu'à ce que Kafka les ait"),
            "",
        ),
        RetentionRule(
            (
                "events that connectors published, so that duplicates are identical",
                "événements déjà publiés par les connecteurs, pour que les doublons soient identiques",
            ),
            "data/connectors/…/told.sqlite, threads.sqlite, cursor-*",
            ("ids, keyed digests", "numéros, empreintes à clé"),
            None,
            ("the newest, up to a fixed number", "un nombre borné, les plus récents"),
            "",
        ),
        RetentionRule(
            (
                "a connector's position before its source was read again",
                "la position d'un connecteur avant une relecture",
            ),
            "data/connectors/…/before-reread",
            ("ids, keyed digests", "numéros, empreintes à clé"),
            retention.rejects_days,
            ("after that reading", "après celle-ci"),
            "retention.rejects_days",
        ),
        RetentionRule(
            (
                "registers of letters: numbers given in a mailroom, letters of Maarch reported so far",
                "registres des courriers : numéros donnés au service courrier, courriers de Maarch déjà publiés",
            ),
            "data/connectors/…/register.sqlite, letters.sqlite",
            ("ids, keyed digests", "numéros, empreintes à clé"),
            None,
            (
                "unlimited: otherwise a number would be given twice or a letter published twice",
                "sans limite : un numéro serait donné deux fois, ou un courrier publié deux fois",
            ),
            "",
        ),
        RetentionRule(
            ("scans and sidecars of a mailroom", "scans et fiches d'un service courrier"),
            "connectors.<mailroom>.archive",
            ("the letters themselves, as they came", "les courriers mêmes, tels quels"),
            None,
            (
                'until you remove them; with afterwards = "delete", a letter is deleted after it was read',
                'jusqu\'à ce que vous les retiriez ; avec afterwards = "delete", ce qui est lu est supprimé aussitôt',
            ),
            "",
        ),
        RetentionRule(
            ("reported missed SLA targets", "échéances dépassées déjà signalées"),
            "notify.db",
            CONTACT_IDS,
            notify.keep_ended_days,
            ("after the end", "après la fin"),
            "notify.keep_ended_days",
        ),
        RetentionRule(
            ("logs", "journaux"),
            "data/logs",
            NOTHING,
            retention.logs_days,
            ("after the last line", "après la dernière ligne"),
            "retention.logs_days",
        ),
        RetentionRule(
            ("figures of each day", "chiffres de chaque jour"),
            "Kafka accueil.figures.v1",
            NOTHING,
            settings.worker.keep_days,
            ("after that day", "après ce jour"),
            "worker.keep_days",
        ),
        RetentionRule(
            ("figures, totals", "chiffres, totaux"),
            "Kafka accueil.figures.v1",
            NOTHING,
            None,
            ("unlimited", "sans limite"),
            "",
        ),
    ]


def describe(settings: Settings, language: str) -> str:
    """Return the table of retention periods in `en` or `fr` as Markdown, as printed in PRIVACY.md."""
    index = ("en", "fr").index(language)
    rows = [[title[index] for title in TITLES], ["---"] * len(TITLES)]
    for rule in retention_rules(settings):
        days = "" if rule.days is None else f"{rule.days} {('days', 'jours')[index]}, "
        setting = f"`{rule.setting}`" if rule.setting else ""
        rows.append([rule.what[index], f"`{rule.where}`", rule.personal[index], f"{days}{rule.until[index]}", setting])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


TITLES: Final = (
    ("data", "données"),
    ("where", "où"),
    ("personal data", "données personnelles"),
    ("duration", "durée"),
    ("setting", "réglage"),
)


def find_contradictions(settings: Settings) -> Iterator[Text]:
    """Yield a message for each of `CONTRADICTIONS` in the settings: a period that must be longer than another one is not."""
    retention = settings.retention
    days = {
        "retention.events_days": retention.events_days,
        "retention.dead_letters_days": retention.dead_letters_days,
        "worker.keep_closed_days": settings.worker.keep_closed_days,
        "timeline.keep_days": settings.timeline.keep_days,
        "notify.keep_ended_days": settings.notify.keep_ended_days,
        "audit.keep_days": settings.audit.keep_days,
    }
    for longer, shorter, english, french in CONTRADICTIONS:
        if days[longer] <= days[shorter]:
            yield (
                f"{longer} = {days[longer]}, {shorter} = {days[shorter]}: {english}",
                f"{longer} = {days[longer]}, {shorter} = {days[shorter]} : {french}",
            )


CONTRADICTIONS: Final = (
    (
        "worker.keep_closed_days",
        "retention.events_days",
        "Kafka keeps events longer, so a duplicate would count again",
        "Kafka garde les événements plus longtemps : un doublon compterait deux fois",
    ),
    (
        "worker.keep_closed_days",
        "retention.dead_letters_days",
        "a dead letter replayed late would count again",
        "une lettre morte rejouée tard compterait deux fois",
    ),
    (
        "timeline.keep_days",
        "retention.events_days",
        "the marks of erased contacts would be deleted before the topics",
        "les personnes effacées seraient oubliées avant les topics",
    ),
    (
        "notify.keep_ended_days",
        "retention.events_days",
        "a duplicate event would start a new incident",
        "une échéance signalée de nouveau passerait pour nouvelle",
    ),
    (
        "audit.keep_days",
        "timeline.keep_days",
        "the accesses to a timeline would be deleted before the timeline",
        "on oublierait qui a lu un fil avant le fil",
    ),
)
"""Setting that must be larger, setting that must be smaller, reason in English and French."""
