"""Chaîne technique: whether events come, are counted, and leave."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import CLOCK, PER_SECOND, SECONDS, SHARE, Bars, Column, Curve, Key, Query, Table, Tile
from grafana.promql import RANGE, RATE, Scope, since
from grafana.shared import FRESHNESS
from grafana.words import CHANNELS, Vocabulary, Words, board, same
from models import topics
from streams.web.options import Thresholds

ALL: Final = Scope()
ANY: Final = Thresholds(attention=1, action=10)
SILENT: Final = Thresholds(attention=120, action=600)
"""Of a source that could not be read, in seconds: SourceNotRead alerts from 600 on."""
FILLING: Final = Thresholds(attention=0.25, action=0.5)
"""Of a spool: SpoolFilling alerts from a half on."""
RESULTS: Final[Vocabulary] = {
    "ok": Words("Comptés", "Counted"),
    "duplicate": Words("Déjà connus", "Known already"),
    "dead": Words("Inutilisables", "Not usable"),
}
TOPICS: Final[Vocabulary] = {
    topic.name: CHANNELS.get(channel, Words("Avis", "Opinions")) for channel, topic in topics.SOURCES.items()
}
JOBS: Final[Vocabulary] = {
    "accueil-worker": same("worker"),
    "accueil-timeline": same("timeline"),
}
_SPOOL: Final = "max by (connector) (connector_spool_bytes / connector_spool_limit_bytes)"


def _each(query: str, label: str = "job") -> str:
    """Return a sum over processes, which each tell of their own, by a label."""
    return f"sum by ({label}) ({query})"


def _counts(counter: str, label: str, window: str = RANGE) -> str:
    return _each(f"increase({counter}[{window}])", label)


def _share_within(share: float, histogram: str, label: str) -> str:
    return f"histogram_quantile({share}, sum by (le, {label}) (rate({histogram}_bucket[{RATE}])))"


PAGE: Final = Page(
    name="pipeline",
    title=Words("Chaîne technique", "Pipeline"),
    about=Words(
        "Si les événements arrivent, sont comptés, et si tout répond.",
        "Whether events come, are counted, and everything answers.",
    ),
    scope=ALL,
    since="now-6h",
    sections=(
        Section(
            board("now"),
            (
                FRESHNESS,
                Tile(
                    title=Words("Processus muets", "Processes that do not answer"),
                    about=Words(
                        'Processus dont Prometheus n’obtient rien : up{job=~"accueil-.+"} == 0.',
                        'Processes of which Prometheus gets nothing: up{job=~"accueil-.+"} == 0.',
                    ),
                    query='sum(up{job=~"accueil-.+"} == bool 0)',
                    levels=Thresholds(attention=1, action=1),
                    width=4,
                ),
                Tile(
                    title=Words("Partitions sans worker", "Partitions without a worker"),
                    about=Words(
                        "Partitions attendues − partitions dont un worker s’occupe : pipeline_expected_partitions −"
                        " pipeline_active_partitions.",
                        "Partitions expected − partitions that a worker works on: pipeline_expected_partitions −"
                        " pipeline_active_partitions.",
                    ),
                    query='max(pipeline_expected_partitions) - sum(pipeline_active_partitions{job="accueil-worker"})',
                    levels=Thresholds(attention=1, action=1),
                    width=4,
                ),
                Tile(
                    title=Words("Événements à traiter", "Events to be processed"),
                    about=Words(
                        "Enregistrements des sources qu’aucune étape n’a validés, tous workers : pipeline_consumer_lag_records.",
                        "Records of the sources that no step has committed, all workers: pipeline_consumer_lag_records.",
                    ),
                    query='sum(pipeline_consumer_lag_records{job="accueil-worker"})',
                    levels=Thresholds(attention=1000, action=10_000),
                    width=4,
                ),
                Tile(
                    title=Words("Inutilisables", "Not usable"),
                    about=Words(
                        "Événements mis de côté avec une raison, sur la période : croissance de pipeline_dead_letters_total.",
                        "Events set aside with a reason, during the time looked at: growth of pipeline_dead_letters_total.",
                    ),
                    query=ALL.during("pipeline_dead_letters_total"),
                    levels=ANY,
                    width=4,
                ),
                Tile(
                    title=Words("Fichier SLA refusé", "SLA file refused"),
                    about=Words(
                        "Processus qui n’ont pu relire le fichier SLA : pipeline_sla_file_last_reload_successful == 0.",
                        "Processes that could not read the SLA file again: pipeline_sla_file_last_reload_successful == 0.",
                    ),
                    query="sum(pipeline_sla_file_last_reload_successful == bool 0)",
                    levels=Thresholds(attention=1, action=1),
                    width=4,
                ),
            ),
        ),
        Section(
            Words("Événements", "Events"),
            (
                Curve(
                    title=Words("Traités, par résultat", "Processed, by result"),
                    about=Words(
                        "Événements par seconde, par résultat : pipeline_events_processed_total.",
                        "Events per second, by result: pipeline_events_processed_total.",
                    ),
                    unit=PER_SECOND,
                    queries=(Query(ALL.per_second("pipeline_events_processed_total", by="result")),),
                    by="result",
                    names=RESULTS,
                ),
                Curve(
                    title=Words("Lus, par canal", "Read, by channel"),
                    about=Words(
                        "Enregistrements validés par seconde, par topic : pipeline_records_total.",
                        "Records committed per second, by topic: pipeline_records_total.",
                    ),
                    unit=PER_SECOND,
                    queries=(Query(_each(f'rate(pipeline_records_total{{job="accueil-worker"}}[{RATE}])', "topic")),),
                    by="topic",
                    names=TOPICS,
                ),
                Bars(
                    title=Words("Inutilisables, par raison", "Not usable, by reason"),
                    about=Words(
                        "Mis de côté sur la période, par raison : pipeline_dead_letters_total. `accueil dead-letters"
                        " list` les montre.",
                        "Set aside during the time looked at, by reason: pipeline_dead_letters_total. `accueil"
                        " dead-letters list` shows them.",
                    ),
                    queries=(Query(ALL.during("pipeline_dead_letters_total", by="reason")),),
                    by="reason",
                    width=12,
                    height=12,
                ),
                Curve(
                    title=Words("Durée d’une transaction, 95 %", "Time of a transaction, 95 %"),
                    about=Words(
                        "95 % des transactions durent au plus : histogram_quantile(0,95) de pipeline_commit_seconds.",
                        "95% of transactions take at most: histogram_quantile(0.95) of pipeline_commit_seconds.",
                    ),
                    unit=SECONDS,
                    queries=(Query(_share_within(0.95, "pipeline_commit_seconds", "job")),),
                    by="job",
                    names=JOBS,
                    height=12,
                ),
            ),
        ),
        Section(
            Words("Délais", "Delays"),
            (
                Curve(
                    title=Words("Du dépôt dans Kafka à la validation, 95 %", "From Kafka to the commit, 95%"),
                    about=Words(
                        "Délai du plus ancien enregistrement de chaque lot, 95 % sont au plus :"
                        " histogram_quantile(0,95) de pipeline_event_delay_seconds, par topic.",
                        "Delay of the oldest record of each batch, 95% are at most: histogram_quantile(0.95) of"
                        " pipeline_event_delay_seconds, by topic.",
                    ),
                    unit=SECONDS,
                    queries=(Query(_share_within(0.95, "pipeline_event_delay_seconds", "topic")),),
                    by="topic",
                    names=TOPICS,
                    width=24,
                ),
            ),
        ),
        Section(
            Words("Processus", "Processes"),
            (
                Table(
                    title=Words("Processus", "Processes"),
                    about=Words(
                        "Répond : up. Répartitions, erreurs internes, lots relus : sur la période. À traiter :"
                        " pipeline_consumer_lag_records, maintenant.",
                        "Answers: up. Rebalances, internal errors, batches fetched again: during the time looked at. To"
                        " process: pipeline_consumer_lag_records, right now.",
                    ),
                    keys=(Key("job", Words("Processus", "Process")), Key("instance", Words("Adresse", "Address"))),
                    columns=(
                        Column(
                            Words("Répond", "Answers"),
                            'max by (job, instance) (up{job=~"accueil-.+"})',
                            states={"1": Words("● oui", "● yes"), "0": Words("■ non", "■ no")},
                        ),
                        Column(
                            Words("Répartitions", "Rebalances"), _counts("pipeline_rebalances_total", "job, instance")
                        ),
                        Column(
                            Words("Erreurs internes", "Internal errors"),
                            _counts("pipeline_internal_errors_total", "job, instance"),
                            levels=ANY,
                        ),
                        Column(
                            Words("Lots relus", "Batches fetched again"),
                            _counts("pipeline_delivery_gaps_total", "job, instance"),
                        ),
                        Column(
                            Words("À traiter", "To process"),
                            "sum by (job, instance) (pipeline_consumer_lag_records)",
                        ),
                    ),
                ),
                Tile(
                    title=Words("Coût d’une collecte", "Cost of a scrape"),
                    about=Words(
                        "Temps qu’il faut pour dire ces chiffres : contact_collect_duration_seconds.",
                        "Time that it takes to tell these figures: contact_collect_duration_seconds.",
                    ),
                    unit=SECONDS,
                    query="max(contact_collect_duration_seconds)",
                    levels=Thresholds(attention=0.5, action=1),
                    width=8,
                ),
                Tile(
                    title=Words("Chiffres illisibles", "Figures that could not be read"),
                    about=Words(
                        "Lignes de chiffres que le tableau n’a pu lire, sur la période : contact_collect_errors_total.",
                        "Rows of figures that the board could not read, during the time looked at: contact_collect_errors_total.",
                    ),
                    query=ALL.during("contact_collect_errors_total"),
                    levels=ANY,
                    width=8,
                ),
                Bars(
                    title=Words("Version", "Version"),
                    about=Words(
                        "Ce qui tourne : contact_pipeline_build_info.", "What runs: contact_pipeline_build_info."
                    ),
                    queries=(Query("count by (version) (contact_pipeline_build_info)"),),
                    by="version",
                    height=5,
                ),
            ),
        ),
        Section(
            Words("Connecteurs", "Connectors"),
            (
                Table(
                    title=Words("Sources", "Sources"),
                    about=Words(
                        "Publiés, erreurs : sur la période. Dernier événement, dernière lecture : maintenant − cet"
                        " instant. Tampon : octets en attente ÷ limite.",
                        "Published, errors: during the time looked at. Last event, last read: now − then. Spool: bytes"
                        " waiting ÷ limit.",
                    ),
                    keys=(Key("connector", Words("Connecteur", "Connector")),),
                    columns=(
                        Column(Words("Publiés", "Published"), _counts("connector_events_published_total", "connector")),
                        Column(Words("Erreurs", "Errors"), _counts("connector_errors_total", "connector"), levels=ANY),
                        Column(
                            Words("Dernier événement", "Last event"),
                            since("max by (connector) (connector_last_event_timestamp_seconds > 0)"),
                            CLOCK,
                        ),
                        Column(
                            Words("Dernière lecture", "Last read"),
                            since("max by (connector) (connector_last_success_timestamp_seconds)"),
                            CLOCK,
                            levels=SILENT,
                        ),
                        Column(Words("Tampon", "Spool"), _SPOOL, SHARE, levels=FILLING),
                        Column(
                            Words("Refusés jetés", "Rejects dropped"),
                            _counts("connector_rejects_dropped_total", "connector"),
                        ),
                    ),
                    height=10,
                ),
                Bars(
                    title=Words("Enregistrements refusés, par raison", "Records rejected, by reason"),
                    about=Words(
                        "Refusés par les connecteurs sur la période : connector_errors_total. `accueil rejects list` les montre.",
                        "Rejected by connectors during the time looked at: connector_errors_total. `accueil rejects"
                        " list` shows them.",
                    ),
                    queries=(Query(_counts("connector_errors_total", "reason")),),
                    by="reason",
                    width=12,
                    height=12,
                ),
                Curve(
                    title=Words("En attente de Kafka", "Waiting for Kafka"),
                    about=Words(
                        "Enregistrements dans les tampons de tous les connecteurs : connector_spool_records.",
                        "Records in the spools of all connectors: connector_spool_records.",
                    ),
                    queries=(Query("sum(connector_spool_records)", Words("En attente", "Waiting")),),
                    height=12,
                ),
            ),
        ),
        Section(
            Words("Fils des usagers, avis aux équipes", "Timelines, tellings"),
            (
                Curve(
                    title=Words("Lignes écrites", "Rows written"),
                    about=Words(
                        "Lignes par seconde dans la base des fils : timeline_written_total.",
                        "Rows per second into the timelines’ database: timeline_written_total.",
                    ),
                    unit=PER_SECOND,
                    queries=(Query(_each(f"rate(timeline_written_total[{RATE}])", "what")),),
                    by="what",
                    names={
                        "entries": Words("Entrées", "Entries"),
                        "links": Words("Liens", "Links"),
                        "adopted": Words("Rattachées", "Adopted"),
                    },
                ),
                Tile(
                    title=Words("Demandes sans jeton", "Requests without a token"),
                    about=Words(
                        "Demandes à l’API sans jeton valable, sur la période : api_unauthenticated_requests_total.",
                        "Requests to the API without a valid token, during the time looked at:"
                        " api_unauthenticated_requests_total.",
                    ),
                    query="sum(increase(api_unauthenticated_requests_total[$__range]))",
                    height=8,
                ),
                Bars(
                    title=Words("À remettre, par destinataire", "Still to be told, by receiver"),
                    about=Words(
                        "Avis qu’accueil notify n’a pas encore remis : notify_waiting.",
                        "What accueil notify has not told yet: notify_waiting.",
                    ),
                    queries=(Query("max by (receiver) (notify_waiting)"),),
                    by="receiver",
                    width=6,
                ),
            ),
        ),
    ),
)
