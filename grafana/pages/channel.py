"""Canal: one channel or several, of who waits on the spot and of what is written."""

from dataclasses import replace
from typing import Final

from grafana.page import Page, Section
from grafana.panels import DAY, DAYS, HOUR, HOURS, SHARE, Bars, Column, Curve, Heat, Key, Query, Table, Tile
from grafana.promql import Scope
from grafana.shared import (
    LATE,
    QUEUED,
    WRITTEN,
    abandonment,
    mean_handle,
    mean_wait,
    overdue,
    service_level_of_late,
    service_levels,
    waits,
)
from grafana.words import BACKLOG, CHANNELS, Vocabulary, Words, board

ON: Final = Scope("channel", "site", "service")
OUTCOMES: Final[Vocabulary] = {
    "answered": board("answered"),
    "accepted": Words("Acceptés", "Accepted"),
    "rejected": Words("Refusés", "Rejected"),
    "resolved": Words("Résolus", "Resolved"),
    "redirected": Words("Réorientés", "Redirected"),
    "duplicate": Words("En double", "Duplicate"),
    "no_action": Words("Sans suite", "No action"),
}
AGES: Final[Vocabulary] = {
    "lt_1d": Words("Moins d’un jour", "Less than a day"),
    "lt_2d": Words("1 jour", "1 day"),
    "lt_5d": Words("2 à 4 jours", "2 to 4 days"),
    "lt_10d": Words("5 à 9 jours", "5 to 9 days"),
    "lt_15d": Words("10 à 14 jours", "10 to 14 days"),
    "lt_30d": Words("15 à 29 jours", "15 to 29 days"),
    "ge_30d": Words("30 jours et plus", "30 days and more"),
}

PAGE: Final = Page(
    name="channel",
    title=Words("Canal", "Channel"),
    about=Words(
        "Un canal ou plusieurs : ce qui arrive, ce qui attend, en combien de temps on répond.",
        "One channel or several: what comes, what waits, how soon it is answered.",
    ),
    scope=ON,
    sections=(
        Section(
            board("now"),
            (
                Tile(
                    title=Words("Reçus aujourd’hui", "Received today"),
                    about=Words(
                        'Arrivés depuis minuit, exact : contact_today_items{flow="received"}.',
                        'Came since midnight, exact: contact_today_items{flow="received"}.',
                    ),
                    query=ON.today("received"),
                    width=4,
                ),
                Tile(
                    title=Words("Répondus aujourd’hui", "Answered today"),
                    about=Words(
                        'Répondus par une personne depuis minuit, exact : contact_today_items{flow="answered"}.',
                        'Answered by a person since midnight, exact: contact_today_items{flow="answered"}.',
                    ),
                    query=ON.today("answered"),
                    width=4,
                ),
                Tile(
                    title=Words("Rouverts aujourd’hui", "Opened again today"),
                    about=Words(
                        'Repris après avoir été traités, depuis minuit, exact : contact_today_items{flow="reopened"}.',
                        'Went on after being done, since midnight, exact: contact_today_items{flow="reopened"}.',
                    ),
                    query=ON.today("reopened"),
                    width=4,
                ),
                overdue(ON),
                Bars(
                    title=Words("Ouverts, par état", "Open, by state"),
                    about=Words(
                        "Ouverts en ce moment, par état : contact_backlog_items.",
                        "Open right now, by state: contact_backlog_items.",
                    ),
                    queries=(Query(ON.now("contact_backlog_items", by="state")),),
                    by="state",
                    names=BACKLOG,
                    height=5,
                ),
                Table(
                    title=Words("Par canal", "By channel"),
                    about=Words(
                        "Reçus, répondus : depuis minuit (contact_today_items). En attente, en retard, plus ancien :"
                        " maintenant. Plus ancien : maintenant − arrivée, en jours.",
                        "Received, answered: since midnight (contact_today_items). Waiting, overdue, oldest: right now."
                        " Oldest: now − arrival, in days.",
                    ),
                    keys=(
                        Key("channel", Words("Canal", "Channel"), CHANNELS, page="channel"),
                        Key("service", board("service")),
                    ),
                    columns=(
                        Column(board("received"), ON.today("received", by="channel, service")),
                        Column(board("answered"), ON.today("answered", by="channel, service")),
                        Column(
                            board("waiting"),
                            ON.now("contact_backlog_items", 'state="waiting"', by="channel, service"),
                        ),
                        Column(
                            board("oldest"),
                            f"{ON.age('contact_oldest_item_timestamp_seconds', by='channel, service')} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            board("overdue"),
                            ON.now("contact_sla_open_items", 'state="overdue"', by="channel, service"),
                            levels=LATE,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            Words("Téléphone et guichets", "Telephone and front desks"),
            (
                replace(service_levels(ON), width=12),
                replace(abandonment(ON, QUEUED), height=6),
                mean_wait(ON),
                mean_handle(ON),
                service_level_of_late(ON),
                waits(ON),
            ),
        ),
        Section(
            Words("Courriers, courriels, démarches", "Letters, e-mails, procedures"),
            (
                Curve(
                    title=Words("Première réponse, moyenne", "First response, mean"),
                    about=Words(
                        "Somme des délais de première réponse ÷ réponses, depuis minuit, nuits et week-ends compris :"
                        " contact_today_duration_seconds.",
                        "Sum of times to the first response ÷ responses, since midnight, nights and weekends included:"
                        " contact_today_duration_seconds.",
                    ),
                    unit=DAYS,
                    queries=(Query(f"{ON.mean_today('first_response', WRITTEN, by='channel')} / {DAY}"),),
                    by="channel",
                    names={name: CHANNELS[name] for name in ("mail", "email", "form")},
                ),
                Bars(
                    title=Words("Première réponse en 15 jours", "First response within 15 days"),
                    about=Words(
                        "Premières réponses en 15 jours ou moins ÷ premières réponses, sur la période :"
                        " contact_first_response_seconds, le=1296000.",
                        "First responses within 15 days ÷ first responses, over the time looked at:"
                        " contact_first_response_seconds, le=1296000.",
                    ),
                    unit=SHARE,
                    queries=(Query(ON.within("contact_first_response_seconds", "1296000.0", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                    width=6,
                ),
                Bars(
                    title=Words("Première réponse en 5 jours", "First response within 5 days"),
                    about=Words(
                        "Premières réponses en 5 jours ou moins ÷ premières réponses, sur la période :"
                        " contact_first_response_seconds, le=432000.",
                        "First responses within 5 days ÷ first responses, over the time looked at:"
                        " contact_first_response_seconds, le=432000.",
                    ),
                    unit=SHARE,
                    queries=(Query(ON.within("contact_first_response_seconds", "432000.0", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                    width=6,
                ),
                Bars(
                    title=Words("Ce qui attend, par ancienneté", "What waits, by age"),
                    about=Words(
                        "Ce dont le service doit s’occuper, par jours civils depuis la réception : contact_backlog_by_age_items.",
                        "What the service has to act on, by civil days since receipt: contact_backlog_by_age_items.",
                    ),
                    queries=[
                        Query(ON.now("contact_backlog_by_age_items", f'age="{age}"'), words)
                        for age, words in AGES.items()
                    ],
                    width=12,
                ),
                Bars(
                    title=Words("Première réponse, heures ouvrées", "First response, opening hours"),
                    about=Words(
                        "Somme des heures d’ouverture de la réception à la réponse ÷ réponses, sur la période, là où"
                        " une politique en promet une : contact_first_response_business_seconds.",
                        "Sum of opening hours from receipt to the response ÷ responses, over the time looked at, where a"
                        " policy promises one: contact_first_response_business_seconds.",
                    ),
                    unit=HOURS,
                    queries=(Query(f"{ON.mean('contact_first_response_business_seconds', by='channel')} / {HOUR}"),),
                    by="channel",
                    names=CHANNELS,
                    width=6,
                ),
                Bars(
                    title=Words("Traitement, heures ouvrées", "Resolution, opening hours"),
                    about=Words(
                        "Somme des heures d’ouverture de la réception à la fin ÷ traités, sur la période, là où une"
                        " politique promet un délai : contact_resolution_business_seconds.",
                        "Sum of opening hours from receipt to the end ÷ done, over the time looked at, where a policy"
                        " promises a delay: contact_resolution_business_seconds.",
                    ),
                    unit=HOURS,
                    queries=(Query(f"{ON.mean('contact_resolution_business_seconds', by='channel')} / {HOUR}"),),
                    by="channel",
                    names=CHANNELS,
                    width=6,
                ),
                Heat(
                    title=Words("Délais de traitement", "Times to resolution"),
                    about=Words(
                        "Traités, par délai depuis la réception : croissance des classes de contact_resolution_seconds.",
                        "How many were done, by time since receipt: growth of the buckets of contact_resolution_seconds.",
                    ),
                    query=ON.buckets("contact_resolution_seconds"),
                ),
                Bars(
                    title=Words("Traités, par issue", "Done, by outcome"),
                    about=Words(
                        "Traités sur la période : croissance de contact_closed_total.",
                        "Done during the time looked at: growth of contact_closed_total.",
                    ),
                    queries=(Query(ON.during("contact_closed_total", by="outcome")),),
                    by="outcome",
                    names=OUTCOMES,
                    width=12,
                ),
            ),
        ),
    ),
)
