"""Translation of log records into short messages for the operator's console, in English and French.

The log files keep every line unchanged, including those of libraries, which the console does not show.
"""

import json
import logging
from io import TextIOBase
from typing import Any, Final

import click

from streams.locale.error_messages import LATER_RELEASE_MESSAGES, REFUSALS, translate
from streams.locale.i18n import say
from streams.runtime.logs import LIBRARIES

MESSAGES: Final = {
    "alerts_refused": (
        "{receiver} refuses {count} alerts, and receives the others",
        "{receiver} refuse {count} alertes, et reçoit les autres",
    ),
    "audit_cut": (
        "audit: the end of {file} was incomplete and is removed; the requests in it had not been answered",
        "audit : la fin de {file}, incomplète, est retirée ; il n'avait pas été répondu à ces demandes",
    ),
    "audit_damaged": (
        "audit: it was changed or damaged ({reason}), and continues in {next_file}: accueil audit verify",
        "audit : il a été modifié ou abîmé ({reason}), et continue dans {next_file} : accueil audit verify",
    ),
    "broker listens": ("listens on {host}:{port}", "écoute sur {host}:{port}"),
    "broker ended by itself": (
        "stopped unexpectedly (code {exit_code}), see {path}",
        "s'est arrêté (code {exit_code}), voir {path}",
    ),
    "broker killed": (
        "was killed: by an operator, or by the system because of a lack of memory",
        "a été tué : par quelqu'un, ou par le système à court de mémoire",
    ),
    "broker_left": (
        "{connector}: Kafka accepts no events ({reason}), they are kept on disk",
        "{connector} : Kafka n'accepte rien ({reason}), les événements sont gardés sur disque",
    ),
    "broker_unreachable": (
        "{connector}: Kafka cannot be reached ({error})",
        "{connector} : Kafka est injoignable ({error})",
    ),
    "connector_ended": (
        "{connector} stopped unexpectedly ({trouble}): all connectors are restarted",
        "{connector} s'est arrêté ({trouble}) : tous les connecteurs sont relancés",
    ),
    "connector_in_trouble": ("{connector} reads nothing: {trouble}", "{connector} ne lit rien : {trouble}"),
    "connector_takes_in_part": (
        "{connector} reads only a part: {trouble}",
        "{connector} ne lit qu'une partie : {trouble}",
    ),
    "gone_not_believed": (
        "{connector}: {count} entries have disappeared from the source, which is ignored: does its account see less than before?",
        "{connector} : {count} éléments ont disparu de la source, ignoré pour l'instant : son compte voit-il moins qu'avant ?",
    ),
    "internal_error": (
        "a defect of Accueil itself ({error}): the record becomes a dead letter",
        "un défaut d'Accueil même ({error}) : l'enregistrement est une lettre morte",
    ),
    "kafka_refuses": ("{error}", "{error}"),
    "connector_refused": (
        "{connector}: {trouble}: events are kept on disk until then",
        "{connector} : {trouble} : les événements sont gardés sur disque en attendant",
    ),
    "key_made": (
        "created a key that cannot be replaced, keep a copy: {path}",
        "clé créée, que rien ne remplace, en garder une copie : {path}",
    ),
    "leaving": ("cannot continue: {error}", "ne peut pas continuer : {error}"),
    "log_compressed": (
        "{connector}: compressed files of the log are not read ({file}); to read them, decompress them before the first start",
        "{connector} : fichiers compressés du journal non lus ({file}) ; pour les lire, les décompresser avant le 1er démarrage",
    ),
    "log_lost": (
        "{connector}: lines may be missing: {file} is another file than before, or was skipped",
        "{connector} : des lignes manquent peut-être : {file} n'est plus le même fichier, ou a été sauté",
    ),
    "mapping_failed": (
        "{connector}: a defect in the connector ({error}), the record is set aside",
        "{connector} : un défaut du connecteur ({error}), l'enregistrement est mis de côté",
    ),
    "messages_missed": (
        "{connector}: {count} changes without a webhook message were found by polling: do all webhooks arrive?",
        "{connector} : {count} changements sans message webhook, trouvés par interrogation : les webhooks arrivent-ils tous ?",
    ),
    "message_refused": (
        "{receiver} does not receive one message, but receives the others: {reason}",
        "{receiver} ne reçoit pas un message, mais reçoit les autres : {reason}",
    ),
    "process_ended_at_work": (
        "{connector}: the process ended while it processed a record, which is set aside if that happens again",
        "{connector} : le processus s'est arrêté pendant le traitement d'un enregistrement, mis de côté si cela se répète",
    ),
    "receiver_gone": (
        "{receiver} receives no more messages until the next start: {reason}",
        "{receiver} ne reçoit plus de message avant le prochain démarrage : {reason}",
    ),
    "receiver_away": (
        "{receiver} cannot be reached: {reason}",
        "{receiver} est injoignable : {reason}",
    ),
    "record_ends_process": (
        "{connector}: the process ended {count} times on one record, which is set aside",
        "{connector} : le processus s'est arrêté {count} fois sur un enregistrement, mis de côté",
    ),
    "records_expired": (
        "continues without {count} events that {topic} no longer has",
        "continue sans {count} événements que {topic} n'a plus",
    ),
    "records_rejected": (
        "{connector}: records that could not be used: {count} (see them: accueil rejects list)",
        "{connector} : enregistrements inutilisables : {count} (les voir : accueil rejects list)",
    ),
    "rejects_dropped": (
        "{connector}: too many records cannot be used, the {count} oldest are no longer in {path}",
        "{connector} : trop d'enregistrements inutilisables, les {count} plus anciens ne sont plus dans {path}",
    ),
    "requests_refused": (
        "{connector}: messages refused: {count} (HTTP {reason}; 401: does the sender have another secret, or a wrong clock?)",
        "{connector} : messages refusés : {count} (HTTP {reason} ; 401 : l'émetteur a-t-il un autre secret, une autre heure ?)",
    ),
    "sla_unreadable": (
        "an event of an SLA clock cannot be read ({topic} {partition}:{offset}): does another version write it?",
        "un événement d'horloge est illisible ({topic} {partition}:{offset}) : une autre version écrit-elle ?",
    ),
    "sla_calendars_gone": (
        "{path} no longer has the calendar {detail}: the clocks that used it keep their deadlines, paused or not",
        "{path} n'a plus de calendrier {detail} : les horloges qui le suivaient gardent leurs échéances, en pause ou non",
    ),
    "sla_file_refused": (
        "{path} is invalid, its previous content remains in force: {detail}",
        "{path} est inutilisable, son contenu précédent reste valable : {detail}",
    ),
    "sla_file_usable": (
        "{path} is valid again, and in force",
        "{path} est de nouveau utilisable, et en vigueur",
    ),
    "sla_promises_gone": (
        "{path} no longer has {detail}: open contacts keep it, unless another policy or a version with open_contacts applies",
        "{path} n'a plus {detail} : les contacts ouverts le gardent, sauf autre règle, ou version avec open_contacts, pour eux",
    ),
    "spool_cut": (
        "{connector}: the end of {file} was incomplete, and is written again",
        "{connector} : la fin de {file}, incomplète, est réécrite",
    ),
    "spool_damaged": (
        "{connector}: a part of the spool is damaged, set aside in {file}",
        "{connector} : une partie de la file sur disque est abîmée, mise de côté dans {file}",
    ),
    "taking_failed": (
        "{connector}: a defect in the connector ({error}), the file is set aside",
        "{connector} : un défaut du connecteur ({error}), le fichier est mis de côté",
    ),
    "telling_failed": (
        "a defect of Accueil itself: no message can be sent to {receiver}",
        "un défaut d'Accueil même : aucun message ne peut être envoyé à {receiver}",
    ),
    "tick_failed": (
        "a defect of Accueil itself ({error}): deadlines and expiry wait for the next attempt",
        "un défaut d'Accueil même ({error}) : les échéances et expirations attendent le prochain essai",
    ),
    "verification_failed": (
        "{connector}: a defect in the connector ({error}), a message was not accepted",
        "{connector} : un défaut du connecteur ({error}), un message n'a pas été accepté",
    ),
    "tables_migrating": (
        "migrates the database of an earlier release: this takes minutes with millions of contacts",
        "migre la base d'une version antérieure : avec des millions de contacts, cela prend des minutes",
    ),
    "waiting_for_database": ("waits for the database ({error})", "attend la base de données ({error})"),
    "database_away": ("the timeline database does not answer ({error})", "la base des fils ne répond pas ({error})"),
    "not_recorded": (
        "no personal data is shown, since the access cannot be recorded in the audit: {error}",
        "aucune donnée personnelle n'est montrée, faute de pouvoir enregistrer l'accès : {error}",
    ),
    "tokens_unusable": ("all clients are refused: {error}", "tous les clients sont refusés : {error}"),
    "key_unusable": (
        "no citizen can be found in one sector: {error}",
        "aucun usager ne peut être trouvé dans un secteur : {error}",
    ),
    "provider_away": (
        "the OpenID provider does not return its keys ({error}): its previous keys stay in use",
        "le fournisseur OpenID ne donne pas ses clés ({error}) : celles d'avant restent valables",
    ),
    "waiting_for_broker": ("waits for Kafka at {url}", "attend Kafka sur {url}"),
    r"a row of figures cannot be read: (?P<error>.*)": (
        "a row of figures cannot be read ({error}): does another version write it?",
        "une ligne de chiffres est illisible ({error}) : une autre version écrit-elle ?",
    ),
    r"a row of citizens' figures cannot be read: (?P<error>.*)": (
        "a row of citizens' figures cannot be read ({error}): does another version write it?",
        "une ligne de chiffres sur les usagers est illisible ({error}) : une autre version écrit-elle ?",
    ),
    r"(?P<topic>\S+): the Kafka client failed, it is started anew": (
        "a defect in reading {topic}, which is restarted",
        "un défaut dans la lecture de {topic}, recommencée",
    ),
    "the board can no longer be made": (
        "a defect of Accueil itself: the board is no longer updated",
        "un défaut d'Accueil même : le tableau est figé",
    ),
    r"(?P<number>.*) boards are open, no more may be": (
        "{number} boards are open, the maximum (web.max_viewers)",
        "{number} tableaux sont ouverts, le maximum (web.max_viewers)",
    ),
    r"more than (?P<number>.*) contacts are at risk: those with the latest deadlines are not listed": (
        "more than {number} contacts are at risk: those with the latest deadlines are not listed",
        "plus de {number} contacts sont à risque : ceux dont l'échéance est la plus lointaine ne sont pas listés",
    ),
    # Messages of libraries; their other messages are only in the files.
    r"(Bootstrap connection to \S+ failed|Unable connect to \S+): .*AuthenticationFailed.*": (
        "Kafka refuses the user or the password (kafka.sasl_…)",
        "Kafka refuse l'utilisateur ou le mot de passe (kafka.sasl_…)",
    ),
    # Answers of /readyz, those of the board in the terms of its page; other answers need no translation.
    "": ("does not answer yet", "ne répond pas encore"),
    "refused": (
        "Kafka refuses the login or a right: see the log",
        "Kafka refuse l'identification ou un droit : voir le journal",
    ),
    "no_broker": ("Kafka does not answer", "Kafka ne répond pas"),
    "no_topic": (
        "the topic of figures does not exist yet (accueil topics apply)",
        "le topic des chiffres n'existe pas encore (accueil topics apply)",
    ),
    "sla_no_topic": (
        "the topic of SLA clocks does not exist yet (accueil topics apply)",
        "le topic des horloges n'existe pas encore (accueil topics apply)",
    ),
    "sla_loading": ("reading the existing SLA clocks", "lecture des horloges déjà écrites"),
    "sla_following": ("follows the SLA clocks", "suit les horloges"),
    "loading": ("reading the existing figures", "lecture des chiffres déjà écrits"),
    "no_figures": (
        "the worker has not written all of its figures yet (accueil worker)",
        "le service de calcul n'a pas encore écrit tous ses chiffres (accueil worker)",
    ),
    "catching_up": (
        "a connector is reading an old log, or the worker is catching up: later events are not counted yet",
        "un connecteur lit un journal ancien, ou le service de calcul rattrape son retard : la suite n'est pas encore comptée",
    ),
    "silent": (
        "the worker has stopped writing (accueil worker)",
        "le service de calcul n'écrit plus (accueil worker)",
    ),
    "waiting for the database": ("waits for the database", "attend la base de données"),
    r"partitions \[\] of \[\] recovered": ("waits for its partitions", "attend ses partitions"),
    r"partitions \[\] of \[(?P<all>[^\]]*)\] recovered": (
        "reads the state of partitions {all}",
        "lit l'état des partitions {all}",
    ),
    r"partitions \[(?P<done>[^\]]*)\] of \[(?P<all>[^\]]*)\] recovered": (
        "reads the state of partitions {all} (done: {done})",
        "lit l'état des partitions {all} (lues : {done})",
    ),
}
"""Texts by log event or pattern, in English and French; braces contain keys of the log record or groups of the pattern."""

TRANSIENT_EVENTS: Final = frozenset(
    {
        "broker_left",
        "broker_unreachable",
        "connector_in_trouble",
        "connector_takes_in_part",
        "database_away",
        "leaving",
        "provider_away",
        "receiver_away",
        "waiting_for_broker",
        "waiting_for_database",
    }
)
"""Warnings that are normal while other processes start. A lasting cause is logged again or shown in /readyz."""

WHY: Final = {
    r"(?P<topic>\S+): (?P<count>\d+) records were deleted by retention before they were processed": (
        "Kafka deleted {count} events of {topic} before they were counted; to go on without them: worker.skip_expired = true",
        "Kafka a supprimé {count} événements de {topic} jamais comptés ; pour continuer sans eux : worker.skip_expired = true",
    ),
    r"(?P<topic>\S+): the next offset is (?P<state>\S+) by the state topics, and (?P<group>\S+) by the consumer group": (
        "{topic} was read up to {state} by the state topics, up to {group} by the group (see docs/how-to/recover.md)",
        "{topic} est lu jusqu'à {state} selon l'état, {group} selon le groupe (voir docs/how-to/recover.fr.md)",
    ),
    r"the timelines' database lacks entries of (?P<topic>\S+): (?P<first>\d+) to (?P<next>\d+)": (
        (
            "the timelines' database lacks entries of {topic} ({first} to {next}): it is new, or an old backup; restore the "
            "latest one, or read again what Kafka still has: accueil timeline rebuild"
        ),
        (
            "il manque des entrées de {topic} à la base des fils ({first} à {next}), neuve ou restaurée : reprendre la dernière "
            "sauvegarde, ou relire ce que Kafka garde encore : accueil timeline rebuild"
        ),
    ),
    r"(?P<topic>\S+): the next offset is (?P<next>\d+), but the topic ends at (?P<end>\d+)": (
        "{topic} was read up to {next}, but ends at {end} (see docs/how-to/recover.md)",
        "{topic} est lu jusqu'à {next}, mais finit à {end} (voir docs/how-to/recover.fr.md)",
    ),
    r"not all topics have the same number of partitions: (?P<counts>.*)": (
        "not all topics have the same number of partitions: {counts}",
        "les topics n'ont pas tous le même nombre de partitions : {counts}",
    ),
    r"more than (?P<number>\d+) records could not be folded": (
        "more than {number} events in an hour became dead letters because of a defect of Accueil itself",
        "plus de {number} événements en une heure sont devenus des lettres mortes par un défaut d'Accueil même",
    ),
    r"no progress for (?P<seconds>\d+) s": ("no progress for {seconds} s", "aucun progrès depuis {seconds} s"),
    r"InvalidSessionTimeoutError.*": (
        "the broker refuses worker.session_timeout_seconds (its group.min.session.timeout.ms)",
        "le broker refuse worker.session_timeout_seconds (son group.min.session.timeout.ms)",
    ),
    r"(\[Error \d+\] )?(Cluster|Group|Topic|TransactionalId)Authorization\w*[:(] ?(?P<which>.+?)\)?": (
        "the broker refuses a right on the cluster, a group, a topic, or a transactional id: {which} (kafka-acls.sh)",
        "le broker refuse un droit sur le cluster, un groupe, un topic ou une transaction : {which} (kafka-acls.sh)",
    ),
    r"(\[Error \d+\] )?(Cluster|Group|Topic|TransactionalId)Authorization\w*(\(\)|: )?": (
        "the broker refuses a right on a group, a topic, or a transactional id",
        "le broker refuse un droit sur un groupe, un topic ou un identifiant de transaction",
    ),
    r"(\[Error \d+\] )?(Sasl)?AuthenticationFailed\w*[:(].*": (
        "Kafka refuses the user or the password: check kafka.sasl_username and kafka.sasl_password",
        "Kafka refuse l'utilisateur ou le mot de passe : vérifier kafka.sasl_username et kafka.sasl_password",
    ),
    **REFUSALS,
    **LATER_RELEASE_MESSAGES,
    "no acknowledgement": ("no acknowledgement", "aucun accusé de réception"),
}
"""Translations of error messages that exist in English only, mainly those of the engine."""


def parse_log_line(text: str) -> tuple[int, str]:
    """Return the level and the message for the operator of a JSON log line; level 0 and the text itself if it is not one.

    Messages of libraries are limited to level INFO, except those in `MESSAGES`.
    """
    try:
        record = json.loads(text)
        level, event, logger = (record.pop(key) for key in ("level", "event", "logger"))
        number = logging.getLevelNamesMapping()[level.upper()]
    except (ValueError, AttributeError, KeyError, TypeError):
        return 0, text
    for name in ("error", "reason"):
        if name in record:
            record[name] = translate(WHY, str(record[name])) or record[name]
    message = translate(MESSAGES, event, record)
    if message is None and any(logger == name or logger.startswith(f"{name}.") for name in LIBRARIES):
        number = min(number, logging.INFO)
    return number, message or _format_unknown(event, record)


def is_transient(text: str) -> bool:
    """Return whether a JSON log line is one of `TRANSIENT_EVENTS`, which are normal while processes start."""
    try:
        return json.loads(text)["event"] in TRANSIENT_EVENTS
    except (ValueError, KeyError, TypeError):
        return False


class Console(TextIOBase):
    """Stream for the JSON log of a command that prints its warnings and errors as messages to standard error."""

    def write(self, text: str) -> int:
        """Print the message of a log line if it is a warning or an error."""
        level, message = parse_log_line(text)
        if level >= logging.WARNING:
            click.echo(f"accueil: {message}", err=True)
        return len(text)


STARTING: Final = {
    "silent": ("the worker is still starting", "le service de calcul démarre encore"),
}
"""Texts for answers of /readyz before a process has been ready for the first time, where they differ from `MESSAGES`."""


def describe_state(answer: str, *, starting: bool = False) -> str:
    """Return the text for an answer of /readyz; with `starting`, for a process that has not been ready yet."""
    if starting and answer in STARTING:
        return say(*STARTING[answer])
    return translate(MESSAGES, answer) or translate(REFUSALS, answer) or answer


def _format_unknown(event: str, record: dict[str, Any]) -> str:
    rest = (f"{key}={value}" for key, value in record.items() if key not in {"timestamp", "exception"})
    return " ".join([event, *rest])
