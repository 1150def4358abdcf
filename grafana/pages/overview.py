"""Page "Vue d'ensemble": all channels and services, now and today."""

from dataclasses import replace
from typing import Final

from grafana.page import Page, Section
from grafana.palette import ACTION, ATTENTION, Stroke
from grafana.panels import (
    DAY,
    DAYS,
    SHARE,
    BarGaugePanel,
    Column,
    KeyColumn,
    Query,
    StatPanel,
    TablePanel,
    TimeSeriesPanel,
)
from grafana.promql import Scope, ratio
from grafana.shared_panels import (
    CALLS,
    FRESHNESS,
    OVERDUE_THRESHOLDS,
    WRITTEN,
    abandonment,
    longest_wait,
    overdue,
    service_level,
    waiting,
)
from grafana.texts import CHANNELS, LocalizedText, board_text

AT_RISK: Final = Stroke(ATTENTION.colour, (10, 6))
OVERDUE: Final = Stroke(ACTION.colour)
SCOPE: Final = Scope("channel", "site", "service")
_TO_DO: Final = SCOPE.gauge_sum("contact_backlog_items", WRITTEN, 'state=~"waiting|in_progress"')
_ONLINE: Final = ratio(SCOPE.today("received", 'channel="form"'), SCOPE.today("received", 'channel=~"form|mail"'))
OF_CITIZENS: Final = Scope("channel", "service")
_HANDLED: Final = "contact_citizen_handled"

PAGE: Final = Page(
    name="overview",
    title=LocalizedText("Vue d’ensemble", "Overview"),
    description=LocalizedText(
        "Tous les canaux et services : ce qui attend, ce que la journée a apporté, et ce qui est en retard.",
        "All channels and services: backlog, flows of today, and overdue contacts.",
    ),
    scope=SCOPE,
    sections=(
        Section(
            board_text("now"),
            (
                FRESHNESS,
                waiting(SCOPE),
                longest_wait(SCOPE),
                StatPanel(
                    title=LocalizedText("Écrits à traiter", "Letters, e-mails and forms to do"),
                    description=LocalizedText(
                        "Courriers, courriels et démarches ouverts dont le service doit s’occuper :"
                        " contact_backlog_items, waiting + in_progress.",
                        "Open letters, e-mails and forms that the service has to act on: contact_backlog_items, waiting"
                        " + in_progress.",
                    ),
                    query=_TO_DO,
                    width=4,
                ),
                overdue(SCOPE),
                StatPanel(
                    title=LocalizedText("Alertes en cours", "Alerts firing"),
                    description=LocalizedText(
                        "Alertes de Prometheus qui sont déclenchées, sans Watchdog (deploy/prometheus/rules).",
                        "Alerts of Prometheus that fire, without Watchdog (deploy/prometheus/rules).",
                    ),
                    query='count(ALERTS{alertstate="firing", alertname!="Watchdog"}) or vector(0)',
                    thresholds=OVERDUE_THRESHOLDS,
                    width=4,
                ),
            ),
        ),
        Section(
            board_text("today"),
            (
                replace(service_level(SCOPE), width=6, height=4),
                replace(abandonment(SCOPE, CALLS), width=6, height=4),
                StatPanel(
                    title=LocalizedText("Part en ligne", "Online share"),
                    description=LocalizedText(
                        "Démarches en ligne ÷ (démarches en ligne + courriers), reçues depuis minuit, exact.",
                        "Online procedures ÷ (online procedures + letters), received since midnight, exact.",
                    ),
                    unit=SHARE,
                    query=_ONLINE,
                    height=4,
                ),
                StatPanel(
                    title=LocalizedText("Courriers et courriels traités", "Letters and e-mails done"),
                    description=LocalizedText(
                        'Traités depuis minuit, exact : contact_today_items{flow="closed"}.',
                        'Done since midnight, exact: contact_today_items{flow="closed"}.',
                    ),
                    query=SCOPE.today("closed", 'channel=~"mail|email"'),
                    height=4,
                ),
                BarGaugePanel(
                    title=board_text("received"),
                    description=LocalizedText(
                        'Arrivés depuis minuit, par canal, exact : contact_today_items{flow="received"}.',
                        'Received since midnight, by channel, exact: contact_today_items{flow="received"}.',
                    ),
                    queries=(Query(SCOPE.today("received", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                    width=12,
                ),
                BarGaugePanel(
                    title=board_text("answered"),
                    description=LocalizedText(
                        'Répondus par une personne depuis minuit, par canal, exact : contact_today_items{flow="answered"}.',
                        'Answered by a person since midnight, by channel, exact: contact_today_items{flow="answered"}.',
                    ),
                    queries=(Query(SCOPE.today("answered", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                    width=12,
                ),
            ),
        ),
        Section(
            LocalizedText("Dans le temps", "Over time"),
            (
                TimeSeriesPanel(
                    title=LocalizedText("Arrivées du jour, par canal", "Arrivals of the day, by channel"),
                    description=LocalizedText(
                        'Cumul depuis minuit, exact : contact_today_items{flow="received"}.',
                        'Total since midnight, exact: contact_today_items{flow="received"}.',
                    ),
                    queries=(Query(SCOPE.today("received", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Aujourd’hui et il y a une semaine", "Today and a week ago"),
                    description=LocalizedText(
                        "Arrivées depuis minuit, tous canaux : ce jour, et le même jour de la semaine passée (offset 1w).",
                        "Arrivals since midnight, all channels: this day, and the same weekday of last week (offset 1w).",
                    ),
                    queries=(
                        Query(SCOPE.today("received"), board_text("chart_today")),
                        Query(SCOPE.today("received", ago="1w"), LocalizedText("il y a une semaine", "a week ago")),
                    ),
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Ce qui attend, par canal", "Backlog by channel"),
                    description=LocalizedText(
                        'Ouverts et à prendre en charge : contact_backlog_items{state="waiting"}.',
                        'Open and not taken up yet: contact_backlog_items{state="waiting"}.',
                    ),
                    queries=(Query(SCOPE.gauge_sum("contact_backlog_items", 'state="waiting"', by="channel")),),
                    by="channel",
                    names=CHANNELS,
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Délais : à risque et en retard", "Promises: at risk and overdue"),
                    description=LocalizedText(
                        "Délais promis encore à tenir, par état : contact_sla_open_items.",
                        "Open promises, by state: contact_sla_open_items.",
                    ),
                    queries=(
                        Query(
                            SCOPE.gauge_sum("contact_sla_open_items", 'state="at_risk"'), board_text("at_risk"), AT_RISK
                        ),
                        Query(
                            SCOPE.gauge_sum("contact_sla_open_items", 'state="overdue"'), board_text("overdue"), OVERDUE
                        ),
                    ),
                ),
            ),
        ),
        Section(
            board_text("services"),
            (
                TablePanel(
                    title=board_text("services"),
                    description=LocalizedText(
                        "Reçus, répondus : depuis minuit (contact_today_items). À traiter, en retard : maintenant. Plus"
                        " ancien : maintenant − l’arrivée de ce que le service n’a pas encore traité, en jours.",
                        "Received, answered: since midnight (contact_today_items). To do, overdue: now. Oldest:"
                        " now − the arrival of the oldest case that waits for the service, in days.",
                    ),
                    keys=(KeyColumn("service", board_text("service"), page="channel"),),
                    columns=(
                        Column(board_text("received"), SCOPE.today("received", by="service")),
                        Column(board_text("answered"), SCOPE.today("answered", by="service")),
                        Column(
                            board_text("to_do"),
                            SCOPE.gauge_sum("contact_backlog_items", 'state="waiting"', by="service"),
                        ),
                        Column(
                            board_text("oldest"),
                            f"{SCOPE.age('contact_oldest_item_timestamp_seconds', WRITTEN, by='service')} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            board_text("overdue"),
                            SCOPE.gauge_sum("contact_sla_open_items", 'state="overdue"', by="service"),
                            thresholds=OVERDUE_THRESHOLDS,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            LocalizedText("Usagers, semaine close", "Citizens, last completed week"),
            (
                StatPanel(
                    title=LocalizedText("Usagers", "Citizens"),
                    description=LocalizedText(
                        "Usagers (pseudonymes) qui ont pris contact la dernière semaine close :"
                        " contact_citizens_of_all_services. Rien sous 5.",
                        "Citizens (pseudonyms) who made contact in the last completed week:"
                        " contact_citizens_of_all_services. Nothing below 5.",
                    ),
                    query='max(contact_citizens_of_all_services{period="week"})',
                    width=4,
                    height=6,
                ),
                StatPanel(
                    title=LocalizedText("Revenus", "Recontacts"),
                    description=LocalizedText(
                        "Contacts suivis d’un autre avec le service dans le délai de réitération ÷ contacts traités"
                        " (contact_citizen_handled).",
                        "Contacts followed by another with the service within the recontact window ÷ contacts"
                        " handled (contact_citizen_handled).",
                    ),
                    unit=SHARE,
                    query=ratio(OF_CITIZENS.gauge_sum(_HANDLED, 'recontact="true"'), OF_CITIZENS.gauge_sum(_HANDLED)),
                    width=4,
                    height=6,
                ),
                StatPanel(
                    title=LocalizedText("Résolus au premier contact", "Resolved at first contact"),
                    description=LocalizedText(
                        "Traités au premier contact et sans réitération ÷ contacts traités (contact_citizen_handled).",
                        "Handled at first contact and without a recontact ÷ contacts handled (contact_citizen_handled).",
                    ),
                    unit=SHARE,
                    query=ratio(
                        OF_CITIZENS.gauge_sum(_HANDLED, 'first_contact="true"', 'recontact="false"'),
                        OF_CITIZENS.gauge_sum(_HANDLED),
                    ),
                    width=4,
                    height=6,
                ),
                BarGaugePanel(
                    title=LocalizedText("Contacts évitables", "Avoidable contacts"),
                    description=LocalizedText(
                        "Contacts de la dernière semaine close, par la raison pour laquelle ils n’auraient pas été"
                        " nécessaires (contact_citizen_contacts).",
                        "Contacts of the last completed week, by the reason that made them avoidable (contact_citizen_contacts).",
                    ),
                    queries=(Query(OF_CITIZENS.gauge_sum("contact_citizen_contacts", 'reason!="other"', by="reason")),),
                    by="reason",
                    names={
                        "letter_unanswered": LocalizedText("Courrier sans réponse", "Letter not answered"),
                        "form_unanswered": LocalizedText("Démarche sans réponse", "Procedure not answered"),
                        "email_unanswered": LocalizedText("Courriel sans réponse", "E-mail not answered"),
                        "no_show": LocalizedText("Rendez-vous manqué", "Appointment missed"),
                        "abandoned": LocalizedText("Appel abandonné", "Call abandoned"),
                    },
                    width=12,
                    height=6,
                ),
            ),
        ),
    ),
)
