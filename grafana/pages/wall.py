"""Page "Mur": one screen of 1920 x 1080 without scrolling, legible from five metres; `?kiosk` hides the menus of Grafana."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import CLOCK, SHARE, BarGaugePanel, Column, KeyColumn, Query, TablePanel, TimeSeriesPanel
from grafana.promql import Scope
from grafana.shared_panels import (
    BOARD_DEFAULTS,
    BOARD_FORMULA,
    CALL_QUEUES,
    CALLS,
    FRESHNESS,
    QUEUED,
    WAITING_THRESHOLDS,
    WRITTEN,
    abandonment,
    abandonment_today,
    longest_wait,
    overdue,
    service_level,
    waiting,
)
from grafana.texts import CHANNELS, _, board_text
from models.locale import C_
from models.topics import Channel
from streams.web.options import LONGEST_WAIT_SECONDS

SCOPE: Final = Scope("site", "service")
_EACH: Final = "service, queue"

PAGE: Final = Page(
    name="wall",
    title=_(C_("dashboard", "Wall")),
    description=_("One screen of 1920 × 1080, without scrolling: /d/accueil-wall-en?kiosk&theme=dark."),
    scope=SCOPE,
    refresh="10s",
    without_navigation=True,
    sections=(
        Section(
            board_text("now"),
            (
                waiting(SCOPE),
                longest_wait(SCOPE),
                service_level(SCOPE),
                abandonment(SCOPE, CALLS),
                overdue(SCOPE),
                FRESHNESS,
                TablePanel(
                    title=board_text("queues"),
                    description=_(
                        "Waiting, longest (now − arrival), agents: now. Service level: answered within the target"
                        " ÷ (answered + abandons that were not short); abandon rate: abandons that were not short ÷"
                        " (answered + these); since midnight."
                    ),
                    keys=(
                        KeyColumn("service", board_text("service")),
                        KeyColumn("queue", board_text("queue"), page="queue"),
                    ),
                    columns=(
                        Column(
                            board_text("waiting"),
                            SCOPE.gauge_sum("contact_backlog_items", CALL_QUEUES, 'state="waiting"', by=_EACH),
                            thresholds=WAITING_THRESHOLDS,
                        ),
                        Column(
                            board_text("longest"),
                            SCOPE.age("contact_oldest_item_timestamp_seconds", CALL_QUEUES, by=_EACH),
                            CLOCK,
                            thresholds=LONGEST_WAIT_SECONDS[Channel.CALL],
                        ),
                        Column(
                            board_text("available"),
                            SCOPE.gauge_sum("contact_agents", CALL_QUEUES, 'state="available"', by=_EACH),
                        ),
                        Column(
                            board_text("level_short"),
                            SCOPE.service_level_today(CALL_QUEUES, BOARD_FORMULA, by=_EACH),
                            SHARE,
                            thresholds=BOARD_DEFAULTS.service_level,
                        ),
                        Column(
                            board_text("abandonment"),
                            abandonment_today(SCOPE, CALL_QUEUES, by=_EACH),
                            SHARE,
                            thresholds=BOARD_DEFAULTS.abandonment,
                        ),
                    ),
                    height=11,
                ),
                TimeSeriesPanel(
                    title=_("Calls and visits, today and a week ago"),
                    description=_("Received since midnight: this day, and the same weekday of last week (offset 1w)."),
                    queries=(
                        Query(SCOPE.today("received", QUEUED), board_text("chart_today")),
                        Query(SCOPE.today("received", QUEUED, ago="1w"), _("a week ago")),
                    ),
                    height=9,
                ),
                BarGaugePanel(
                    title=_("Letters, e-mails, forms to do"),
                    description=_('Open and not taken up yet, by channel: contact_backlog_items{state="waiting"}.'),
                    queries=(
                        Query(SCOPE.gauge_sum("contact_backlog_items", WRITTEN, 'state="waiting"', by="channel")),
                    ),
                    by="channel",
                    names=CHANNELS,
                    width=6,
                    height=9,
                ),
                BarGaugePanel(
                    title=_("Alerts firing"),
                    description=_("Alerts of Prometheus that fire, without Watchdog (deploy/prometheus/rules)."),
                    queries=(Query('count by (alertname) (ALERTS{alertstate="firing", alertname!="Watchdog"})'),),
                    by="alertname",
                    no_value_text=_("● none"),
                    width=6,
                    height=9,
                ),
            ),
        ),
    ),
)
