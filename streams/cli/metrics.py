"""`accueil metrics`: reference of the metrics of all processes.

Its output is `METRICS.md` and `METRICS.fr.md` in `deploy/prometheus`.
"""
# ruff: noqa: RUF001 - minus signs

import tomllib
from collections.abc import Mapping
from typing import Final

import click
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import Metric

from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.reconcile import Finding
from models.locale import LANGUAGES, SOURCE_LANGUAGE, _, document_language
from models.policies import Policies, SlaFile
from models.reasons import Reason
from models.roles import Role
from streams.access.audit_records import Purpose, Result
from streams.access.permissions import CITIZEN_OPERATIONS, Operation
from streams.api.metrics import AccessMetrics
from streams.cli.sla import EXAMPLE
from streams.engine.metrics import DELAY_BOUNDS, REGISTRY
from streams.notify.incidents import IncidentKind, Unsent
from streams.notify.metrics import NotifyMetrics
from streams.runtime import timeline_process  # noqa: F401 - adds its metrics to `REGISTRY`
from streams.settings.sla_file import WatchedPolicies
from streams.timeline.store import Written
from streams.web.metrics.descriptions import MetricText
from streams.web.metrics.reference_page import MetricDescription, describe, describe_web_metrics, write_markdown

TEXTS: Final[Mapping[str, MetricText]] = {
    # ------------------------------------------------------------------------------------------------------ worker
    "pipeline_records": MetricText(
        "records of committed steps", "Enregistrements lus d'un topic source et validés.", {"topic": ()}
    ),
    "pipeline_dead_letters_written": MetricText(
        "records rejected", "Lettres mortes écrites par ce processus.", {"reason": tuple(Reason)}
    ),
    "pipeline_steps": MetricText(
        "steps with records, or ticks", "Transactions validées.", {"kind": ("records", "tick")}
    ),
    "pipeline_step_records": MetricText("records per step", "Enregistrements par transaction."),
    "pipeline_commit_seconds": MetricText("t(committed) − t(begun)", "Du début d'une transaction à sa validation."),
    "pipeline_event_delay_seconds": MetricText(
        "t(committed) − Kafka's time of the first record of a batch",
        "De la prise en charge par Kafka à la validation : le premier enregistrement de chaque lot, qui attend le plus.",
        {"topic": ()},
        DELAY_BOUNDS,
    ),
    "pipeline_recovery_seconds": MetricText(
        "t(first delivery) − t(assigned)", "De l'attribution d'une partition à sa première livraison."
    ),
    "pipeline_delivery_gaps": MetricText(
        "gaps between the offsets of deliveries", "Livraisons qui ne suivaient pas la précédente, et ont été relues."
    ),
    "pipeline_internal_errors": MetricText("exceptions", "Enregistrements et ticks où notre propre code a échoué."),
    "pipeline_rebalances": MetricText(
        "assignments of the consumer group", "Attributions de partitions à ce processus."
    ),
    "pipeline_active_partitions": MetricText(
        "recovered partition tasks", "Partitions relues et traitées ici : leur somme vaut pipeline_expected_partitions."
    ),
    "pipeline_consumer_lag_records": MetricText(
        "Σ end offset − committed offset", "Enregistrements que les sources ont et qu'aucune transaction n'a validés."
    ),
    # -------------------------------------------------------------------------------------------------- connectors
    "connector_events_published": MetricText("events acknowledged", "Événements confirmés par le broker."),
    "connector_records_read": MetricText("records read", "Enregistrements lus de la source."),
    "connector_records_ignored": MetricText(
        "records without events", "Enregistrements qui ne disent rien des contacts."
    ),
    "connector_errors": MetricText(
        "rejects by reason", "Enregistrements rejetés, et nos propres échecs (internal_error)."
    ),
    "connector_answers_rejected": MetricText(
        "rejects of answers and ends",
        "Enregistrements rejetés qui annoncent un décroché ou la fin d'une conversation : sans eux, des appels paraissent sans "
        "réponse, ou sans fin.",
    ),
    "connector_rejects_dropped": MetricText(
        "rejects dropped", "Enregistrements rejetés qui ne sont plus gardés, de plus récents ayant pris leur place."
    ),
    "connector_broker_outages": MetricText("outages", "Fois où le broker n'a pas confirmé, et a été quitté."),
    "connector_last_event_timestamp_seconds": MetricText(
        "max t(event)", "Heure du plus récent événement confirmé par le broker."
    ),
    "connector_last_success_timestamp_seconds": MetricText(
        "t(last successful reading)", "Dernière lecture de la source, même sans rien de neuf."
    ),
    "connector_reconciled": MetricText(
        "findings of the reconciliation",
        "Ce que l'interrogation de la source a trouvé de ses messages : missing, late, duplicate, corrected.",
        {"connector": (), "finding": tuple(Finding)},
    ),
    "connector_compared_timestamp_seconds": MetricText(
        "t(last complete reconciliation)",
        "Quand la source a été interrogée en entier pour la dernière fois.",
        {"connector": ()},
    ),
    "connector_requests": MetricText(
        "requests by HTTP status",
        "Requêtes reçues d'une source, par réponse : 204 est en sûreté, 401 a une signature ou une heure fausse.",
        {"connector": (), "status": ()},
    ),
    "connector_spool_bytes": MetricText("bytes on disk", "Place que prennent les événements en attente du broker."),
    "connector_spool_records": MetricText("events on disk", "Événements en attente du broker, sur disque."),
    "connector_spool_limit_bytes": MetricText("settings of connect", "Place qu'ils peuvent prendre."),
    # ---------------------------------------------------------------------------------------------------- timeline
    "timeline_written": MetricText(
        "entries, links: rows inserted; sla_targets: rows inserted or replaced;"
        " adopted: entries moved to another citizen's timeline",
        "Lignes ajoutées ou modifiées dans les tables des historiques.",
        {"table": Written._fields},
    ),
    "timeline_expired": MetricText(
        "contacts closed more than timeline.keep_days ago, and their entries",
        "Contacts et entrées supprimés au terme de leur conservation.",
        {"table": ("contacts", "entries")},
    ),
    # --------------------------------------------------------------------------------------------------------- api
    "api_accesses": MetricText(
        "records of the audit log about a citizen",
        "Accès aux données des usagers, tels que le journal d'audit les enregistre.",
        {
            "role": tuple(Role),
            "operation": tuple(operation for operation in Operation if operation in CITIZEN_OPERATIONS),
            "purpose": tuple(Purpose),
            "result": tuple(Result),
        },
    ),
    "api_unauthenticated_requests": MetricText("requests answered with 401", "Requêtes sous /v1/ sans jeton valable."),
    "api_request_seconds": MetricText(
        "t(end of the answer) − t(request); route: empty if the request was refused before it reached one",
        "Durée des requêtes sous /v1/, par route et statut.",
        {"route": (), "status": ()},
    ),
    "api_unusual_readers": MetricText(
        "tokens with more citizens in the last hour than api.unusual_citizens_per_hour",
        "Jetons qui ont lu plus d'usagers dans la dernière heure que api.unusual_citizens_per_hour.",
    ),
    # ------------------------------------------------------------------------------------------------------ notify
    "notify_incidents_open": MetricText(
        "incidents that have not ended, sent or not",
        "Incidents en cours : délais dépassés (breached) ou qui risquent de l'être (at_risk).",
        {"kind": tuple(IncidentKind)},
    ),
    "notify_incidents_unsent": MetricText(
        "ended: had ended when it became known; old: older than notify.max_age_hours",
        "Incidents enregistrés mais non envoyés : terminés quand ils ont été connus, ou plus anciens que max_age_hours.",
        {"kind": tuple(IncidentKind), "reason": tuple(Unsent)},
    ),
    "notify_following": MetricText(
        "1: all records of contact.sla.v1 are read", "1 si la fin du topic est atteinte, sinon 0."
    ),
    "notify_records": MetricText("records of contact.sla.v1", "Enregistrements lus."),
    "notify_unreadable": MetricText(
        "records of contact.sla.v1 that could not be decoded",
        "Enregistrements qui ne sont pas des événements de délais.",
    ),
    "notify_sent": MetricText(
        "messages; for an Alertmanager alerts, with each repetition",
        "Alertes et messages acceptés par un destinataire.",
        {"receiver": ()},
    ),
    "notify_failed": MetricText(
        "attempts without an answer, or with an error",
        "Envois à un destinataire qui ont échoué.",
        {"receiver": ()},
    ),
    "notify_waiting": MetricText(
        "beginnings and ends of incidents that the receiver has not accepted yet",
        "Alertes et messages que le destinataire n'a pas encore acceptés.",
        {"receiver": ()},
    ),
    "notify_oldest_waiting_seconds": MetricText(
        "now − t(queued) of the oldest message",
        "Âge du plus ancien message à remettre ; 0 si aucun n'attend, et toujours pour un Alertmanager.",
        {"receiver": ()},
    ),
    "notify_refused": MetricText(
        "refused messages, sent again after an hour and at the next start",
        "Messages refusés par un destinataire, et mis de côté.",
        {"receiver": ()},
    ),
    "notify_disabled": MetricText(
        "1: nothing is sent to it until the next start",
        "1 si le destinataire n'existe plus, sinon 0.",
        {"receiver": ()},
    ),
    # ------------------------------------------------------------------------------- Python client, in most processes
    "process_virtual_memory_bytes": MetricText(
        "vsize in /proc/self/stat", "Mémoire virtuelle du processus, en octets."
    ),
    "process_resident_memory_bytes": MetricText("rss in /proc/self/stat", "Mémoire vive du processus, en octets."),
    "process_start_time_seconds": MetricText(
        "starttime in /proc/self/stat", "Heure de démarrage du processus, en secondes depuis 1970 (UTC)."
    ),
    "process_cpu_seconds": MetricText(
        "utime + stime in /proc/self/stat", "Temps de processeur, utilisateur et système, en secondes."
    ),
    "process_open_fds": MetricText("entries of /proc/self/fd", "Descripteurs de fichiers ouverts."),
    "process_max_fds": MetricText(
        "Max open files in /proc/self/limits", "Nombre maximal de descripteurs de fichiers ouverts."
    ),
    "python_info": MetricText(
        "1",
        "Version de Python.",
        {"implementation": (), "major": (), "minor": (), "patchlevel": (), "version": ()},
    ),
    "python_gc_objects_collected": MetricText(
        "collected in gc.get_stats()",
        "Objets libérés par le ramasse-miettes de Python.",
        {"generation": ("0", "1", "2")},
    ),
    "python_gc_objects_uncollectable": MetricText(
        "uncollectable in gc.get_stats()",
        "Objets que le ramasse-miettes de Python n'a pas pu libérer.",
        {"generation": ("0", "1", "2")},
    ),
    "python_gc_collections": MetricText(
        "collections in gc.get_stats()", "Passages du ramasse-miettes de Python.", {"generation": ("0", "1", "2")}
    ),
}
"""Name of a metric of a process other than `web`, without `_total` → its formula, French text, labels and bucket bounds."""


def describe_processes(language: str = SOURCE_LANGUAGE) -> dict[str, list[MetricDescription]]:
    """Return command → descriptions of its metrics. A metric of several processes is described once, in one of them."""
    connectors, api, python = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    Meter(Metrics(connectors), "name").count_published(1, 1.0)
    AccessMetrics(api, 1).took.labels("", 200).observe(0)
    ProcessCollector(registry=python)
    PlatformCollector(registry=python)
    GCCollector(registry=python)
    policies = Policies(SlaFile.model_validate(tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))))
    # In tests, other processes may have registered their metrics here too.
    engine = [family for family in REGISTRY.collect() if family.name in TEXTS]
    return {
        "web": describe_web_metrics(policies, WatchedPolicies(None).collect(), language),
        "worker": describe((family for family in engine if not _is_of_timeline(family)), TEXTS, language),
        "connect": describe(connectors.collect(), TEXTS, language),
        "timeline": describe((family for family in engine if _is_of_timeline(family)), TEXTS, language),
        "api": describe(api.collect(), TEXTS, language),
        "notify": describe(NotifyMetrics().collect(), TEXTS, language),
        "broker": describe(python.collect(), TEXTS, language),
    }


def _is_of_timeline(family: Metric) -> bool:
    return family.name.startswith("timeline_")


@click.command(help=_("Print the reference of all Prometheus metrics, as Markdown."))
@click.option("--lang", type=click.Choice(LANGUAGES), default=document_language(), help=_("Language of the texts."))
def command(lang: str) -> None:
    click.echo(write_markdown(lang, describe_processes(lang)), nl=False)
