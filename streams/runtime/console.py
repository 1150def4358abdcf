"""What the parts say, as the person at the console is told it: few words, in their language.

The files keep every line as it was said; libraries' own words stay there.
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
        "{receiver} refuses {count} alerts, and is told the others",
        "{receiver} refuse {count} alertes, et reçoit les autres",
    ),
    "audit_cut": (
        "audit: the end of {file} was written by half, and is cut off; nothing of it was answered",
        "audit : la fin de {file}, écrite à moitié, est coupée ; rien n'en avait été répondu",
    ),
    "audit_damaged": (
        "audit: it was changed, or is damaged ({reason}), and goes on in {next_file}: accueil audit verify",
        "audit : il a été modifié ou abîmé ({reason}), et continue dans {next_file} : accueil audit verify",
    ),
    "broker listens": ("listens on {host}:{port}", "écoute sur {host}:{port}"),
    "broker ended by itself": (
        "stopped by itself (code {exit_code}), see {path}",
        "s'est arrêté (code {exit_code}), voir {path}",
    ),
    "broker killed": (
        "was killed: by somebody, or by the system for want of memory",
        "a été tué : par quelqu'un, ou par le système à court de mémoire",
    ),
    "broker_left": (
        "{connector}: Kafka takes nothing ({reason}), what comes is kept on disk",
        "{connector} : Kafka ne prend rien ({reason}), ce qui arrive est gardé sur disque",
    ),
    "broker_unreachable": (
        "{connector}: Kafka cannot be reached ({error})",
        "{connector} : Kafka est injoignable ({error})",
    ),
    "connector_ended": (
        "{connector} ended by itself ({trouble}): all connectors are started again",
        "{connector} s'est arrêté ({trouble}) : tous les connecteurs sont relancés",
    ),
    "connector_in_trouble": ("{connector} takes nothing in: {trouble}", "{connector} ne prend rien : {trouble}"),
    "connector_takes_in_part": (
        "{connector} takes in a part only: {trouble}",
        "{connector} ne prend qu'une partie : {trouble}",
    ),
    "gone_not_believed": (
        "{connector}: {count} things are no longer there, which is not believed: does its account see less than before?",
        "{connector} : {count} choses ne sont plus là, ce qu'on ne croit pas : son compte voit-il moins qu'avant ?",
    ),
    "internal_error": (
        "a defect of Accueil itself ({error}): the record is a dead letter",
        "un défaut d'Accueil même ({error}) : l'enregistrement est une lettre morte",
    ),
    "kafka_refuses": ("{error}", "{error}"),
    "connector_refused": (
        "{connector}: {trouble}: events are kept on disk meanwhile",
        "{connector} : {trouble} : les événements sont gardés sur disque en attendant",
    ),
    "key_made": (
        "made a key that nothing replaces, keep a copy: {path}",
        "clé créée, que rien ne remplace, en garder une copie : {path}",
    ),
    "leaving": ("cannot go on: {error}", "ne peut pas continuer : {error}"),
    "log_compressed": (
        "{connector}: compressed files of the log are not read ({file}); to read them, decompress them before the first start",
        "{connector} : fichiers compressés du journal non lus ({file}) ; pour les lire, les décompresser avant le 1er démarrage",
    ),
    "log_lost": (
        "{connector}: lines may be missing: {file} is another file than before, or was passed over",
        "{connector} : des lignes manquent peut-être : {file} n'est plus le même fichier, ou a été sauté",
    ),
    "mapping_failed": (
        "{connector}: a defect in the connector ({error}), the record is kept apart",
        "{connector} : un défaut du connecteur ({error}), l'enregistrement est mis de côté",
    ),
    "messages_missed": (
        "{connector}: {count} changes that no message had told were found by asking: do all of its webhooks come?",
        "{connector} : {count} changements qu'aucun message n'avait dits, trouvés en demandant : ses webhooks viennent-ils ?",
    ),
    "message_refused": (
        "{receiver} is not told of one thing, and is told the others: {reason}",
        "{receiver} n'est pas prévenu d'une chose, et l'est des autres : {reason}",
    ),
    "process_ended_at_work": (
        "{connector}: the process ended while it worked on a record, which is kept apart if that goes on",
        "{connector} : le processus s'est arrêté pendant le traitement d'un enregistrement, mis de côté si cela se répète",
    ),
    "receiver_gone": (
        "{receiver} is told nothing more until the next start: {reason}",
        "{receiver} n'est plus prévenu de rien avant le prochain démarrage : {reason}",
    ),
    "receiver_away": (
        "{receiver} cannot be told: {reason}",
        "{receiver} ne peut être prévenu : {reason}",
    ),
    "record_ends_process": (
        "{connector}: the process ended {count} times on one record, which is kept apart",
        "{connector} : le processus s'est arrêté {count} fois sur un enregistrement, mis de côté",
    ),
    "records_expired": (
        "goes on without {count} events that {topic} no longer has",
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
        "{connector}: messages refused: {count} (HTTP {reason}; 401: is the sender's secret another, or a clock wrong?)",
        "{connector} : messages refusés : {count} (HTTP {reason} ; 401 : l'émetteur a-t-il un autre secret, une autre heure ?)",
    ),
    "sla_unreadable": (
        "an event of a clock cannot be read ({topic} {partition}:{offset}): is another version writing?",
        "un événement d'horloge est illisible ({topic} {partition}:{offset}) : une autre version écrit-elle ?",
    ),
    "sla_calendars_gone": (
        "{path} has no calendar {detail} any more: the clocks that ran by it keep their deadlines, paused or not",
        "{path} n'a plus de calendrier {detail} : les horloges qui le suivaient gardent leurs échéances, en pause ou non",
    ),
    "sla_file_refused": (
        "{path} cannot be used, what it said before still holds: {detail}",
        "{path} est inutilisable, ce qu'il disait avant reste valable : {detail}",
    ),
    "sla_file_usable": (
        "{path} can be used again, and counts",
        "{path} est de nouveau utilisable, et compte",
    ),
    "sla_promises_gone": (
        "{path} no longer has {detail}: open contacts keep it, unless another policy or a version with open_contacts is for them",
        "{path} n'a plus {detail} : les contacts ouverts le gardent, sauf autre règle, ou version avec open_contacts, pour eux",
    ),
    "spool_cut": (
        "{connector}: the end of {file} was written by half, and is written again",
        "{connector} : la fin de {file}, écrite à moitié, est reprise",
    ),
    "spool_damaged": (
        "{connector}: a part of the spool is damaged, set aside in {file}",
        "{connector} : une partie de la file sur disque est abîmée, mise de côté dans {file}",
    ),
    "taking_failed": (
        "{connector}: a defect in the connector ({error}), the file is kept apart",
        "{connector} : un défaut du connecteur ({error}), le fichier est mis de côté",
    ),
    "telling_failed": (
        "a defect of Accueil itself: {receiver} cannot be told",
        "un défaut d'Accueil même : {receiver} ne peut être prévenu",
    ),
    "tick_failed": (
        "a defect of Accueil itself ({error}): what depends on time alone waits for the next try",
        "un défaut d'Accueil même ({error}) : ce qui ne dépend que du temps attend le prochain essai",
    ),
    "verification_failed": (
        "{connector}: a defect in the connector ({error}), a message was not taken",
        "{connector} : un défaut du connecteur ({error}), un message n'a pas été pris",
    ),
    "tables_migrating": (
        "brings the database of an earlier release to this one's tables: with millions of contacts that takes minutes",
        "met la base d'une version antérieure aux tables de celle-ci : avec des millions de contacts, cela prend des minutes",
    ),
    "waiting_for_database": ("waits for the database ({error})", "attend la base de données ({error})"),
    "database_away": ("the timelines' database does not answer ({error})", "la base des fils ne répond pas ({error})"),
    "not_recorded": (
        "nothing is shown of anybody, since it cannot be recorded: {error}",
        "rien n'est montré de personne, faute de pouvoir l'enregistrer : {error}",
    ),
    "tokens_unusable": ("nobody is let in: {error}", "personne n'est admis : {error}"),
    "key_unusable": ("nobody is found in a sector: {error}", "personne n'est trouvé dans un secteur : {error}"),
    "provider_away": (
        "the OpenID provider does not give its keys ({error}): those it gave before hold",
        "le fournisseur OpenID ne donne pas ses clés ({error}) : celles d'avant restent valables",
    ),
    "waiting_for_broker": ("waits for Kafka at {url}", "attend Kafka sur {url}"),
    r"a row of figures cannot be read: (?P<error>.*)": (
        "a row of figures cannot be read ({error}): is another version writing?",
        "une ligne de chiffres est illisible ({error}) : une autre version écrit-elle ?",
    ),
    r"a row of citizens' figures cannot be read: (?P<error>.*)": (
        "a row of citizens' figures cannot be read ({error}): is another version writing?",
        "une ligne de chiffres sur les usagers est illisible ({error}) : une autre version écrit-elle ?",
    ),
    r"(?P<topic>\S+): the Kafka client failed, it is started anew": (
        "a defect in reading {topic}, begun anew",
        "un défaut dans la lecture de {topic}, recommencée",
    ),
    "the board can no longer be made": (
        "a defect of Accueil itself: the board stands still",
        "un défaut d'Accueil même : le tableau est figé",
    ),
    r"(?P<number>.*) boards are open, no more may be": (
        "{number} boards are open, no more may be (web.max_viewers)",
        "{number} tableaux sont ouverts, le maximum (web.max_viewers)",
    ),
    r"more than (?P<number>.*) contacts are at risk: those with the latest deadlines are not listed": (
        "more than {number} contacts are at risk: those with the latest deadlines are not listed",
        "plus de {number} contacts sont à risque : ceux dont l'échéance est la plus lointaine ne sont pas listés",
    ),
    # What libraries say; their other words stay in the files.
    r"(Bootstrap connection to \S+ failed|Unable connect to \S+): .*AuthenticationFailed.*": (
        "Kafka refuses the user or the password (kafka.sasl_…)",
        "Kafka refuse l'utilisateur ou le mot de passe (kafka.sasl_…)",
    ),
    # What /readyz answers, the board's in the words of its page; what is not here is in words already.
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
    "sla_loading": ("reading the SLA clocks told so far", "lecture de ce qui est déjà dit des horloges"),
    "sla_following": ("follows the SLA clocks", "suit les horloges"),
    "loading": ("reading the figures written so far", "lecture des chiffres déjà écrits"),
    "no_figures": (
        "the worker has not written all of its figures yet (accueil worker)",
        "le service de calcul n'a pas encore écrit tous ses chiffres (accueil worker)",
    ),
    "catching_up": (
        "a connector is reading an old log, or the worker is catching up: what came later is not counted yet",
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
"""What the parts say, and how to put it; in braces, values of the log record or of the pattern."""

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
"""Warnings that end by themselves once the other processes have started. If a cause lasts, it is logged again or in /readyz."""

WHY: Final = {
    r"(?P<topic>\S+): (?P<count>\d+) records were deleted by retention before they were taken": (
        "Kafka deleted {count} events of {topic} before they were counted; to go on without them: worker.skip_expired = true",
        "Kafka a supprimé {count} événements de {topic} jamais comptés ; pour continuer sans eux : worker.skip_expired = true",
    ),
    r"(?P<topic>\S+): the next offset is (?P<state>\S+) by the state topics, and (?P<group>\S+) by the consumer group": (
        "{topic} was taken up to {state} by the state, to {group} by the group (see docs/how-to/recover.md)",
        "{topic} est pris jusqu'à {state} selon l'état, {group} selon le groupe (voir docs/how-to/recover.fr.md)",
    ),
    r"the timelines' database lacks entries of (?P<topic>\S+): (?P<first>\d+) to (?P<next>\d+)": (
        (
            "the timelines' database lacks entries of {topic} ({first} to {next}): it is new, or an old backup; restore the "
            "latest one, or read again what Kafka still holds: accueil timeline rebuild"
        ),
        (
            "il manque des entrées de {topic} à la base des fils ({first} à {next}), neuve ou restaurée : reprendre la dernière "
            "sauvegarde, ou relire ce que Kafka garde encore : accueil timeline rebuild"
        ),
    ),
    r"(?P<topic>\S+): the next offset is (?P<next>\d+), but the topic ends at (?P<end>\d+)": (
        "{topic} was taken up to {next}, but ends at {end} (see docs/how-to/recover.md)",
        "{topic} est pris jusqu'à {next}, mais finit à {end} (voir docs/how-to/recover.fr.md)",
    ),
    r"not all topics have the same number of partitions: (?P<counts>.*)": (
        "not all topics have the same number of partitions: {counts}",
        "les topics n'ont pas tous le même nombre de partitions : {counts}",
    ),
    r"more than (?P<number>\d+) records could not be folded": (
        "more than {number} events in an hour met a defect of Accueil itself, and are dead letters",
        "plus de {number} événements en une heure ont rencontré un défaut d'Accueil même, et sont des lettres mortes",
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
"""Why something could not be done, as the engine says it, which has one language."""


def parse_log_line(text: str) -> tuple[int, str]:
    """Return level and one line for people of a JSON log line of ours; level 0 and the text itself if it is none.

    Libraries speak at INFO at most, but for what is put into words here.
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
    words = translate(MESSAGES, event, record)
    if words is None and any(logger == name or logger.startswith(f"{name}.") for name in LIBRARIES):
        number = min(number, logging.INFO)
    return number, words or _as_it_is(event, record)


def is_transient(text: str) -> bool:
    """Return whether a JSON log line of ours tells what is usual in the first seconds of a process (`PASSING`)."""
    try:
        return json.loads(text)["event"] in TRANSIENT_EVENTS
    except (ValueError, KeyError, TypeError):
        return False


class Console(TextIOBase):
    """Takes the JSON log of a command, and shows the person who gave it what matters: warnings and worse, in words."""

    def write(self, text: str) -> int:
        """Show `text`, a log line, if it matters."""
        level, words = parse_log_line(text)
        if level >= logging.WARNING:
            click.echo(f"accueil: {words}", err=True)
        return len(text)


STARTING: Final = {
    "silent": ("the worker is still starting", "le service de calcul démarre encore"),
}
"""Words for an answer of /readyz while a process has not been ready since its start, where they differ from `SAYINGS`."""


def describe_state(answer: str, *, starting: bool = False) -> str:
    """Return in words what `answer` of /readyz says; empty for none. `starting`: the process has not been ready yet."""
    if starting and answer in STARTING:
        return say(*STARTING[answer])
    return translate(MESSAGES, answer) or translate(REFUSALS, answer) or answer


def _as_it_is(event: str, record: dict[str, Any]) -> str:
    rest = (f"{key}={value}" for key, value in record.items() if key not in {"timestamp", "exception"})
    return " ".join([event, *rest])
