"""Page "Courrier": letters from arrival to answer, and letters sent with their postage."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import (
    DAY,
    DAYS,
    EUROS,
    HOUR,
    HOURS,
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
from grafana.shared_panels import OVERDUE_THRESHOLDS
from grafana.texts import BACKLOG_STATES, LocalizedText, ValueNames, board_text

SCOPE: Final = Scope("site", "service")
_MAIL: Final = 'channel="mail"'
POSTAGE: Final[ValueNames] = {
    "lettre_verte": LocalizedText("Lettre verte", "Lettre verte"),
    "lettre_services_plus": LocalizedText("Lettre services plus", "Lettre services plus"),
    "lettre_en_ligne": LocalizedText("Lettre en ligne", "Lettre en ligne"),
    "lettre_recommandee": LocalizedText("Recommandée", "Registered"),
    "lettre_recommandee_avec_avis": LocalizedText("Recommandée avec avis", "Registered, with receipt"),
    "economique": LocalizedText("Économique", "Economy"),
}
STEPS: Final[ValueNames] = {
    "scan": LocalizedText("Numérisation", "Scan"),
    "registration": LocalizedText("Enregistrement", "Registration"),
    "assignment": LocalizedText("Attribution", "Assignment"),
    "acknowledgement": board_text("clock_acknowledge"),
    "first_response": board_text("clock_first_response"),
    "resolution": board_text("clock_resolution"),
}


def _today(title: LocalizedText, flow: str) -> StatPanel:
    return StatPanel(
        title=title,
        description=LocalizedText(
            f'Depuis minuit, exact : contact_today_items{{flow="{flow}"}}.',
            f'Since midnight, exact: contact_today_items{{flow="{flow}"}}.',
        ),
        query=SCOPE.today(flow, _MAIL),
        width=4,
    )


def _postage(title: LocalizedText, by: str, names: ValueNames | None = None) -> BarGaugePanel:
    spent, corrected = (
        SCOPE.increase(f"contact_postage_{counter}_total", by=by) for counter in ("euros", "corrected_euros")
    )
    return BarGaugePanel(
        title=title,
        description=LocalizedText(
            "Euros d’affranchissement sur la période, hors corrections : contact_postage_euros_total −"
            " contact_postage_corrected_euros_total.",
            "Euros of postage in the time range, without corrected counts: contact_postage_euros_total −"
            " contact_postage_corrected_euros_total.",
        ),
        unit=EUROS,
        queries=(Query(f"{spent}\n-\n{corrected}"),),
        by=by,
        names=names,
    )


PAGE: Final = Page(
    name="mail",
    title=board_text("channel_mail"),
    description=LocalizedText(
        "Le courrier : de l’arrivée à l’enregistrement, à l’attribution, à la réponse ; et ce qui part, avec l’affranchissement.",
        "Letters: from arrival to registration, assignment and answer; letters sent, and their postage.",
    ),
    scope=SCOPE,
    since="now-7d",
    sections=(
        Section(
            board_text("today"),
            (
                _today(board_text("received"), "received"),
                _today(LocalizedText("Enregistrés", "Registered"), "registered"),
                _today(LocalizedText("Attribués", "Assigned"), "assigned"),
                _today(board_text("answered"), "answered"),
                _today(board_text("closed"), "closed"),
                _today(LocalizedText("Envoyés", "Sent"), "sent"),
            ),
        ),
        Section(
            LocalizedText("Ce qui attend", "Backlog"),
            (
                BarGaugePanel(
                    title=LocalizedText("Ouverts, par état", "Open, by state"),
                    description=LocalizedText(
                        "Courriers ouverts en ce moment, par état : contact_backlog_items.",
                        "Letters open now, by state: contact_backlog_items.",
                    ),
                    queries=(Query(SCOPE.gauge_sum("contact_backlog_items", _MAIL, by="state")),),
                    by="state",
                    names=BACKLOG_STATES,
                ),
                TimeSeriesPanel(
                    title=LocalizedText("À traiter", "To do"),
                    description=LocalizedText(
                        "Courriers que personne n’a pris en charge, et courriers en cours : contact_backlog_items.",
                        "Letters not taken up yet, and letters in progress: contact_backlog_items.",
                    ),
                    queries=(Query(SCOPE.gauge_sum("contact_backlog_items", _MAIL, by="state")),),
                    by="state",
                    names=BACKLOG_STATES,
                    width=16,
                ),
                TablePanel(
                    title=board_text("services"),
                    description=LocalizedText(
                        "À traiter, en retard : maintenant. Plus ancien : maintenant − arrivée, en jours, et en heures"
                        " d’ouverture. Enregistrement, première réponse : somme des délais ÷ nombre, sur la période, en"
                        " jours.",
                        "To do, overdue: now. Oldest: now − arrival, in days, and in opening hours. Registration,"
                        " first answer: sum of delays ÷ number, over the time range, in days.",
                    ),
                    keys=(KeyColumn("service", board_text("service"), page="channel"),),
                    columns=(
                        Column(
                            board_text("to_do"),
                            SCOPE.gauge_sum("contact_backlog_items", _MAIL, 'state="waiting"', by="service"),
                        ),
                        Column(
                            board_text("oldest"),
                            f"{SCOPE.age('contact_oldest_item_timestamp_seconds', _MAIL, by='service')} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            LocalizedText("Plus ancien, heures ouvrées", "Oldest, opening hours"),
                            f"max by (service) ({SCOPE.select('contact_oldest_item_business_age_seconds', _MAIL)}) / {HOUR}",
                            HOURS,
                        ),
                        Column(
                            STEPS["registration"],
                            f"{SCOPE.mean('contact_registration_seconds', by='service')} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            STEPS["first_response"],
                            f"{SCOPE.mean('contact_first_response_seconds', _MAIL, by='service')} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            board_text("overdue"),
                            SCOPE.gauge_sum("contact_sla_open_items", _MAIL, 'state="overdue"', by="service"),
                            thresholds=OVERDUE_THRESHOLDS,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            LocalizedText("Délais depuis l’arrivée", "Delays since arrival"),
            (
                BarGaugePanel(
                    title=LocalizedText("Délai moyen du jour, par étape", "Mean delay today, by step"),
                    description=LocalizedText(
                        "Somme des délais depuis l’arrivée ÷ nombre, exact depuis minuit : contact_today_duration_seconds.",
                        "Sum of delays since arrival ÷ number, exact since midnight: contact_today_duration_seconds.",
                    ),
                    unit=DAYS,
                    queries=[Query(f"{SCOPE.mean_today(step, _MAIL)} / {DAY}", words) for step, words in STEPS.items()],
                    width=12,
                ),
                HeatmapPanel(
                    title=LocalizedText("Enregistrement", "Registration"),
                    description=LocalizedText(
                        "De l’arrivée au numéro de registre : croissance des classes de contact_registration_seconds.",
                        "From arrival to the number in the register: increase of the buckets of contact_registration_seconds.",
                    ),
                    query=SCOPE.buckets("contact_registration_seconds"),
                ),
                HeatmapPanel(
                    title=LocalizedText("Attribution", "Assignment"),
                    description=LocalizedText(
                        "De l’arrivée au service qui s’en occupe : croissance des classes de contact_assignment_seconds.",
                        "From arrival to the assignment to a service: increase of the buckets of contact_assignment_seconds.",
                    ),
                    query=SCOPE.buckets("contact_assignment_seconds", _MAIL),
                ),
                HeatmapPanel(
                    title=board_text("clock_first_response"),
                    description=LocalizedText(
                        "De l’arrivée à la réponse d’une personne : croissance des classes de contact_first_response_seconds.",
                        "From arrival to the first personal answer: increase of the buckets of contact_first_response_seconds.",
                    ),
                    query=SCOPE.buckets("contact_first_response_seconds", _MAIL),
                ),
            ),
        ),
        Section(
            LocalizedText("Ce qui part", "Letters sent"),
            (
                BarGaugePanel(
                    title=LocalizedText("Envoyés, par affranchissement", "Sent, by postage"),
                    description=LocalizedText(
                        "Courriers envoyés sur la période, par classe : contact_sent_total.",
                        "Letters sent in the time range, by class: contact_sent_total.",
                    ),
                    queries=(Query(SCOPE.increase("contact_sent_total", by="postage")),),
                    by="postage",
                    names=POSTAGE,
                ),
                _postage(LocalizedText("Affranchissement, par classe", "Postage, by class"), "postage", POSTAGE),
                _postage(LocalizedText("Affranchissement, par service", "Postage, by service"), "service"),
            ),
        ),
    ),
)
