"""`accueil metrics`: reference of all metrics. Its output is `METRICS.md` and `METRICS.fr.md` in `deploy/prometheus`."""
# ruff: noqa: RUF001 - minus signs

import tomllib
from collections.abc import Mapping
from itertools import chain
from typing import Final

import click
from prometheus_client import CollectorRegistry

from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.reconcile import Finding
from models.locale import LANGUAGES, _, user_language
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
        "Enregistrements lus d'un topic source et validés.", "records of committed steps", {"topic": ()}
    ),
    "pipeline_dead_letters_written": MetricText(
        "Lettres mortes écrites par ce processus.", "records rejected", {"reason": tuple(Reason)}
    ),
    "pipeline_steps": MetricText(
        "Transactions validées.", "steps with records, or ticks", {"kind": ("records", "tick")}
    ),
    "pipeline_step_records": MetricText("Enregistrements par transaction.", "records per step"),
    "pipeline_commit_seconds": MetricText("Du début d'une transaction à sa validation.", "t(committed) − t(begun)"),
    "pipeline_event_delay_seconds": MetricText(
        "De la prise en charge par Kafka à la validation : le premier enregistrement de chaque lot, qui attend le plus.",
        "t(committed) − Kafka's time of the first record of a batch",
        {"topic": ()},
        DELAY_BOUNDS,
    ),
    "pipeline_recovery_seconds": MetricText(
        "De l'attribution d'une partition à sa première livraison.", "t(first delivery) − t(assigned)"
    ),
    "pipeline_delivery_gaps": MetricText(
        "Livraisons qui ne suivaient pas la précédente, et ont été relues.", "gaps between the offsets of deliveries"
    ),
    "pipeline_internal_errors": MetricText("Enregistrements et ticks où notre propre code a échoué.", "exceptions"),
    "pipeline_rebalances": MetricText(
        "Attributions de partitions à ce processus.", "assignments of the consumer group"
    ),
    "pipeline_active_partitions": MetricText(
        "Partitions relues et traitées ici : leur somme vaut pipeline_expected_partitions.", "recovered partition tasks"
    ),
    "pipeline_consumer_lag_records": MetricText(
        "Enregistrements que les sources ont et qu'aucune transaction n'a validés.", "Σ end offset − committed offset"
    ),
    # -------------------------------------------------------------------------------------------------- connectors
    "connector_events_published": MetricText("Événements confirmés par le broker.", "events acknowledged"),
    "connector_records_read": MetricText("Enregistrements lus de la source.", "records read"),
    "connector_records_ignored": MetricText(
        "Enregistrements qui ne disent rien des contacts.", "records without events"
    ),
    "connector_errors": MetricText(
        "Enregistrements rejetés, et nos propres échecs (internal_error).", "rejects by reason"
    ),
    "connector_answers_rejected": MetricText(
        "Enregistrements rejetés qui annoncent un décroché ou la fin d'une conversation : sans eux, des appels paraissent sans "
        "réponse, ou sans fin.",
        "rejects of answers and ends",
    ),
    "connector_rejects_dropped": MetricText(
        "Enregistrements rejetés qui ne sont plus gardés, de plus récents ayant pris leur place.", "rejects dropped"
    ),
    "connector_broker_outages": MetricText("Fois où le broker n'a pas confirmé, et a été quitté.", "outages"),
    "connector_last_event_timestamp_seconds": MetricText(
        "Heure du plus récent événement confirmé par le broker.", "max t(event)"
    ),
    "connector_last_success_timestamp_seconds": MetricText(
        "Dernière lecture de la source, même sans rien de neuf.", "t(last successful reading)"
    ),
    "connector_reconciled": MetricText(
        "Ce que l'interrogation de la source a trouvé de ses messages : missing, late, duplicate, corrected.",
        "findings of the reconciliation",
        {"connector": (), "finding": tuple(Finding)},
    ),
    "connector_compared_timestamp_seconds": MetricText(
        "Quand la source a été interrogée en entier pour la dernière fois.",
        "t(last complete reconciliation)",
        {"connector": ()},
    ),
    "connector_requests": MetricText(
        "Requêtes reçues d'une source, par réponse : 204 est en sûreté, 401 a une signature ou une heure fausse.",
        "requests by HTTP status",
        {"connector": (), "status": ()},
    ),
    "connector_spool_bytes": MetricText("Place que prennent les événements en attente du broker.", "bytes on disk"),
    "connector_spool_records": MetricText("Événements en attente du broker, sur disque.", "events on disk"),
    "connector_spool_limit_bytes": MetricText("Place qu'ils peuvent prendre.", "settings of connect"),
}
"""French texts and labels of the metrics of workers and connectors, by name without `_total`."""


def describe_processes() -> dict[str, list[MetricDescription]]:
    """Return command → descriptions of its metrics, for `web`, `worker` and `connect`."""
    connectors = CollectorRegistry()
    Meter(Metrics(connectors), "name").count_published(1, 1.0)
    policies = Policies(SlaFile.model_validate(tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))))
    return {
        "web": describe_web_metrics(policies, chain(WatchedPolicies(None).collect())),
        # In tests, other processes may have registered their metrics here too.
        "worker": describe((family for family in REGISTRY.collect() if family.name in TEXTS), TEXTS),
        "connect": describe(connectors.collect(), TEXTS),
    }


@click.command(help=_("Print the reference of all Prometheus metrics, as Markdown."))
@click.option("--lang", type=click.Choice(LANGUAGES), default=user_language(), help=_("Language of the texts."))
def command(lang: str) -> None:
    click.echo(write_markdown(lang, describe_processes()), nl=False)
