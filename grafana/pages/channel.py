"""Page "Canal": figures of one or several channels, with queues or with cases."""

from dataclasses import replace
from typing import Final

from grafana.page import Page, Section
from grafana.panels import (
    DAY,
    DAYS,
    HOUR,
    HOURS,
    SHARE,
    BarGaugePanel,
    Column,
    HeatmapPanel,
    KeyColumn,
    Query,
    StatPanel,
    TablePanel,
    TimeSeriesPanel,
)
from grafana.promql import Scope
from grafana.shared_panels import (
    OVERDUE_THRESHOLDS,
    QUEUED,
    WRITTEN,
    abandonment,
    mean_handle,
    mean_wait,
    overdue,
    recent_service_level,
    service_levels,
    waits,
)
from grafana.texts import BACKLOG_STATES, CHANNELS, LocalizedText, ValueNames, board_text

SCOPE: Final = Scope("channel", "site", "service")
OUTCOMES: Final[ValueNames] = {
    "answered": board_text("answered"),
    "accepted": LocalizedText("Acceptés", "Accepted"),
    "rejected": LocalizedText("Refusés", "Rejected"),
    "resolved": LocalizedText("Résolus", "Resolved"),
    "redirected": LocalizedText("Réorientés", "Redirected"),
    "duplicate": LocalizedText("En double", "Duplicate"),
    "no_action": LocalizedText("Sans suite", "No action"),
}
AGES: Final[ValueNames] = {
    "lt_1d": LocalizedText("Moins d’un jour", "Less than a day"),
    "lt_2d": LocalizedText("1 jour", "1 day"),
    "lt_5d": LocalizedText("2 à 4 jours", "2 to 4 days"),
    "lt_10d": LocalizedText("5 à 9 jours", "5 to 9 days"),
    "lt_15d": LocalizedText("10 à 14 jours", "10 to 14 days"),
    "lt_30d": LocalizedText("15 à 29 jours", "15 to 29 days"),
    "ge_30d": LocalizedText("30 jours et plus", "30 days and more"),
}

PAGE: Final = Page(
    name="channel",
    title=LocalizedText("Canal", "Channel"),
    description=LocalizedText(
        "Un canal ou plusieurs : ce qui arrive, ce qui attend, en combien de temps on répond.",
        "One channel or several: arrivals, backlog, and response times.",
    ),
    scope=SCOPE,
    sections=(
        Section(
            board_text("now"),
            (
                StatPanel(
                    title=LocalizedText("Reçus aujourd’hui", "Received today"),
                    description=LocalizedText(
                        'Arrivés depuis minuit, exact : contact_today_items{flow="received"}.',
                        'Received since midnight, exact: contact_today_items{flow="received"}.',
                    ),
                    query=SCOPE.today("received"),
                    width=4,
                ),
                StatPanel(
                    title=LocalizedText("Répondus aujourd’hui", "Answered today"),
                    description=LocalizedText(
                        'Répondus par une personne depuis minuit, exact : contact_today_items{flow="answered"}.',
                        'Answered by a person since midnight, exact: contact_today_items{flow="answered"}.',
                    ),
                    query=SCOPE.today("answered"),
                    width=4,
                ),
                StatPanel(
                    title=LocalizedText("Rouverts aujourd’hui", "Reopened today"),
                    description=LocalizedText(
                        'Repris après avoir été traités, depuis minuit, exact : contact_today_items{flow="reopened"}.',
                        'Reopened after being done, since midnight, exact: contact_today_items{flow="reopened"}.',
                    ),
                    query=SCOPE.today("reopened"),
                    width=4,
                ),
                overdue(SCOPE),
                BarGaugePanel(
                    title=LocalizedText("Ouverts, par état", "Open, by state"),
                    description=LocalizedText(
                        "Ouverts en ce moment, par état : contact_backlog_items.",
                        "Open now, by state: contact_backlog_items.",
                    ),
                    queries=(Query(SCOPE.gauge_sum("contact_backlog_items", by="state")),),
                    by="state",
                    names=BACKLOG_STATES,
                    height=5,
                ),
                TablePanel(
                    title=LocalizedText("Par canal", "By channel"),
                    description=LocalizedText(
                        "Reçus, répondus : depuis minuit (contact_today_items). En attente, en retard, plus ancien :"
                        " maintenant. Plus ancien : maintenant − arrivée, en jours.",
                        "Received, answered: since midnight (contact_today_items). Waiting, overdue, oldest: now."
                        " Oldest: now − arrival, in days.",
                    ),
                    keys=(
                        KeyColumn("channel", LocalizedText("Canal", "Channel"), CHANNELS, page="channel"),
                        KeyColumn("service", board_text("service")),
                    ),
                    columns=(
                        Column(board_text("received"), SCOPE.today("received", by="channel, service")),
                        Column(board_text("answered"), SCOPE.today("answered", by="channel, service")),
                        Column(
                            board_text("waiting"),
                            SCOPE.gauge_sum("contact_backlog_items", 'state="waiting"', by="channel, service"),
                        ),
                        Column(
                            board_text("oldest"),
                            f"{SCOPE.age('contact_oldest_item_timestamp_seconds', by='channel, service')} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            board_text("overdue"),
                            SCOPE.gauge_sum("contact_sla_open_items", 'state="overdue"', by="channel, service"),
                            thresholds=OVERDUE_THRESHOLDS,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            LocalizedText("Téléphone et guichets", "Telephone and front desks"),
            (
                replace(service_levels(SCOPE), width=12),
                replace(abandonment(SCOPE, QUEUED), height=6),
                mean_wait(SCOPE),
                mean_handle(SCOPE),
                recent_service_level(SCOPE),
                waits(SCOPE),
            ),
        ),
        Section(
            LocalizedText("Courriers, courriels, démarches", "Letters, e-mails, procedures"),
            (
                TimeSeriesPanel(
                    title=LocalizedText("Première réponse, moyenne", "First response, mean"),
                    description=LocalizedText(
                        "Somme des délais de première réponse ÷ réponses, depuis minuit, nuits et week-ends compris :"
                        " contact_today_duration_seconds.",
                        "Sum of times to the first response ÷ responses, since midnight, nights and weekends included:"
                        " contact_today_duration_seconds.",
                    ),
                    unit=DAYS,
                    queries=(Query(f"{SCOPE.mean_today('first_response', WRITTEN, by='channel')} / {DAY}"),),
                    by="channel",
                    names={name: CHANNELS[name] for name in ("mail", "email", "form")},
                ),
                BarGaugePanel(
                    title=LocalizedText("Première réponse en 15 jours", "First response within 15 days"),
                    description=LocalizedText(
                        "Premières réponses en 15 jours ou moins ÷ premières réponses, sur la période :"
                        " contact_first_response_seconds, le=1296000.",
                        "First responses within 15 days ÷ first responses, over the time range:"
                        " contact_first_response_seconds, le=1296000.",
                    ),
                    unit=SHARE,
                    queries=(Query(SCOPE.share_at_most("contact_first_response_seconds", "1296000.0", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                    width=6,
                ),
                BarGaugePanel(
                    title=LocalizedText("Première réponse en 5 jours", "First response within 5 days"),
                    description=LocalizedText(
                        "Premières réponses en 5 jours ou moins ÷ premières réponses, sur la période :"
                        " contact_first_response_seconds, le=432000.",
                        "First responses within 5 days ÷ first responses, over the time range:"
                        " contact_first_response_seconds, le=432000.",
                    ),
                    unit=SHARE,
                    queries=(Query(SCOPE.share_at_most("contact_first_response_seconds", "432000.0", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                    width=6,
                ),
                BarGaugePanel(
                    title=LocalizedText("Ce qui attend, par ancienneté", "Backlog by age"),
                    description=LocalizedText(
                        "Ce dont le service doit s’occuper, par jours civils depuis la réception : contact_backlog_by_age_items.",
                        "Cases that wait for the service, by civil days since receipt: contact_backlog_by_age_items.",
                    ),
                    queries=[
                        Query(SCOPE.gauge_sum("contact_backlog_by_age_items", f'age="{age}"'), words)
                        for age, words in AGES.items()
                    ],
                    width=12,
                ),
                BarGaugePanel(
                    title=LocalizedText("Première réponse, heures ouvrées", "First response, opening hours"),
                    description=LocalizedText(
                        "Somme des heures d’ouverture de la réception à la réponse ÷ réponses, sur la période, là où"
                        " une politique en promet une : contact_first_response_business_seconds.",
                        "Sum of opening hours from receipt to the response ÷ responses, over the time range, where an"
                        " SLA policy applies: contact_first_response_business_seconds.",
                    ),
                    unit=HOURS,
                    queries=(Query(f"{SCOPE.mean('contact_first_response_business_seconds', by='channel')} / {HOUR}"),),
                    by="channel",
                    names=CHANNELS,
                    width=6,
                ),
                BarGaugePanel(
                    title=LocalizedText("Traitement, heures ouvrées", "Resolution, opening hours"),
                    description=LocalizedText(
                        "Somme des heures d’ouverture de la réception à la fin ÷ traités, sur la période, là où une"
                        " politique promet un délai : contact_resolution_business_seconds.",
                        "Sum of opening hours from receipt to the end ÷ done, over the time range, where an SLA"
                        " policy applies: contact_resolution_business_seconds.",
                    ),
                    unit=HOURS,
                    queries=(Query(f"{SCOPE.mean('contact_resolution_business_seconds', by='channel')} / {HOUR}"),),
                    by="channel",
                    names=CHANNELS,
                    width=6,
                ),
                HeatmapPanel(
                    title=LocalizedText("Délais de traitement", "Times to resolution"),
                    description=LocalizedText(
                        "Traités, par délai depuis la réception : croissance des classes de contact_resolution_seconds.",
                        "Cases done, by time since receipt: increase of the buckets of contact_resolution_seconds.",
                    ),
                    query=SCOPE.buckets("contact_resolution_seconds"),
                ),
                BarGaugePanel(
                    title=LocalizedText("Traités, par issue", "Done, by outcome"),
                    description=LocalizedText(
                        "Traités sur la période : croissance de contact_closed_total.",
                        "Done in the time range: increase of contact_closed_total.",
                    ),
                    queries=(Query(SCOPE.increase("contact_closed_total", by="outcome")),),
                    by="outcome",
                    names=OUTCOMES,
                    width=12,
                ),
            ),
        ),
    ),
)
