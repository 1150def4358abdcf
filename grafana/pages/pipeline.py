"""Page "Chaîne technique": events received, counted and delivered, and the state of all processes."""

from typing import Final

from grafana.page import Page
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
from grafana.texts import CHANNELS, ValueNames, _, board_text, untranslated
from models import topics
from models.locale import C_
from streams.web.options import Thresholds

ALL: Final = Scope()
ANY: Final = Thresholds(attention=1, action=10)
SILENT: Final = Thresholds(attention=120, action=600)
"""Thresholds for the seconds without a successful read of a source; the alert SourceNotRead fires from 600 on."""
FILLING: Final = Thresholds(attention=0.25, action=0.5)
"""Thresholds for the used share of a spool; the alert SpoolFilling fires from a half on."""
RESULTS: Final[ValueNames] = {"ok": _("Counted"), "duplicate": _("Duplicates"), "dead": _("Not usable")}
TOPICS: Final[ValueNames] = {
    topic.name: CHANNELS.get(channel, _("Opinions")) for channel, topic in topics.SOURCES.items()
}
JOBS: Final[ValueNames] = {"accueil-worker": untranslated("worker"), "accueil-timeline": untranslated("timeline")}
_SPOOL: Final = "max by (connector) (connector_spool_bytes / connector_spool_limit_bytes)"


def _each(query: str, label: str = "job") -> str:
    """Return a query for the sum over processes, by `label`, for metrics that each process exports for itself."""
    return f"sum by ({label}) ({query})"


def _counts(counter: str, label: str, window: str = RANGE) -> str:
    return _each(f"increase({counter}[{window}])", label)


def _quantile(share: float, histogram: str, label: str) -> str:
    return f"histogram_quantile({share}, sum by (le, {label}) (rate({histogram}_bucket[{RATE}])))"


PAGE: Final = Page(
    name="pipeline",
    title=_("Pipeline"),
    description=_("Whether events arrive and are counted, and whether all processes answer."),
    scope=ALL,
    since="now-6h",
    parts=(
        board_text("now"),
        FRESHNESS,
        StatPanel(
            title=_("Processes that do not answer"),
            description=_('Processes that Prometheus cannot scrape: up{job=~"accueil-.+"} == 0.'),
            query='sum(up{job=~"accueil-.+"} == bool 0)',
            thresholds=Thresholds(attention=1, action=1),
            width=4,
        ),
        StatPanel(
            title=_("Partitions without a worker"),
            description=_(
                "Partitions expected − partitions assigned to a worker: pipeline_expected_partitions −"
                " pipeline_active_partitions."
            ),
            query='max(pipeline_expected_partitions) - sum(pipeline_active_partitions{job="accueil-worker"})',
            thresholds=Thresholds(attention=1, action=1),
            width=4,
        ),
        StatPanel(
            title=_("Events to be processed"),
            description=_(
                "Records of the sources that no step has committed, all workers: pipeline_consumer_lag_records."
            ),
            query='sum(pipeline_consumer_lag_records{job="accueil-worker"})',
            thresholds=Thresholds(attention=1000, action=10_000),
            width=4,
        ),
        StatPanel(
            title=_("Not usable"),
            description=_(
                "Events set aside with a reason, in the time range: increase of pipeline_dead_letters_total."
            ),
            query=ALL.increase("pipeline_dead_letters_total"),
            thresholds=ANY,
            width=4,
        ),
        StatPanel(
            title=_("SLA file refused"),
            description=_(
                "Processes that could not reload the SLA file: pipeline_sla_file_last_reload_successful == 0."
            ),
            query="sum(pipeline_sla_file_last_reload_successful == bool 0)",
            thresholds=Thresholds(attention=1, action=1),
            width=4,
        ),
        _(C_("dashboard", "Events")),
        TimeSeriesPanel(
            title=_("Processed, by result"),
            description=_("Events per second, by result: pipeline_events_processed_total."),
            unit=PER_SECOND,
            queries=(Query(ALL.rate("pipeline_events_processed_total", by="result")),),
            by="result",
            names=RESULTS,
        ),
        TimeSeriesPanel(
            title=_("Read, by channel"),
            description=_("Records committed per second, by topic: pipeline_records_total."),
            unit=PER_SECOND,
            queries=(Query(_each(f'rate(pipeline_records_total{{job="accueil-worker"}}[{RATE}])', "topic")),),
            by="topic",
            names=TOPICS,
        ),
        BarGaugePanel(
            title=_("Not usable, by reason"),
            description=_(
                "Set aside in the time range, by reason: pipeline_dead_letters_total. `accueil"
                " dead-letters list` shows them."
            ),
            queries=(Query(ALL.increase("pipeline_dead_letters_total", by="reason")),),
            by="reason",
            width=12,
            height=12,
        ),
        TimeSeriesPanel(
            title=_("Time of a transaction, 95 %"),
            description=_(
                "Transactions last at most this long in 95%: histogram_quantile(0.95) of pipeline_commit_seconds."
            ),
            unit=SECONDS,
            queries=(Query(_quantile(0.95, "pipeline_commit_seconds", "job")),),
            by="job",
            names=JOBS,
            height=12,
        ),
        _("Delays"),
        TimeSeriesPanel(
            title=_("From Kafka to the commit, 95%"),
            description=_(
                "Delay of the oldest record of each batch, 95% are at most: histogram_quantile(0.95) of"
                " pipeline_event_delay_seconds, by topic."
            ),
            unit=SECONDS,
            queries=(Query(_quantile(0.95, "pipeline_event_delay_seconds", "topic")),),
            by="topic",
            names=TOPICS,
            width=24,
        ),
        _("Processes"),
        TablePanel(
            title=_("Processes"),
            description=_(
                "Answers: up. Rebalances, internal errors, batches fetched again: in the time range. To"
                " process: pipeline_consumer_lag_records, now."
            ),
            keys=(KeyColumn("job", _("Process")), KeyColumn("instance", _("Address"))),
            columns=(
                Column(
                    _(C_("dashboard", "Answers")),
                    'max by (job, instance) (up{job=~"accueil-.+"})',
                    states={"1": _("● yes"), "0": _("■ no")},
                ),
                Column(_("Rebalances"), _counts("pipeline_rebalances_total", "job, instance")),
                Column(
                    _("Internal errors"), _counts("pipeline_internal_errors_total", "job, instance"), thresholds=ANY
                ),
                Column(_("Batches fetched again"), _counts("pipeline_delivery_gaps_total", "job, instance")),
                Column(_("To process"), "sum by (job, instance) (pipeline_consumer_lag_records)"),
            ),
        ),
        StatPanel(
            title=_("Cost of a scrape"),
            description=_("Time to collect these metrics: contact_collect_duration_seconds."),
            unit=SECONDS,
            query="max(contact_collect_duration_seconds)",
            thresholds=Thresholds(attention=0.5, action=1),
            width=8,
        ),
        StatPanel(
            title=_("Figures that could not be read"),
            description=_(
                "Rows of figures that the board could not read, in the time range: contact_collect_errors_total."
            ),
            query=ALL.increase("contact_collect_errors_total"),
            thresholds=ANY,
            width=8,
        ),
        BarGaugePanel(
            title=untranslated("Version"),
            description=_("Running versions: contact_pipeline_build_info."),
            queries=(Query("count by (version) (contact_pipeline_build_info)"),),
            by="version",
            height=5,
        ),
        _("Connectors"),
        TablePanel(
            title=untranslated("Sources"),
            description=_(
                "Published, errors: in the time range. Last event, last read: now − its time. Spool: bytes"
                " waiting ÷ limit."
            ),
            keys=(KeyColumn("connector", _("Connector")),),
            columns=(
                Column(_("Published"), _counts("connector_events_published_total", "connector")),
                Column(_("Errors"), _counts("connector_errors_total", "connector"), thresholds=ANY),
                Column(
                    _(C_("dashboard", "Last event")),
                    since("max by (connector) (connector_last_event_timestamp_seconds > 0)"),
                    CLOCK,
                ),
                Column(
                    _("Last read"),
                    since("max by (connector) (connector_last_success_timestamp_seconds)"),
                    CLOCK,
                    thresholds=SILENT,
                ),
                Column(_("Spool"), _SPOOL, SHARE, thresholds=FILLING),
                Column(_("Rejects dropped"), _counts("connector_rejects_dropped_total", "connector")),
            ),
            height=10,
        ),
        BarGaugePanel(
            title=_("Records rejected, by reason"),
            description=_(
                "Rejected by connectors in the time range: connector_errors_total. `accueil rejects list` shows them."
            ),
            queries=(Query(_counts("connector_errors_total", "reason")),),
            by="reason",
            width=12,
            height=12,
        ),
        TimeSeriesPanel(
            title=_("Waiting for Kafka"),
            description=_("Records in the spools of all connectors: connector_spool_records."),
            queries=(Query("sum(connector_spool_records)", _("Waiting")),),
            height=12,
        ),
        _("Timelines, notifications"),
        TimeSeriesPanel(
            title=_("Rows written"),
            description=_("Rows per second into the timelines’ database: timeline_written_total."),
            unit=PER_SECOND,
            queries=(Query(_each(f"rate(timeline_written_total[{RATE}])", "table")),),
            by="table",
            names={
                "entries": _("Entries"),
                "links": _("Links"),
                "adopted": _("Adopted"),
                "sla_targets": board_text("sla_targets"),
            },
        ),
        StatPanel(
            title=_("Requests without a token"),
            description=_(
                "Requests to the API without a valid token, in the time range: api_unauthenticated_requests_total."
            ),
            query="sum(increase(api_unauthenticated_requests_total[$__range]))",
            height=8,
        ),
        BarGaugePanel(
            title=_("Notifications to send, by receiver"),
            description=_("Notifications that accueil notify has not sent yet: notify_waiting."),
            queries=(Query("max by (receiver) (notify_waiting)"),),
            by="receiver",
            width=6,
        ),
    ),
)
