"""Courrier: the way of a letter from its arrival to the answer, and what is sent."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import DAY, DAYS, EUROS, HOUR, HOURS, Bars, Column, Curve, Heat, Key, Query, Table, Tile
from grafana.promql import Scope
from grafana.shared import LATE
from grafana.words import BACKLOG, Vocabulary, Words, board

ON: Final = Scope("site", "service")
_OF: Final = 'channel="mail"'
POSTAGE: Final[Vocabulary] = {
    "lettre_verte": Words("Lettre verte", "Lettre verte"),
    "lettre_services_plus": Words("Lettre services plus", "Lettre services plus"),
    "lettre_en_ligne": Words("Lettre en ligne", "Lettre en ligne"),
    "lettre_recommandee": Words("Recommandée", "Registered"),
    "lettre_recommandee_avec_avis": Words("Recommandée avec avis", "Registered, with receipt"),
    "economique": Words("Économique", "Economy"),
}
STEPS: Final[Vocabulary] = {
    "scan": Words("Numérisation", "Scan"),
    "registration": Words("Enregistrement", "Registration"),
    "assignment": Words("Attribution", "Assignment"),
    "acknowledgement": board("clock_acknowledge"),
    "first_response": board("clock_first_response"),
    "resolution": board("clock_resolution"),
}


def _today(title: Words, flow: str) -> Tile:
    return Tile(
        title=title,
        about=Words(
            f'Depuis minuit, exact : contact_today_items{{flow="{flow}"}}.',
            f'Since midnight, exact: contact_today_items{{flow="{flow}"}}.',
        ),
        query=ON.today(flow, _OF),
        width=4,
    )


def _postage(title: Words, by: str, names: Vocabulary | None = None) -> Bars:
    spent, taken_back = (
        ON.during(f"contact_postage_{counter}_total", by=by) for counter in ("euros", "corrected_euros")
    )
    return Bars(
        title=title,
        about=Words(
            "Euros d’affranchissement sur la période, hors corrections : contact_postage_euros_total −"
            " contact_postage_corrected_euros_total.",
            "Euros of postage during the time looked at, without corrected counts: contact_postage_euros_total −"
            " contact_postage_corrected_euros_total.",
        ),
        unit=EUROS,
        queries=(Query(f"{spent}\n-\n{taken_back}"),),
        by=by,
        names=names,
    )


PAGE: Final = Page(
    name="mail",
    title=board("channel_mail"),
    about=Words(
        "Le courrier : de l’arrivée à l’enregistrement, à l’attribution, à la réponse ; et ce qui part, avec l’affranchissement.",
        "Letters: from arrival to registration, assignment, answer; and what is sent, with its postage.",
    ),
    scope=ON,
    since="now-7d",
    sections=(
        Section(
            board("today"),
            (
                _today(board("received"), "received"),
                _today(Words("Enregistrés", "Registered"), "registered"),
                _today(Words("Attribués", "Assigned"), "assigned"),
                _today(board("answered"), "answered"),
                _today(board("closed"), "closed"),
                _today(Words("Envoyés", "Sent"), "sent"),
            ),
        ),
        Section(
            Words("Ce qui attend", "What waits"),
            (
                Bars(
                    title=Words("Ouverts, par état", "Open, by state"),
                    about=Words(
                        "Courriers ouverts en ce moment, par état : contact_backlog_items.",
                        "Letters open right now, by state: contact_backlog_items.",
                    ),
                    queries=(Query(ON.now("contact_backlog_items", _OF, by="state")),),
                    by="state",
                    names=BACKLOG,
                ),
                Curve(
                    title=Words("À traiter", "To do"),
                    about=Words(
                        "Courriers que personne n’a pris en charge, et courriers en cours : contact_backlog_items.",
                        "Letters that nobody has taken up, and letters under way: contact_backlog_items.",
                    ),
                    queries=(Query(ON.now("contact_backlog_items", _OF, by="state")),),
                    by="state",
                    names=BACKLOG,
                    width=16,
                ),
                Table(
                    title=board("services"),
                    about=Words(
                        "À traiter, en retard : maintenant. Plus ancien : maintenant − arrivée, en jours, et en heures"
                        " d’ouverture. Enregistrement, première réponse : somme des délais ÷ nombre, sur la période, en"
                        " jours.",
                        "To do, overdue: right now. Oldest: now − arrival, in days, and in opening hours. Registration,"
                        " first answer: sum of delays ÷ number, over the time looked at, in days.",
                    ),
                    keys=(Key("service", board("service"), page="channel"),),
                    columns=(
                        Column(board("to_do"), ON.now("contact_backlog_items", _OF, 'state="waiting"', by="service")),
                        Column(
                            board("oldest"),
                            f"{ON.age('contact_oldest_item_timestamp_seconds', _OF, by='service')} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            Words("Plus ancien, heures ouvrées", "Oldest, opening hours"),
                            f"max by (service) ({ON.select('contact_oldest_item_business_age_seconds', _OF)}) / {HOUR}",
                            HOURS,
                        ),
                        Column(
                            STEPS["registration"],
                            f"{ON.mean('contact_registration_seconds', by='service')} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            STEPS["first_response"],
                            f"{ON.mean('contact_first_response_seconds', _OF, by='service')} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            board("overdue"),
                            ON.now("contact_sla_open_items", _OF, 'state="overdue"', by="service"),
                            levels=LATE,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            Words("Délais depuis l’arrivée", "Delays since arrival"),
            (
                Bars(
                    title=Words("Délai moyen du jour, par étape", "Mean delay today, by step"),
                    about=Words(
                        "Somme des délais depuis l’arrivée ÷ nombre, exact depuis minuit : contact_today_duration_seconds.",
                        "Sum of delays since arrival ÷ number, exact since midnight: contact_today_duration_seconds.",
                    ),
                    unit=DAYS,
                    queries=[Query(f"{ON.mean_today(step, _OF)} / {DAY}", words) for step, words in STEPS.items()],
                    width=12,
                ),
                Heat(
                    title=Words("Enregistrement", "Registration"),
                    about=Words(
                        "De l’arrivée au numéro de registre : croissance des classes de contact_registration_seconds.",
                        "From arrival to the number in the register: growth of the buckets of contact_registration_seconds.",
                    ),
                    query=ON.buckets("contact_registration_seconds"),
                ),
                Heat(
                    title=Words("Attribution", "Assignment"),
                    about=Words(
                        "De l’arrivée au service qui s’en occupe : croissance des classes de contact_assignment_seconds.",
                        "From arrival to the service that has it: growth of the buckets of contact_assignment_seconds.",
                    ),
                    query=ON.buckets("contact_assignment_seconds", _OF),
                ),
                Heat(
                    title=board("clock_first_response"),
                    about=Words(
                        "De l’arrivée à la réponse d’une personne : croissance des classes de contact_first_response_seconds.",
                        "From arrival to a person’s answer: growth of the buckets of contact_first_response_seconds.",
                    ),
                    query=ON.buckets("contact_first_response_seconds", _OF),
                ),
            ),
        ),
        Section(
            Words("Ce qui part", "What is sent"),
            (
                Bars(
                    title=Words("Envoyés, par affranchissement", "Sent, by postage"),
                    about=Words(
                        "Courriers envoyés sur la période, par classe : contact_sent_total.",
                        "Letters sent during the time looked at, by class: contact_sent_total.",
                    ),
                    queries=(Query(ON.during("contact_sent_total", by="postage")),),
                    by="postage",
                    names=POSTAGE,
                ),
                _postage(Words("Affranchissement, par classe", "Postage, by class"), "postage", POSTAGE),
                _postage(Words("Affranchissement, par service", "Postage, by service"), "service"),
            ),
        ),
    ),
)
