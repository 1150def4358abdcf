"""Translation of log records into short messages for the operator's console, in English and French.

The log files keep every line unchanged. The console shows no messages of libraries, except those in `MESSAGES`.
"""

import json
import logging
from io import TextIOBase
from typing import Any, Final

import click

from models.locale import N_
from streams.locale.error_messages import LATER_RELEASE_MESSAGES, REFUSALS, translate_by_pattern
from streams.runtime.logs import LIBRARIES

MESSAGES: Final = {
    "alerts_refused": N_("{receiver} refuses {count} alerts, and receives the others"),
    "audit_cut": N_("audit: the end of {file} was incomplete and is removed; the requests in it had not been answered"),
    "audit_damaged": N_(
        "audit: it was changed or damaged ({reason}), and continues in {next_file}: accueil audit verify"
    ),
    "audit_unreadable": N_("no data is exported, since the audit cannot be read: {error}"),
    "broker listens": N_("listens on {host}:{port}"),
    "broker ended by itself": N_("stopped unexpectedly (code {exit_code}), see {path}"),
    "broker killed": N_("was killed: by an operator, or by the system because of a lack of memory"),
    "broker_left": N_("{connector}: Kafka accepts no events ({reason}), they are kept on disk"),
    "broker_unreachable": N_("{connector}: Kafka cannot be reached ({error})"),
    "connector_ended": N_("{connector} stopped unexpectedly ({trouble}): all connectors are restarted"),
    "connector_in_trouble": N_("{connector} reads nothing: {trouble}"),
    "connector_takes_in_again": N_("{connector} works again"),
    "connector_takes_in_part": N_("{connector} reads only a part: {trouble}"),
    "gone_not_believed": N_(
        "{connector}: {count} entries have disappeared from the source, which is ignored: does its "
        "account see less than before?"
    ),
    "internal_error": N_("a defect of Accueil itself ({error}): the record becomes a dead letter"),
    "kafka_refuses": N_("{error}"),
    "connector_refused": N_("{connector}: {trouble}: events are kept on disk until then"),
    "key_made": N_("created a key that cannot be replaced, keep a copy: {path}"),
    "leaving": N_("cannot continue: {error}"),
    "log_compressed": N_(
        "{connector}: compressed files of the log are not read ({file}); to read them, decompress "
        "them before the first start"
    ),
    "log_lost": N_("{connector}: lines may be missing: {file} is another file than before, or was skipped"),
    "mapping_failed": N_("{connector}: a defect in the connector ({error}), the record is set aside"),
    "messages_missed": N_(
        "{connector}: {count} changes without a webhook message were found by polling: do all webhooks arrive?"
    ),
    "message_refused": N_("{receiver} does not receive one message, but receives the others: {reason}"),
    "process_ended_at_work": N_(
        "{connector}: the process ended while it processed a record, which is set aside if that happens again"
    ),
    "receiver_gone": N_("{receiver} receives no more messages until the next start: {reason}"),
    "receiver_back": N_("{receiver} receives messages again"),
    "receiver_away": N_("{receiver} cannot be reached: {reason}"),
    "record_ends_process": N_("{connector}: the process ended {count} times on one record, which is set aside"),
    "records_expired": N_("continues without {count} events that {topic} no longer has"),
    "records_rejected": N_("{connector}: records that could not be used: {count} (see them: accueil rejects list)"),
    "rejects_dropped": N_("{connector}: too many records cannot be used, the {count} oldest are no longer in {path}"),
    "requests_refused": N_(
        "{connector}: messages refused: {count} (HTTP {reason}; 401: does the sender have another "
        "secret, or a wrong clock?)"
    ),
    "retracted_contacts_unknown": N_(
        "{connector}: {file} is damaged: contacts whose record was corrected before the reread may count twice"
    ),
    "since_has_no_effect": N_("{connector}: the option `since` has no effect: {reason}"),
    "sla_unreadable": N_(
        "an event of an SLA clock cannot be read ({topic} {partition}:{offset}): does another version write it?"
    ),
    "sla_calendars_gone": N_(
        "{path} no longer has the calendar {detail}: the clocks that used it keep their deadlines, paused or not"
    ),
    "table_unusable": N_("{connector}: {file} cannot be read: {reason}"),
    "sla_file_refused": N_("{path} is invalid, its previous content remains in force: {detail}"),
    "sla_file_usable": N_("{path} is valid again, and in force"),
    "sla_targets_gone": N_(
        "{path} no longer has {detail}: open contacts keep it, unless another policy or a version "
        "with open_contacts applies"
    ),
    "spool_cut": N_("{connector}: the end of {file} was incomplete, and is written again"),
    "spool_damaged": N_("{connector}: a part of the spool is damaged, set aside in {file}"),
    "store_unusable": N_("nothing can be sent to {receiver} now: {reason}"),
    "taking_failed": N_("{connector}: a defect in the connector ({error}), the file is set aside"),
    "telling_failed": N_("a defect of Accueil itself: no message can be sent to {receiver}"),
    "tick_failed": N_("a defect of Accueil itself ({error}): deadlines and expiry wait for the next attempt"),
    "verification_failed": N_("{connector}: a defect in the connector ({error}), a message was not accepted"),
    "tables_migrating": N_("migrates the database of an earlier release: this takes minutes with millions of contacts"),
    "waiting_for_database": N_("waits for the database ({error})"),
    "database_away": N_("the timeline database does not answer ({error})"),
    "not_recorded": N_("no personal data is shown, since the access cannot be recorded in the audit: {error}"),
    "tokens_unusable": N_("all clients are refused: {error}"),
    "key_unusable": N_("no citizen can be found in one sector: {error}"),
    "provider_away": N_("the OpenID provider does not return its keys ({error}): its previous keys stay in use"),
    "waiting_for_broker": N_("waits for Kafka at {url}"),
    r"ignored an unreadable row of figures: (?P<error>.*)": N_(
        "a row of figures cannot be read ({error}): does another version write it?"
    ),
    r"ignored an unreadable row of citizens' figures: (?P<error>.*)": N_(
        "a row of citizens' figures cannot be read ({error}): does another version write it?"
    ),
    r"(?P<topic>\S+): the Kafka client failed and is restarted": N_("a defect in reading {topic}, which is restarted"),
    "making the board failed": N_("a defect of Accueil itself: the board is no longer updated"),
    r"(?P<number>.*) boards are open \(web\.max_viewers\): refusing more": N_(
        "{number} boards are open, the maximum (web.max_viewers)"
    ),
    r"more than (?P<number>.*) contacts are at risk: those with the latest deadlines are not listed": N_(
        "more than {number} contacts are at risk: those with the latest deadlines are not listed"
    ),
    # Messages of libraries; their other messages are only in the files.
    r"(Bootstrap connection to \S+ failed|Unable connect to \S+): .*AuthenticationFailed.*": N_(
        "Kafka refuses the user or the password (kafka.sasl_…)"
    ),
    # Answers of /readyz, those of the board in the terms of its page; other answers need no translation.
    "": N_("does not answer yet"),
    "refused": N_("Kafka refuses the login or a right: see the log"),
    "no_broker": N_("Kafka does not answer"),
    "no_topic": N_("the topic of figures does not exist yet (accueil topics apply)"),
    "sla_no_topic": N_("the topic of SLA clocks does not exist yet (accueil topics apply)"),
    "sla_loading": N_("reading the existing SLA clocks"),
    "sla_following": N_("follows the SLA clocks"),
    "loading": N_("reading the existing figures"),
    "no_figures": N_("the worker has not written all of its figures yet (accueil worker)"),
    "catching_up": N_(
        "a connector is reading an old log, or the worker is catching up: later events are not counted yet"
    ),
    "silent": N_("the worker does not write (accueil worker)"),
    "waiting for the database": N_("waits for the database"),
    r"partitions \[\] of \[\] recovered": N_("waits for its partitions"),
    r"partitions \[\] of \[(?P<all>[^\]]*)\] recovered": N_("reads the state of partitions {all}"),
    r"partitions \[(?P<done>[^\]]*)\] of \[(?P<all>[^\]]*)\] recovered": N_(
        "reads the state of partitions {all} (done: {done})"
    ),
}
"""Log event, or pattern of a log event or of an answer of /readyz → its text, which `_` translates.

Braces contain keys of the log record or groups of the pattern."""

TRANSIENT_EVENTS: Final = frozenset(
    {
        "broker_left",
        "broker_unreachable",
        "connector_in_trouble",
        "connector_takes_in_again",
        "connector_takes_in_part",
        "database_away",
        "leaving",
        "provider_away",
        "receiver_away",
        "receiver_back",
        "waiting_for_broker",
        "waiting_for_database",
    }
)
"""Warnings that are normal while other processes start, and their ends. A lasting cause is logged again or shown in /readyz."""

WHY: Final = {
    r"(?P<topic>\S+): (?P<count>\d+) records were deleted by retention before they were processed": N_(
        "Kafka deleted {count} events of {topic} before they were counted; to go on without them: "
        "worker.skip_expired = true"
    ),
    r"(?P<topic>\S+): the next offset is (?P<state>\S+) by the state topics, and (?P<group>\S+) by the consumer group": N_(
        "{topic} was read up to {state} by the state topics, up to {group} by the group (see docs/how-to/recover.md)"
    ),
    r"the timelines' database lacks entries of (?P<topic>\S+): (?P<first>\d+) to (?P<next>\d+)": N_(
        "the timelines' database lacks entries of {topic} ({first} to {next}): it is new, or an old "
        "backup; restore the latest one, or read again what Kafka still has: accueil timeline rebuild"
    ),
    r"(?P<topic>\S+): the next offset is (?P<next>\d+), but the topic ends at (?P<end>\d+)": N_(
        "{topic} was read up to {next}, but ends at {end} (see docs/how-to/recover.md)"
    ),
    r"not all topics have the same number of partitions: (?P<counts>.*)": N_(
        "not all topics have the same number of partitions: {counts}"
    ),
    r"more than (?P<number>\d+) records could not be folded": N_(
        "more than {number} events in an hour became dead letters because of a defect of Accueil itself"
    ),
    r"no progress for (?P<seconds>\d+) s": N_("no progress for {seconds} s"),
    r"InvalidSessionTimeoutError.*": N_(
        "the broker refuses worker.session_timeout_seconds (its group.min.session.timeout.ms)"
    ),
    r"(\[Error \d+\] )?(Cluster|Group|Topic|TransactionalId)Authorization\w*[:(] ?(?P<which>.+?)\)?": N_(
        "the broker refuses a right on the cluster, a group, a topic, or a transactional id: {which} (kafka-acls.sh)"
    ),
    r"(\[Error \d+\] )?(Cluster|Group|Topic|TransactionalId)Authorization\w*(\(\)|: )?": N_(
        "the broker refuses a right on a group, a topic, or a transactional id"
    ),
    r"(\[Error \d+\] )?(Sasl)?AuthenticationFailed\w*[:(].*": N_(
        "Kafka refuses the user or the password: check kafka.sasl_username and kafka.sasl_password"
    ),
    **REFUSALS,
    **LATER_RELEASE_MESSAGES,
    "no acknowledgement": N_("no acknowledgement"),
}
"""Pattern of an error message that exists in English only, mainly of the engine → its text, which `_` translates."""


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
            record[name] = translate_by_pattern(WHY, str(record[name])) or record[name]
    message = translate_by_pattern(MESSAGES, event, record)
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


def describe_state(answer: str) -> str:
    """Return the text for an answer of /readyz, or the answer itself if it has none."""
    return translate_by_pattern(MESSAGES, answer) or translate_by_pattern(REFUSALS, answer) or answer


def _format_unknown(event: str, record: dict[str, Any]) -> str:
    rest = (f"{key}={value}" for key, value in record.items() if key not in {"timestamp", "exception"})
    return " ".join([event, *rest])
