"""Mur: one screen of 1920 x 1080 without scrolling or headings, to be read from five metres; `?kiosk` hides Grafana's own."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import CLOCK, SHARE, Bars, Column, Curve, Key, Query, Table
from grafana.promql import Scope
from grafana.shared import (
    BOARD,
    CALLS,
    FRESHNESS,
    LEVEL,
    OF_CALLS,
    QUEUED,
    WAITING,
    WRITTEN,
    abandonment,
    abandonment_today,
    longest_wait,
    overdue,
    service_level,
    waiting,
)
from grafana.words import CHANNELS, Words, board
from models.topics import Channel
from streams.web.options import LONGEST_WAIT_SECONDS

ON: Final = Scope("site", "service")
_EACH: Final = "service, queue"

PAGE: Final = Page(
    name="wall",
    title=Words("Mur", "Wall"),
    about=Words(
        "Un écran de 1920 × 1080, sans défilement : /d/accueil-wall?kiosk&theme=dark.",
        "One screen of 1920 × 1080, without scrolling: /d/accueil-wall-en?kiosk&theme=dark.",
    ),
    scope=ON,
    refresh="10s",
    bare=True,
    sections=(
        Section(
            board("now"),
            (
                waiting(ON),
                longest_wait(ON),
                service_level(ON),
                abandonment(ON, CALLS),
                overdue(ON),
                FRESHNESS,
                Table(
                    title=board("queues"),
                    about=Words(
                        "En attente, la plus longue (maintenant − arrivée), agents : en ce moment. Niveau de service :"
                        " répondus dans la cible ÷ (répondus + abandons non courts) ; taux d’abandon : abandons non courts ÷"
                        " (répondus + eux) ; depuis minuit.",
                        "Waiting, longest (now − arrival), agents: right now. Service level: answered within the target"
                        " ÷ (answered + abandons that were not short); abandon rate: abandons that were not short ÷"
                        " (answered + these); since midnight.",
                    ),
                    keys=(Key("service", board("service")), Key("queue", board("queue"), page="queue")),
                    columns=(
                        Column(
                            board("waiting"),
                            ON.now("contact_backlog_items", OF_CALLS, 'state="waiting"', by=_EACH),
                            levels=WAITING,
                        ),
                        Column(
                            board("longest"),
                            ON.age("contact_oldest_item_timestamp_seconds", OF_CALLS, by=_EACH),
                            CLOCK,
                            levels=LONGEST_WAIT_SECONDS[Channel.CALL],
                        ),
                        Column(
                            board("available"),
                            ON.now("contact_agents", OF_CALLS, 'state="available"', by=_EACH),
                        ),
                        Column(
                            board("level_short"),
                            ON.service_level_today(OF_CALLS, LEVEL, by=_EACH),
                            SHARE,
                            levels=BOARD.service_level,
                        ),
                        Column(
                            board("abandonment"),
                            abandonment_today(ON, OF_CALLS, by=_EACH),
                            SHARE,
                            levels=BOARD.abandonment,
                        ),
                    ),
                    height=11,
                ),
                Curve(
                    title=Words(
                        "Appels et visites, aujourd’hui et il y a une semaine", "Calls and visits, today and a week ago"
                    ),
                    about=Words(
                        "Arrivés depuis minuit : ce jour, et le même jour de la semaine passée (offset 1w).",
                        "Came since midnight: this day, and the same weekday of last week (offset 1w).",
                    ),
                    queries=(
                        Query(ON.today("received", QUEUED), board("chart_today")),
                        Query(ON.today("received", QUEUED, ago="1w"), Words("il y a une semaine", "a week ago")),
                    ),
                    height=9,
                ),
                Bars(
                    title=Words("Écrits à traiter", "What is written, to do"),
                    about=Words(
                        'Ouverts et à prendre en charge, par canal : contact_backlog_items{state="waiting"}.',
                        'Open and to be taken up, by channel: contact_backlog_items{state="waiting"}.',
                    ),
                    queries=(Query(ON.now("contact_backlog_items", WRITTEN, 'state="waiting"', by="channel")),),
                    by="channel",
                    names=CHANNELS,
                    width=6,
                    height=9,
                ),
                Bars(
                    title=Words("Alertes en cours", "Alerts firing"),
                    about=Words(
                        "Alertes de Prometheus qui sont déclenchées, sans Watchdog (deploy/prometheus/rules).",
                        "Alerts of Prometheus that fire, without Watchdog (deploy/prometheus/rules).",
                    ),
                    queries=(Query('count by (alertname) (ALERTS{alertstate="firing", alertname!="Watchdog"})'),),
                    by="alertname",
                    nothing=Words("● aucune", "● none"),
                    width=6,
                    height=9,
                ),
            ),
        ),
    ),
)
