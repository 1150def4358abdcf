"""Texts of a report in French and English, and the formats of numbers, dates and times."""
# ruff: noqa: RUF001 - French has typographic apostrophes, and spaces that do not break

from datetime import date, datetime
from typing import Final

from models.policies import ClockKind
from models.topics import Channel
from streams.core.figures.satisfaction import Measure
from streams.report.period import Period, PeriodKind
from streams.web.board.texts import TEXTS as BOARD

LANGUAGES: Final = ("fr", "en")
THIN: Final = "\u202f"
"""Thousands separator of French numbers."""
NO_BREAK_SPACE: Final = "\u00a0"

_TEXTS: Final = {
    "report": ("Rapport d’activité", "Activity report"),
    "week": ("Semaine", "Week"),
    "days_of": ("du {first} au {last}", "{first} to {last}"),
    "as_of": ("Chiffres à jour au {when} ({zone}).", "Figures as of {when} ({zone})."),
    "not_over": (
        "La période n’est pas finie : ces chiffres sont provisoires.",
        "The period is not over: these figures are provisional.",
    ),
    "known_in_part": (
        "Sur certains canaux, la période peut n’être connue qu’en partie : voir « Données de ce rapport ».",
        "For some channels, the data may cover only a part of the period: see “Data of this report”.",
    ),
    "reads_history": (
        "L’historique de certains canaux est en cours de lecture : leurs chiffres vont encore augmenter.",
        "The history of some channels is still being read: their figures will grow.",
    ),
    "not_told": (
        "Le service de calcul n’a pas encore indiqué jusqu’à quand les chiffres sont complets.",
        "The worker has not recorded yet up to when the figures are complete.",
    ),
    "unreadable": (
        "{count} lignes de chiffres n’ont pas pu être lues : il en manque dans ce rapport.",
        "{count} rows of figures could not be read: they are missing in this report.",
    ),
    "nothing": ("Aucun contact n’est connu pour cette période.", "No contact is known for this period."),
    # coverage
    "coverage": ("Données de ce rapport", "Data of this report"),
    "channel": ("Canal", "Channel"),
    "known": ("Données", "Data"),
    "days_with_contacts": ("Jours avec au moins un contact", "Days with at least one contact"),
    "of_days": ("{count} sur {days}", "{count} of {days}"),
    "complete": ("commencent avant la période", "begin before the period"),
    "begins": (
        "commencent le {day} : la période n’est connue qu’en partie",
        "begin on {day}: they cover only a part of the period",
    ),
    "begins_first": (
        "commencent le {day}, premier jour de la période : ce jour peut n’être connu qu’en partie",
        "begin on {day}, the first day of the period: they may cover only a part of that day",
    ),
    "after_period": ("commencent le {day}, après la période", "begin on {day}, after the period"),
    "being_read": (
        "{data} ; historique en cours de lecture, on en est au {when}",
        "{data}; history is being read, up to {when}",
    ),
    # tables
    "summary": ("En bref", "Summary"),
    "received_by_channel": ("Contacts reçus par canal", "Contacts received by channel"),
    "total": ("Total", "Total"),
    "others": ("Autres, les plus petits réunis", "Others, the smallest combined"),
    "no_service": ("(sans service)", "(no service)"),
    "what": ("Où", "Where"),
    "feedback": ("Avis", "Opinions"),
    "sent": ("Courriers envoyés", "Letters sent"),
    "sla": ("Délais promis", "Promises"),
    "sla_by_service": ("Délais promis, par service", "Promises, by service"),
    "csat": ("Satisfaction (CSAT)", "Satisfaction (CSAT)"),
    "nps": ("Recommandation (NPS)", "Recommendation (NPS)"),
    "ces_1_5": ("Facilité (CES sur 5)", "Ease (CES of 5)"),
    "ces_1_7": ("Facilité (CES sur 7)", "Ease (CES of 7)"),
    "jdma": ("Je donne mon avis (JDMA)", "Je donne mon avis (JDMA)"),
    "unit_count": ("nombre", "count"),
    "unit_share": ("part", "share"),
    "unit_seconds": ("secondes", "seconds"),
    "unit_days": ("jours", "days"),
    "unit_euros": ("euros", "euros"),
    "unit_points": ("points", "points"),
    # columns
    "abandoned_short": ("dont abandons courts", "including short abandons"),
    "transferred": ("Transférés", "Transferred"),
    "responded": ("Première réponse donnée", "First response given"),
    "mean_registration": ("Délai d’enregistrement moyen", "Mean time to register"),
    "mean_first_response": ("Délai moyen de première réponse", "Mean time to first response"),
    "responded_within_5": ("Première réponse en 5 jours", "First response within 5 days"),
    "responded_within_15": ("Première réponse en 15 jours", "First response within 15 days"),
    "mean_resolution": ("Délai moyen de traitement", "Mean time to resolution"),
    "sent_letters": ("Envoyés", "Sent"),
    "postage": ("Affranchissement", "Postage"),
    "sent_lettre_verte": ("Lettre verte", "Lettre verte"),
    "sent_lettre_services_plus": ("Services plus", "Services plus"),
    "sent_lettre_recommandee": ("Recommandée", "Registered"),
    "sent_lettre_recommandee_avec_avis": ("Recommandée avec avis", "Registered with receipt"),
    "sent_economique": ("Économique", "Economy"),
    "sent_lettre_en_ligne": ("En ligne", "Online"),
    "cancelled_by_citizen": ("Annulés par l’usager", "Cancelled by the citizen"),
    "cancelled_by_service": ("Annulés par le service", "Cancelled by the service"),
    "no_show": ("Taux de rendez-vous manqués", "No-show rate"),
    "mean_lead": ("Délai moyen d’obtention", "Mean lead time"),
    "promised": ("Promis", "Promised"),
    "met": ("Tenus", "Kept"),
    "met_late": ("Faits en retard", "Done late"),
    "breached": ("Dépassés", "Broken"),
    "invited": ("Invitations", "Invitations"),
    "response_rate": ("Taux de réponse", "Response rate"),
    # plots
    "by_day": ("Contacts reçus par jour", "Contacts received by day"),
    "by_hour": ("Contacts reçus par heure", "Contacts received by hour"),
    # sheets of the workbook, columns of CSV
    "definitions": ("Définitions", "Definitions"),
    "days": ("Par jour", "By day"),
    "hours": ("Par heure", "By hour"),
    "hour": ("Heure", "Hour"),
    "date": ("Jour", "Day"),
    "from": ("du", "from"),
    "to": ("au", "to"),
    "table": ("tableau", "table"),
    "line": ("ligne", "row"),
    "site": ("site", "site"),
    "service": ("service", "service"),
    "queue": ("file", "queue"),
    "measure": ("mesure", "measure"),
    "value": ("valeur", "value"),
    "unit": ("unité", "unit"),
    "numerator": ("numérateur", "numerator"),
    "denominator": ("dénominateur", "denominator"),
    "low": ("borne basse", "lower bound"),
    "high": ("borne haute", "upper bound"),
}
_OF_BOARD: Final = {
    **{channel.value: f"channel_{channel}" for channel in Channel if channel is not Channel.FEEDBACK},
    **{f"clock_{kind}": f"clock_{kind}" for kind in ClockKind},
    **{name: name for name in ("promise_of", "short_form")},
    **{name: name for name in ("received", "answered", "abandoned", "abandonment", "mean_wait", "mean_handle")},
    **{name: name for name in ("closed", "booked", "attended", "missed", "kept", "given")},
    **{f"score_{measure}": f"measure_{measure}" for measure in Measure},
    "left_otherwise": "left",
    "service_level": "level_short",
    "answered_invitation": "given",
}
"""Key in a report → key of the same text on the board."""
TEXTS: Final = {
    language: {name: both[number] for name, both in _TEXTS.items()}
    | {name: BOARD[language][board_key] for name, board_key in _OF_BOARD.items()}
    for number, language in enumerate(LANGUAGES)
}

DEFINITIONS: Final = (
    (
        ("Jour", "Day"),
        (
            (
                "Jour civil de {zone}, de minuit à minuit : 23 ou 25 heures aux changements d’heure. Chaque fait est compté "
                "le jour où il a eu lieu : un appel reçu à 23 h 59 et répondu à 0 h 01 est reçu un jour, répondu le lendemain."
            ),
            (
                "A civil day of {zone}, from midnight to midnight: 23 or 25 hours where the clocks change. Each fact is "
                "counted on the day it happened: a call received at 23:59 and answered at 0:01 is received on one day, and "
                "answered on the next."
            ),
        ),
    ),
    (
        ("Reçus (téléphone, guichets)", "Received (telephone, front desks)"),
        (
            "Entrées dans une file. Reçus = répondus + abandonnés + autres sorties + encore en attente.",
            "Entries into a queue. Received = answered + abandoned + left otherwise + still waiting.",
        ),
    ),
    (
        ("Abandonnés", "Abandoned"),
        (
            "Partis sans réponse, même très vite ; les abandons courts, en {short} ou moins, en sont. {abandonment}",
            "Left without an answer, however soon; short abandons, within {short}, are included. {abandonment}",
        ),
    ),
    (
        ("Autres sorties", "Left otherwise"),
        (
            "File pleine ou fermée, renvoi, touche, délai dépassé, fin jamais signalée par la source.",
            "Queue full or closed, diverted, key pressed, timed out, or an end that the source never reported.",
        ),
    ),
    (
        ("Niveau de service", "Service level"),
        (
            "{service_level} D’autres outils nomment ainsi une autre formule ; celle-ci est « {formula} ».",
            "{service_level} Other tools give that name to another formula; this one is “{formula}”.",
        ),
    ),
    (
        ("Attente, durée", "Wait, handle time"),
        (
            "Attente moyenne des répondus ; durée moyenne de la réponse à la fin.",
            "Mean wait of answered contacts; mean time from the answer to the end.",
        ),
    ),
    (
        ("Courrier, courriels, démarches", "Letters, e-mails, procedures"),
        (
            (
                "Reçu : du jour d’arrivée à la maison. Délais en temps écoulé depuis la réception, nuits et jours fériés "
                "compris. Première réponse : la première d’une personne, accusés automatiques exclus."
            ),
            (
                "Received: on the day of arrival. Delays are elapsed time since then, nights and holidays included. First "
                "response: the first one of a person, without automatic acknowledgements."
            ),
        ),
    ),
    (
        ("Rendez-vous", "Appointments"),
        (
            "Taux de rendez-vous manqués = manqués / (manqués + honorés). Délai d’obtention : de la prise au jour fixé d’abord.",
            "No-show rate = missed / (missed + attended). Lead time: from booking to the start that was first booked.",
        ),
    ),
    (
        ("Délais promis", "Promises"),
        (
            (
                "Par règle de sla.toml, en temps ouvré là où elle le dit. Part tenue = tenus / (tenus + dépassés) : "
                "ce qui est dépassé compte une fois, le jour de l’échéance, fait depuis ou non."
            ),
            (
                "By policy of sla.toml, in opening hours where the policy says so. Share kept = kept / (kept + broken): a broken "
                "one counts once, on the day of its deadline, even if it was done later."
            ),
        ),
    ),
    (
        ("Satisfaction", "Satisfaction"),
        (
            (
                "CSAT : part des notes 4 et 5 sur 5. NPS : part de 9 et 10, moins part de 0 à 6, en points. CES : part de 4 et 5 "
                "sur 5, ou de 5 à 7 sur 7. JDMA : part de 8 à 10 sur 10. Taux de réponse = réponses / invitations, là où l’on "
                "a invité. L’intervalle de Wilson à 95 % dit de combien le hasard "
                "a pu déplacer la mesure ; il ne dit rien de ceux qui n’ont pas répondu. "
                "Sous 5 avis, aucune mesure n’est donnée."
            ),
            (
                "CSAT: share of 4 and 5 of 5. NPS: share of 9 and 10, minus share of 0 to 6, in points. CES: share of 4 and 5 "
                "of 5, or of 5 to 7 of 7. JDMA: share of 8 to 10 of 10. Response rate = answers / "
                "invitations, where there were any. Wilson’s 95% interval shows how far chance may have "
                "moved the measure, not what citizens who did not answer think. Below 5 answers, no measure is given."
            ),
        ),
    ),
    (
        ("Petits nombres", "Small numbers"),
        (
            (
                "Une ligne nommée porte sur au moins 5 contacts ; les plus petites sont réunies en une seule. Ce sont des "
                "contacts, non des personnes : qui appelle trois fois compte trois fois."
            ),
            (
                "Each named row counts at least 5 contacts; smaller ones are combined into one row. These are contacts, not "
                "people: a citizen who calls three times counts three times."
            ),
        ),
    ),
)
_MONTHS: Final = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),  # noqa: SIM905
    "en": "January February March April May June July August September October November December".split(),  # noqa: SIM905
}
_WEEKDAYS: Final = {
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche".split(),  # noqa: SIM905
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),  # noqa: SIM905
}


def format_day(day: date, language: str, *, weekday: bool = False) -> str:
    """Return a date as text, such as `25 novembre 2026`; with `weekday`, `mercredi 25 novembre 2026`."""
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    words = f"{number}{NO_BREAK_SPACE}{_MONTHS[language][day.month - 1]} {day.year}"
    return f"{_WEEKDAYS[language][day.weekday()]} {words}" if weekday else words


def format_time(at: datetime, language: str) -> str:
    """Return a date and time as text, in the time zone of `at`."""
    clock = f"{at.hour}{NO_BREAK_SPACE}h{NO_BREAK_SPACE}{at.minute:02}" if language == "fr" else f"{at:%H:%M}"
    return f"{format_day(at.date(), language)}, {clock}"


def format_period(period: Period, language: str) -> str:
    """Return a period as text, such as `November 2026`."""
    first, last = format_day(period.first, language), format_day(period.last, language)
    match period.kind:
        case PeriodKind.DAY:
            return format_day(period.first, language, weekday=True)
        case PeriodKind.WEEK:
            if (period.first.year, period.first.month) == (period.last.year, period.last.month):
                first = first.split(NO_BREAK_SPACE)[0]
            elif period.first.year == period.last.year:
                first = first.removesuffix(f" {period.first.year}")
            days = TEXTS[language]["days_of"].format(first=first, last=last)
            return f"{TEXTS[language]['week']} {period.first.isocalendar().week}, {days}"
        case PeriodKind.MONTH:
            return f"{_MONTHS[language][period.first.month - 1]} {period.first.year}"
        case PeriodKind.YEAR:
            return str(period.first.year)


def format_number(number: float, language: str, digits: int = 0) -> str:
    """Return a number with `digits` decimal places as text: `1 234,5` in French, `1,234.5` in English."""
    text = f"{number:,.{digits}f}"
    return text.replace(",", THIN).replace(".", ",") if language == "fr" else text


def format_span(seconds: float, language: str) -> str:
    """Return a duration as text: `42 s`, `15 min`, `3 min 12 s`, `1 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{NO_BREAK_SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{NO_BREAK_SPACE}min" + (
            f"{NO_BREAK_SPACE}{whole % 60:02}{NO_BREAK_SPACE}s" if whole % 60 else ""
        )
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{format_number(hours, language)}{NO_BREAK_SPACE}h{NO_BREAK_SPACE}{minutes:02}{NO_BREAK_SPACE}min"
