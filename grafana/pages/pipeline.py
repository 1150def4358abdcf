"""Page "Chaîne technique": events received, counted and delivered, and the state of all processes."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import (
    CLOCK,
    PER_SECOND,
    SECONDS,
    SHARE,
    BarGaugePanel,
    Column,
    KeyColumn,
    Query,
    StatPanel,
    TablePanel,
    TimeSeriesPanel,
)
from grafana.promql import RANGE, RATE, Scope, since
from grafana.shared_panels import FRESHNESS
from grafana.texts import CHANNELS, LocalizedText, ValueNames, board_text, untranslated
from models import topics
from streams.web.options import Thresholds

ALL: Final = Scope()
ANY: Final = Thresholds(attention=1, action=10)
SILENT: Final = Thresholds(attention=120, action=600)
"""Thresholds for the seconds without a successful read of a source; the alert SourceNotRead fires from 600 on."""
FILLING: Final = Thresholds(attention=0.25, action=0.5)
"""Thresholds for the used share of a spool; the alert SpoolFilling fires from a half on."""
RESULTS: Final[ValueNames] = {
    "ok": LocalizedText("Comptés", "Counted"),
    "duplicate": LocalizedText("Déjà connus", "Duplicates"),
    "dead": LocalizedText("Inutilisables", "Not usable"),
}
TOPICS: Final[ValueNames] = {
    topic.name: CHANNELS.get(channel, LocalizedText("Avis", "Opinions")) for channel, topic in topics.SOURCES.items()
}
JOBS: Final[ValueNames] = {
    "accueil-worker": untranslated("worker"),
    "accueil-timeline": untranslated("timeline"),
}
_SPOOL: Final = "max by (connector) (connector_spool_bytes / connector_spool_limit_bytes)"


def _each(query: str, label: str = "job") -> str:
    """Return a sum over processes by a label, for metrics that each process exports for itself."""
    return f"sum by ({label}) ({query})"


def _counts(counter: str, label: str, window: str = RANGE) -> str:
    return _each(f"increase({counter}[{window}])", label)


def _quantile(share: float, histogram: str, label: str) -> str:
    return f"histogram_quantile({share}, sum by (le, {label}) (rate({histogram}_bucket[{RATE}])))"


PAGE: Final = Page(
    name="pipeline",
    title=LocalizedText("Chaîne technique", "Pipeline"),
    description=LocalizedText(
        "Si les événements arrivent, sont comptés, et si tout répond.",
        "Whether events arrive and are counted, and whether all processes answer.",
    ),
    scope=ALL,
    since="now-6h",
    sections=(
        Section(
            board_text("now"),
            (
                FRESHNESS,
                StatPanel(
                    title=LocalizedText("Processus muets", "Processes that do not answer"),
                    description=LocalizedText(
                        'Processus dont Prometheus n’obtient rien : up{job=~"accueil-.+"} == 0.',
                        'Processes that Prometheus cannot scrape: up{job=~"accueil-.+"} == 0.',
                    ),
                    query='sum(up{job=~"accueil-.+"} == bool 0)',
                    thresholds=Thresholds(attention=1, action=1),
                    width=4,
                ),
                StatPanel(
                    title=LocalizedText("Partitions sans worker", "Partitions without a worker"),
                    description=LocalizedText(
                        "Partitions attendues − partitions dont un worker s’occupe : pipeline_expected_partitions −"
                        " pipeline_active_partitions.",
                        "Partitions expected − partitions assigned to a worker: pipeline_expected_partitions −"
                        " pipeline_active_partitions.",
                    ),
                    query='max(pipeline_expected_partitions) - sum(pipeline_active_partitions{job="accueil-worker"})',
                    thresholds=Thresholds(attention=1, action=1),
                    width=4,
                ),
                StatPanel(
                    title=LocalizedText("Événements à traiter", "Events to be processed"),
                    description=LocalizedText(
                        "Enregistrements des sources qu’aucune étape n’a validés, tous workers : pipeline_consumer_lag_records.",
                        "Records of the sources that no step has committed, all workers: pipeline_consumer_lag_records.",
                    ),
                    query='sum(pipeline_consumer_lag_records{job="accueil-worker"})',
                    thresholds=Thresholds(attention=1000, action=10_000),
                    width=4,
                ),
                StatPanel(
                    title=LocalizedText("Inutilisables", "Not usable"),
                    description=LocalizedText(
                        "Événements mis de côté avec une raison, sur la période : croissance de pipeline_dead_letters_total.",
                        "Events set aside with a reason, in the time range: increase of pipeline_dead_letters_total.",
                    ),
                    query=ALL.increase("pipeline_dead_letters_total"),
                    thresholds=ANY,
                    width=4,
                ),
                StatPanel(
                    title=LocalizedText("Fichier SLA refusé", "SLA file refused"),
                    description=LocalizedText(
                        "Processus qui n’ont pu relire le fichier SLA : pipeline_sla_file_last_reload_successful == 0.",
                        "Processes that could not reload the SLA file: pipeline_sla_file_last_reload_successful == 0.",
                    ),
                    query="sum(pipeline_sla_file_last_reload_successful == bool 0)",
                    thresholds=Thresholds(attention=1, action=1),
                    width=4,
                ),
            ),
        ),
        Section(
            LocalizedText("Événements", "Events"),
            (
                TimeSeriesPanel(
                    title=LocalizedText("Traités, par résultat", "Processed, by result"),
                    description=LocalizedText(
                        "Événements par seconde, par résultat : pipeline_events_processed_total.",
                        "Events per second, by result: pipeline_events_processed_total.",
                    ),
                    unit=PER_SECOND,
                    queries=(Query(ALL.rate("pipeline_events_processed_total", by="result")),),
                    by="result",
                    names=RESULTS,
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Lus, par canal", "Read, by channel"),
                    description=LocalizedText(
                        "Enregistrements validés par seconde, par topic : pipeline_records_total.",
                        "Records committed per second, by topic: pipeline_records_total.",
                    ),
                    unit=PER_SECOND,
                    queries=(Query(_each(f'rate(pipeline_records_total{{job="accueil-worker"}}[{RATE}])', "topic")),),
                    by="topic",
                    names=TOPICS,
                ),
                BarGaugePanel(
                    title=LocalizedText("Inutilisables, par raison", "Not usable, by reason"),
                    description=LocalizedText(
                        "Mis de côté sur la période, par raison : pipeline_dead_letters_total. `accueil dead-letters"
                        " list` les montre.",
                        "Set aside in the time range, by reason: pipeline_dead_letters_total. `accueil"
                        " dead-letters list` shows them.",
                    ),
                    queries=(Query(ALL.increase("pipeline_dead_letters_total", by="reason")),),
                    by="reason",
                    width=12,
                    height=12,
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Durée d’une transaction, 95 %", "Time of a transaction, 95 %"),
                    description=LocalizedText(
                        "95 % des transactions durent au plus : histogram_quantile(0,95) de pipeline_commit_seconds.",
                        "95% of transactions take at most: histogram_quantile(0.95) of pipeline_commit_seconds.",
                    ),
                    unit=SECONDS,
                    queries=(Query(_quantile(0.95, "pipeline_commit_seconds", "job")),),
                    by="job",
                    names=JOBS,
                    height=12,
                ),
            ),
        ),
        Section(
            LocalizedText("Délais", "Delays"),
            (
                TimeSeriesPanel(
                    title=LocalizedText("Du dépôt dans Kafka à la validation, 95 %", "From Kafka to the commit, 95%"),
                    description=LocalizedText(
                        "Délai du plus ancien enregistrement de chaque lot, 95 % sont au plus :"
                        " histogram_quantile(0,95) de pipeline_event_delay_seconds, par topic.",
                        "Delay of the oldest record of each batch, 95% are at most: histogram_quantile(0.95) of"
                        " pipeline_event_delay_seconds, by topic.",
                    ),
                    unit=SECONDS,
                    queries=(Query(_quantile(0.95, "pipeline_event_delay_seconds", "topic")),),
                    by="topic",
                    names=TOPICS,
                    width=24,
                ),
            ),
        ),
        Section(
            LocalizedText("Processus", "Processes"),
            (
                TablePanel(
                    title=LocalizedText("Processus", "Processes"),
                    description=LocalizedText(
                        "Répond : up. Répartitions, erreurs internes, lots relus : sur la période. À traiter :"
                        " pipeline_consumer_lag_records, maintenant.",
                        "Answers: up. Rebalances, internal errors, batches fetched again: in the time range. To"
                        " process: pipeline_consumer_lag_records, now.",
                    ),
                    keys=(
                        KeyColumn("job", LocalizedText("Processus", "Process")),
                        KeyColumn("instance", LocalizedText("Adresse", "Address")),
                    ),
                    columns=(
                        Column(
                            LocalizedText("Répond", "Answers"),
                            'max by (job, instance) (up{job=~"accueil-.+"})',
                            states={"1": LocalizedText("● oui", "● yes"), "0": LocalizedText("■ non", "■ no")},
                        ),
                        Column(
                            LocalizedText("Répartitions", "Rebalances"),
                            _counts("pipeline_rebalances_total", "job, instance"),
                        ),
                        Column(
                            LocalizedText("Erreurs internes", "Internal errors"),
                            _counts("pipeline_internal_errors_total", "job, instance"),
                            thresholds=ANY,
                        ),
                        Column(
                            LocalizedText("Lots relus", "Batches fetched again"),
                            _counts("pipeline_delivery_gaps_total", "job, instance"),
                        ),
                        Column(
                            LocalizedText("À traiter", "To process"),
                            "sum by (job, instance) (pipeline_consumer_lag_records)",
                        ),
                    ),
                ),
                StatPanel(
                    title=LocalizedText("Coût d’une collecte", "Cost of a scrape"),
                    description=LocalizedText(
                        "Temps de collecte de ces métriques : contact_collect_duration_seconds.",
                        "Time to collect these metrics: contact_collect_duration_seconds.",
                    ),
                    unit=SECONDS,
                    query="max(contact_collect_duration_seconds)",
                    thresholds=Thresholds(attention=0.5, action=1),
                    width=8,
                ),
                StatPanel(
                    title=LocalizedText("Chiffres illisibles", "Figures that could not be read"),
                    description=LocalizedText(
                        "Lignes de chiffres que le tableau n’a pu lire, sur la période : contact_collect_errors_total.",
                        "Rows of figures that the board could not read, in the time range: contact_collect_errors_total.",
                    ),
                    query=ALL.increase("contact_collect_errors_total"),
                    thresholds=ANY,
                    width=8,
                ),
                BarGaugePanel(
                    title=LocalizedText("Version", "Version"),
                    description=LocalizedText(
                        "Versions utilisées : contact_pipeline_build_info.",
                        "Running versions: contact_pipeline_build_info.",
                    ),
                    queries=(Query("count by (version) (contact_pipeline_build_info)"),),
                    by="version",
                    height=5,
                ),
            ),
        ),
        Section(
            LocalizedText("Connecteurs", "Connectors"),
            (
                TablePanel(
                    title=LocalizedText("Sources", "Sources"),
                    description=LocalizedText(
                        "Publiés, erreurs : sur la période. Dernier événement, dernière lecture : maintenant − cet"
                        " instant. Tampon : octets en attente ÷ limite.",
                        "Published, errors: in the time range. Last event, last read: now − its time. Spool: bytes"
                        " waiting ÷ limit.",
                    ),
                    keys=(KeyColumn("connector", LocalizedText("Connecteur", "Connector")),),
                    columns=(
                        Column(
                            LocalizedText("Publiés", "Published"),
                            _counts("connector_events_published_total", "connector"),
                        ),
                        Column(
                            LocalizedText("Erreurs", "Errors"),
                            _counts("connector_errors_total", "connector"),
                            thresholds=ANY,
                        ),
                        Column(
                            LocalizedText("Dernier événement", "Last event"),
                            since("max by (connector) (connector_last_event_timestamp_seconds > 0)"),
                            CLOCK,
                        ),
                        Column(
                            LocalizedText("Dernière lecture", "Last read"),
                            since("max by (connector) (connector_last_success_timestamp_seconds)"),
                            CLOCK,
                            thresholds=SILENT,
                        ),
                        Column(LocalizedText("Tampon", "Spool"), _SPOOL, SHARE, thresholds=FILLING),
                        Column(
                            LocalizedText("Refusés jetés", "Rejects dropped"),
                            _counts("connector_rejects_dropped_total", "connector"),
                        ),
                    ),
                    height=10,
                ),
                BarGaugePanel(
                    title=LocalizedText("Enregistrements refusés, par raison", "Records rejected, by reason"),
                    description=LocalizedText(
                        "Refusés par les connecteurs sur la période : connector_errors_total. `accueil rejects list` les montre.",
                        "Rejected by connectors in the time range: connector_errors_total. `accueil rejects"
                        " list` shows them.",
                    ),
                    queries=(Query(_counts("connector_errors_total", "reason")),),
                    by="reason",
                    width=12,
                    height=12,
                ),
                TimeSeriesPanel(
                    title=LocalizedText("En attente de Kafka", "Waiting for Kafka"),
                    description=LocalizedText(
                        "Enregistrements dans les tampons de tous les connecteurs : connector_spool_records.",
                        "Records in the spools of all connectors: connector_spool_records.",
                    ),
                    queries=(Query("sum(connector_spool_records)", LocalizedText("En attente", "Waiting")),),
                    height=12,
                ),
            ),
        ),
        Section(
            LocalizedText("Fils des usagers, notifications aux équipes", "Timelines, notifications"),
            (
                TimeSeriesPanel(
                    title=LocalizedText("Lignes écrites", "Rows written"),
                    description=LocalizedText(
                        "Lignes par seconde dans la base des fils : timeline_written_total.",
                        "Rows per second into the timelines’ database: timeline_written_total.",
                    ),
                    unit=PER_SECOND,
                    queries=(Query(_each(f"rate(timeline_written_total[{RATE}])", "what")),),
                    by="what",
                    names={
                        "entries": LocalizedText("Entrées", "Entries"),
                        "links": LocalizedText("Liens", "Links"),
                        "adopted": LocalizedText("Rattachées", "Adopted"),
                    },
                ),
                StatPanel(
                    title=LocalizedText("Demandes sans jeton", "Requests without a token"),
                    description=LocalizedText(
                        "Demandes à l’API sans jeton valable, sur la période : api_unauthenticated_requests_total.",
                        "Requests to the API without a valid token, in the time range:"
                        " api_unauthenticated_requests_total.",
                    ),
                    query="sum(increase(api_unauthenticated_requests_total[$__range]))",
                    height=8,
                ),
                BarGaugePanel(
                    title=LocalizedText("À remettre, par destinataire", "Notifications to send, by receiver"),
                    description=LocalizedText(
                        "Notifications qu’accueil notify n’a pas encore remises : notify_waiting.",
                        "Notifications that accueil notify has not sent yet: notify_waiting.",
                    ),
                    queries=(Query("max by (receiver) (notify_waiting)"),),
                    by="receiver",
                    width=6,
                ),
            ),
        ),
    ),
)
