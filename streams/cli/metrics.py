"""`accueil metrics`: reference of the metrics of `web`, `worker` and `connect`.

Its output is `METRICS.md` and `METRICS.fr.md` in `deploy/prometheus`.
"""
# ruff: noqa: RUF001 - minus signs

import tomllib
from collections.abc import Mapping
from typing import Final

import click
from prometheus_client import CollectorRegistry

from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.reconcile import Finding
from models.locale import LANGUAGES, SOURCE_LANGUAGE, _, document_language
from models.policies import Policies, SlaFile
from models.reasons import Reason
from streams.cli.sla import EXAMPLE
from streams.engine.metrics import DELAY_BOUNDS, REGISTRY
from streams.settings.sla_file import WatchedPolicies
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
}
"""Name of a metric of workers or connectors, without `_total` → its formula, French text, labels and bucket bounds."""


def describe_processes(language: str = SOURCE_LANGUAGE) -> dict[str, list[MetricDescription]]:
    """Return command → descriptions of its metrics, for `web`, `worker` and `connect`."""
    connectors = CollectorRegistry()
    Meter(Metrics(connectors), "name").count_published(1, 1.0)
    policies = Policies(SlaFile.model_validate(tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))))
    return {
        "web": describe_web_metrics(policies, WatchedPolicies(None).collect(), language),
        # In tests, other processes may have registered their metrics here too.
        "worker": describe((family for family in REGISTRY.collect() if family.name in TEXTS), TEXTS, language),
        "connect": describe(connectors.collect(), TEXTS, language),
    }


@click.command(help=_("Print the reference of the Prometheus metrics of web, worker and connect, as Markdown."))
@click.option("--lang", type=click.Choice(LANGUAGES), default=document_language(), help=_("Language of the texts."))
def command(lang: str) -> None:
    click.echo(write_markdown(lang, describe_processes(lang)), nl=False)
