"""How long is kept what: one table of all the settings that say so, held against each other."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple

from streams.settings.schema import Settings

MONTH_DAYS: Final = 31
"""Files of the audit go whole: their first record is so much older at most."""
Text = tuple[str, str]
"""English, French."""


class RetentionRule(NamedTuple):
    """What is kept somewhere."""

    what: Text
    where: str
    personal: Text
    """What of a person is in it."""
    days: int | None
    """None: without an end, or until what `until` says."""
    until: Text
    """From when on the days count, or what ends it."""
    setting: str
    """Empty: none."""


PSEUDONYMS: Final = ("pseudonyms", "pseudonymes")
CONTACT_IDS: Final = ("ids of contacts", "numéros de contacts")
RAW: Final = ("as it came: may be names, texts", "tel quel : peut-être noms, textes")
NOTHING: Final = ("nothing", "rien")
SINCE_TOLD: Final = ("after it was told", "après avoir été dit")
SINCE_CLOSED: Final = ("after it was closed", "après sa clôture")


def find_due(applied_at: datetime | None, now: datetime, at: time) -> datetime | None:
    """Return when the clocks, as `now` has them, last showed `at`, unless what is over was removed since.

    When that was may be unknown (None), or not believed: a time to come.
    """
    today = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    due = today if today <= now else today - timedelta(days=1)
    return due if applied_at is None or not due <= applied_at <= now else None


def erased_days(settings: Settings) -> int:
    """Return for how long after its erasure a contact is known as erased: as long as its timeline would have been kept."""
    return settings.timeline.keep_days


def retention_rules(settings: Settings) -> list[RetentionRule]:
    """Return all that is kept."""
    kept, notify = settings.retention, settings.notify
    return [
        RetentionRule(
            ("events, timeline entries, SLA events", "événements, entrées des fils, échéances"),
            "Kafka contact.*.v1, citizen.timeline.v1",
            PSEUDONYMS,
            kept.events_days,
            SINCE_TOLD,
            "retention.events_days",
        ),
        RetentionRule(
            ("records that could not be used", "enregistrements inutilisables"),
            "Kafka contact.deadletter.v1",
            PSEUDONYMS,
            kept.dead_letters_days,
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
            ("the row by which a citizen is counted", "la ligne qui sert à compter un usager"),
            "Kafka accueil.citizens.v1",
            PSEUDONYMS,
            None,
            (
                "until the four weeks of its contacts are counted; while a matter is open, 400 days at the most",
                (
                    "jusqu'à ce que les quatre semaines de ses contacts soient comptées ; "
                    "tant qu'une demande est ouverte, 400 jours au plus"
                ),
            ),
            "",
        ),
        RetentionRule(
            ("citizens' timelines, links, running promises", "fils des usagers, liens, délais en cours"),
            "timeline.db, PostgreSQL",
            PSEUDONYMS,
            settings.timeline.keep_days,
            SINCE_CLOSED,
            "timeline.keep_days",
        ),
        RetentionRule(
            ("links that were revoked", "liens révoqués"),
            "timeline.db, PostgreSQL",
            PSEUDONYMS,
            None,
            (
                "as long as anything is kept of one of the two, or until one is erased",
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
                "who read what of whom, and why; proofs of erasure",
                "qui a lu quoi de qui, et pourquoi ; preuves d'effacement",
            ),
            "data/audit, timeline.db",
            PSEUDONYMS,
            settings.audit.keep_days,
            ("after the record, and a month more", "après l'acte, et un mois de plus"),
            "audit.keep_days",
        ),
        RetentionRule(
            ("what a connector could not map", "ce qu'un connecteur n'a pu lire"),
            "data/connectors/…/rejects.jsonl, *.bad",
            RAW,
            kept.rejects_days,
            ("after it was read", "après sa lecture"),
            "retention.rejects_days",
        ),
        RetentionRule(
            ("what a switchboard told live", "ce qu'un standard a dit en direct"),
            "data/connectors/…/ami, esl",
            ("telephone numbers", "numéros de téléphone"),
            None,
            (
                "until Kafka or the spool has it; while the connector is stopped, without an end",
                "jusqu'à ce que Kafka ou la file sur disque l'ait ; connecteur arrêté : sans limite",
            ),
            "",
        ),
        RetentionRule(
            ("events while Kafka is away", "événements pendant une panne de Kafka"),
            "data/connectors/…/spool",
            PSEUDONYMS,
            None,
            ("until Kafka has them", "jusqu'à ce que Kafka les ait"),
            "",
        ),
        RetentionRule(
            (
                "what connectors told, so that it is the same again",
                "ce que les connecteurs ont dit, pour le redire pareil",
            ),
            "data/connectors/…/told.sqlite, threads.sqlite, cursor-*",
            ("ids, keyed digests", "numéros, empreintes à clé"),
            None,
            ("so many of the newest", "un nombre borné, les plus récents"),
            "",
        ),
        RetentionRule(
            (
                "a connector's position before its source was read again",
                "la position d'un connecteur avant une relecture",
            ),
            "data/connectors/…/before-reread",
            ("ids, keyed digests", "numéros, empreintes à clé"),
            kept.rejects_days,
            ("after that", "après celle-ci"),
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
                "without an end: a number would be given twice, or a letter reported twice",
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
                'until you remove them; with afterwards = "delete" what was read is deleted at once',
                'jusqu\'à ce que vous les retiriez ; avec afterwards = "delete", ce qui est lu est supprimé aussitôt',
            ),
            "",
        ),
        RetentionRule(
            ("promises that were told as broken", "échéances dépassées déjà signalées"),
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
            kept.logs_days,
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
            ("without an end", "sans limite"),
            "",
        ),
    ]


def describe(settings: Settings, language: str) -> str:
    """Return the table in `en` or `fr`, as Markdown has it: as PRIVACY.md prints it."""
    which = ("en", "fr").index(language)
    rows = [[title[which] for title in TITLES], ["---"] * len(TITLES)]
    for one in retention_rules(settings):
        days = "" if one.days is None else f"{one.days} {('days', 'jours')[which]}, "
        setting = f"`{one.setting}`" if one.setting else ""
        rows.append([one.what[which], f"`{one.where}`", one.personal[which], f"{days}{one.until[which]}", setting])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


TITLES: Final = (
    ("what", "quoi"),
    ("where", "où"),
    ("of a person", "d'une personne"),
    ("how long", "durée"),
    ("setting", "réglage"),
)


def find_contradictions(settings: Settings) -> Iterator[Text]:
    """Yield what one setting makes impossible of what another one promises."""
    kept = settings.retention
    days = {
        "retention.events_days": kept.events_days,
        "retention.dead_letters_days": kept.dead_letters_days,
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
        "Kafka keeps events longer, and one told again would count again",
        "Kafka garde les événements plus longtemps, et un événement redit compterait deux fois",
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
        "whose person was erased would be forgotten before the topics are",
        "les personnes effacées seraient oubliées avant les topics",
    ),
    (
        "notify.keep_ended_days",
        "retention.events_days",
        "an incident told again would be a new one",
        "une échéance redite serait nouvelle",
    ),
    (
        "audit.keep_days",
        "timeline.keep_days",
        "who read a timeline would be forgotten before it",
        "on oublierait qui a lu un fil avant le fil",
    ),
)
"""What must be kept longer than what, and why."""
