"""Vue d'ensemble: all channels and services, now and today."""

from dataclasses import replace
from typing import Final

from grafana.page import Page, Section
from grafana.palette import ACTION, ATTENTION, Stroke
from grafana.panels import DAY, DAYS, SHARE, Bars, Column, Curve, Key, Query, Table, Tile
from grafana.promql import Scope, ratio
from grafana.shared import CALLS, FRESHNESS, LATE, WRITTEN, abandonment, longest_wait, overdue, service_level, waiting
from grafana.words import CHANNELS, Words, board

AT_RISK: Final = Stroke(ATTENTION.colour, (10, 6))
OVERDUE: Final = Stroke(ACTION.colour)
ON: Final = Scope("channel", "site", "service")
_TO_DO: Final = ON.now("contact_backlog_items", WRITTEN, 'state=~"waiting|in_progress"')
_ONLINE: Final = ratio(ON.today("received", 'channel="form"'), ON.today("received", 'channel=~"form|mail"'))
OF_CITIZENS: Final = Scope("channel", "service")
_HANDLED: Final = "contact_citizen_handled"

PAGE: Final = Page(
    name="overview",
    title=Words("Vue d’ensemble", "Overview"),
    about=Words(
        "Tous les canaux et services : ce qui attend, ce que la journée a apporté, et ce qui est en retard.",
        "All channels and services: what waits, what the day has brought, and what is late.",
    ),
    scope=ON,
    sections=(
        Section(
            board("now"),
            (
                FRESHNESS,
                waiting(ON),
                longest_wait(ON),
                Tile(
                    title=Words("Écrits à traiter", "Letters, e-mails and forms to do"),
                    about=Words(
                        "Courriers, courriels et démarches ouverts dont le service doit s’occuper :"
                        " contact_backlog_items, waiting + in_progress.",
                        "Open letters, e-mails and forms that the service has to act on: contact_backlog_items, waiting"
                        " + in_progress.",
                    ),
                    query=_TO_DO,
                    width=4,
                ),
                overdue(ON),
                Tile(
                    title=Words("Alertes en cours", "Alerts firing"),
                    about=Words(
                        "Alertes de Prometheus qui sont déclenchées, sans Watchdog (deploy/prometheus/rules).",
                        "Alerts of Prometheus that fire, without Watchdog (deploy/prometheus/rules).",
                    ),
                    query='count(ALERTS{alertstate="firing", alertname!="Watchdog"}) or vector(0)',
                    levels=LATE,
                    width=4,
                ),
            ),
        ),
        Section(
            board("today"),
            (
                replace(service_level(ON), width=6, height=4),
                replace(abandonment(ON, CALLS), width=6, height=4),
                Tile(
                    title=Words("Part en ligne", "Online share"),
                    about=Words(
                        "Démarches en ligne ÷ (démarches en ligne + courriers), reçues depuis minuit, exact.",
                        "Online procedures ÷ (online procedures + letters), received since midnight, exact.",
                    ),
                    unit=SHARE,
                    query=_ONLINE,
                    height=4,
                ),
                Tile(
                    title=Words("Courriers et courriels traités", "Letters and e-mails done"),
                    about=Words(
                        'Traités depuis minuit, exact : contact_today_items{flow="closed"}.',
                        'Done since midnight, exact: contact_today_items{flow="closed"}.',
                    ),
                    query=ON.today("closed", 'channel=~"mail|email"'),
                    height=4,
                ),
                Bars(
                    title=board("received"),
                    about=Words(
                        'Arrivés depuis minuit, par canal, exact : contact_today_items{flow="received"}.',
                        'Came since midnight, by channel, exact: contact_today_items{flow="received"}.',
                    ),
                    queries=(Query(ON.today("received", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                    width=12,
                ),
                Bars(
                    title=board("answered"),
                    about=Words(
                        'Répondus par une personne depuis minuit, par canal, exact : contact_today_items{flow="answered"}.',
                        'Answered by a person since midnight, by channel, exact: contact_today_items{flow="answered"}.',
                    ),
                    queries=(Query(ON.today("answered", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                    width=12,
                ),
            ),
        ),
        Section(
            Words("Dans le temps", "Over time"),
            (
                Curve(
                    title=Words("Arrivées du jour, par canal", "Arrivals of the day, by channel"),
                    about=Words(
                        'Cumul depuis minuit, exact : contact_today_items{flow="received"}.',
                        'Total since midnight, exact: contact_today_items{flow="received"}.',
                    ),
                    queries=(Query(ON.today("received", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                ),
                Curve(
                    title=Words("Aujourd’hui et il y a une semaine", "Today and a week ago"),
                    about=Words(
                        "Arrivées depuis minuit, tous canaux : ce jour, et le même jour de la semaine passée (offset 1w).",
                        "Arrivals since midnight, all channels: this day, and the same weekday of last week (offset 1w).",
                    ),
                    queries=(
                        Query(ON.today("received"), board("chart_today")),
                        Query(ON.today("received", ago="1w"), Words("il y a une semaine", "a week ago")),
                    ),
                ),
                Curve(
                    title=Words("Ce qui attend, par canal", "What waits, by channel"),
                    about=Words(
                        'Ouverts et à prendre en charge : contact_backlog_items{state="waiting"}.',
                        'Open and to be taken up: contact_backlog_items{state="waiting"}.',
                    ),
                    queries=(Query(ON.now("contact_backlog_items", 'state="waiting"', by="channel")),),
                    by="channel",
                    names=CHANNELS,
                ),
                Curve(
                    title=Words("Délais : à risque et en retard", "Promises: at risk and overdue"),
                    about=Words(
                        "Délais promis encore à tenir, par état : contact_sla_open_items.",
                        "Promises still to be kept, by state: contact_sla_open_items.",
                    ),
                    queries=(
                        Query(ON.now("contact_sla_open_items", 'state="at_risk"'), board("at_risk"), AT_RISK),
                        Query(ON.now("contact_sla_open_items", 'state="overdue"'), board("overdue"), OVERDUE),
                    ),
                ),
            ),
        ),
        Section(
            board("services"),
            (
                Table(
                    title=board("services"),
                    about=Words(
                        "Reçus, répondus : depuis minuit (contact_today_items). À traiter, en retard : maintenant. Plus"
                        " ancien : maintenant − l’arrivée de ce que le service n’a pas encore traité, en jours.",
                        "Received, answered: since midnight (contact_today_items). To do, overdue: right now. Oldest:"
                        " now − the arrival of what the service has not dealt with yet, in days.",
                    ),
                    keys=(Key("service", board("service"), page="channel"),),
                    columns=(
                        Column(board("received"), ON.today("received", by="service")),
                        Column(board("answered"), ON.today("answered", by="service")),
                        Column(board("to_do"), ON.now("contact_backlog_items", 'state="waiting"', by="service")),
                        Column(
                            board("oldest"),
                            f"{ON.age('contact_oldest_item_timestamp_seconds', WRITTEN, by='service')} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            board("overdue"),
                            ON.now("contact_sla_open_items", 'state="overdue"', by="service"),
                            levels=LATE,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            Words("Usagers, semaine close", "Citizens, last week that is over"),
            (
                Tile(
                    title=Words("Usagers", "Citizens"),
                    about=Words(
                        "Usagers (pseudonymes) qui ont pris contact la dernière semaine close :"
                        " contact_citizens_of_all_services. Rien sous 5.",
                        "Citizens (pseudonyms) who made contact in the last week that is over:"
                        " contact_citizens_of_all_services. Nothing below 5.",
                    ),
                    query='max(contact_citizens_of_all_services{period="week"})',
                    width=4,
                    height=6,
                ),
                Tile(
                    title=Words("Revenus", "Came back"),
                    about=Words(
                        "Contacts suivis d’un autre avec le service dans le délai de réitération ÷ contacts traités"
                        " (contact_citizen_handled).",
                        "Contacts followed by another with the service within the days of a recontact ÷ contacts"
                        " handled (contact_citizen_handled).",
                    ),
                    unit=SHARE,
                    query=ratio(OF_CITIZENS.now(_HANDLED, 'recontact="true"'), OF_CITIZENS.now(_HANDLED)),
                    width=4,
                    height=6,
                ),
                Tile(
                    title=Words("Résolus au premier contact", "Settled at first contact"),
                    about=Words(
                        "Traités au premier contact et sans réitération ÷ contacts traités (contact_citizen_handled).",
                        "Handled at first contact and without a recontact ÷ contacts handled (contact_citizen_handled).",
                    ),
                    unit=SHARE,
                    query=ratio(
                        OF_CITIZENS.now(_HANDLED, 'first_contact="true"', 'recontact="false"'),
                        OF_CITIZENS.now(_HANDLED),
                    ),
                    width=4,
                    height=6,
                ),
                Bars(
                    title=Words("Contacts évitables", "Contacts that need not have been"),
                    about=Words(
                        "Contacts de la dernière semaine close, par la raison pour laquelle ils n’auraient pas été"
                        " nécessaires (contact_citizen_contacts).",
                        "Contacts of the last week that is over, by why they were not needed (contact_citizen_contacts).",
                    ),
                    queries=(Query(OF_CITIZENS.now("contact_citizen_contacts", 'reason!="other"', by="reason")),),
                    by="reason",
                    names={
                        "letter_unanswered": Words("Courrier sans réponse", "Letter not answered"),
                        "form_unanswered": Words("Démarche sans réponse", "Procedure not answered"),
                        "email_unanswered": Words("Courriel sans réponse", "E-mail not answered"),
                        "no_show": Words("Rendez-vous manqué", "Appointment missed"),
                        "abandoned": Words("Appel abandonné", "Call abandoned"),
                    },
                    width=12,
                    height=6,
                ),
            ),
        ),
    ),
)
