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
from grafana.texts import CHANNELS, LocalizedText, board_text
from models.topics import Channel
from streams.web.options import LONGEST_WAIT_SECONDS

SCOPE: Final = Scope("site", "service")
_EACH: Final = "service, queue"

PAGE: Final = Page(
    name="wall",
    title=LocalizedText("Mur", "Wall"),
    description=LocalizedText(
        "Un écran de 1920 × 1080, sans défilement : /d/accueil-wall?kiosk&theme=dark.",
        "One screen of 1920 × 1080, without scrolling: /d/accueil-wall-en?kiosk&theme=dark.",
    ),
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
                    description=LocalizedText(
                        "En attente, la plus longue (maintenant − arrivée), agents : en ce moment. Niveau de service :"
                        " répondus dans la cible ÷ (répondus + abandons non courts) ; taux d’abandon : abandons non courts ÷"
                        " (répondus + eux) ; depuis minuit.",
                        "Waiting, longest (now − arrival), agents: now. Service level: answered within the target"
                        " ÷ (answered + abandons that were not short); abandon rate: abandons that were not short ÷"
                        " (answered + these); since midnight.",
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
                    title=LocalizedText(
                        "Appels et visites, aujourd’hui et il y a une semaine", "Calls and visits, today and a week ago"
                    ),
                    description=LocalizedText(
                        "Arrivés depuis minuit : ce jour, et le même jour de la semaine passée (offset 1w).",
                        "Received since midnight: this day, and the same weekday of last week (offset 1w).",
                    ),
                    queries=(
                        Query(SCOPE.today("received", QUEUED), board_text("chart_today")),
                        Query(
                            SCOPE.today("received", QUEUED, ago="1w"), LocalizedText("il y a une semaine", "a week ago")
                        ),
                    ),
                    height=9,
                ),
                BarGaugePanel(
                    title=LocalizedText("Écrits à traiter", "Letters, e-mails, forms to do"),
                    description=LocalizedText(
                        'Ouverts et à prendre en charge, par canal : contact_backlog_items{state="waiting"}.',
                        'Open and not taken up yet, by channel: contact_backlog_items{state="waiting"}.',
                    ),
                    queries=(
                        Query(SCOPE.gauge_sum("contact_backlog_items", WRITTEN, 'state="waiting"', by="channel")),
                    ),
                    by="channel",
                    names=CHANNELS,
                    width=6,
                    height=9,
                ),
                BarGaugePanel(
                    title=LocalizedText("Alertes en cours", "Alerts firing"),
                    description=LocalizedText(
                        "Alertes de Prometheus qui sont déclenchées, sans Watchdog (deploy/prometheus/rules).",
                        "Alerts of Prometheus that fire, without Watchdog (deploy/prometheus/rules).",
                    ),
                    queries=(Query('count by (alertname) (ALERTS{alertstate="firing", alertname!="Watchdog"})'),),
                    by="alertname",
                    no_value_text=LocalizedText("● aucune", "● none"),
                    width=6,
                    height=9,
                ),
            ),
        ),
    ),
)
