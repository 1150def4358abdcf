"""Rendez-vous: booked, attended, missed, cancelled, and how long ahead."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import DAY, DAYS, SHARE, Bars, Column, Curve, Heat, Key, Query, Table, Tile
from grafana.promql import Scope, ratio
from grafana.words import Vocabulary, Words, board

ON: Final = Scope("site", "service")
_OF: Final = 'channel="appointment"'
_ENDED: Final = "contact_appointment_total"
_LEAD: Final = "contact_appointment_lead_seconds"
OUTCOMES: Final[Vocabulary] = {
    "attended": board("attended"),
    "missed": board("missed"),
    "cancelled_by_citizen": Words("Annulés par l’usager", "Cancelled by the citizen"),
    "cancelled_by_service": Words("Annulés par le service", "Cancelled by the service"),
}
PARTIES: Final[Vocabulary] = {
    "citizen": Words("Par l’usager", "By the citizen"),
    "service": Words("Par le service", "By the service"),
}


def missed(*matchers: str, by: str = "", window: str) -> str:
    """Return the share that nobody came to."""
    return ratio(
        ON.during(_ENDED, 'outcome="missed"', *matchers, by=by, window=window),
        ON.during(_ENDED, 'outcome=~"attended|missed"', *matchers, by=by, window=window),
    )


def _today(title: Words, *flows: str) -> Tile:
    chosen = "|".join(flows)
    return Tile(
        title=title,
        about=Words(
            f'Depuis minuit, exact : contact_today_items{{flow=~"{chosen}"}}.',
            f'Since midnight, exact: contact_today_items{{flow=~"{chosen}"}}.',
        ),
        query=ON.now("contact_today_items", _OF, f'flow=~"{chosen}"'),
        width=4,
    )


PAGE: Final = Page(
    name="appointments",
    title=board("channel_appointment"),
    about=Words(
        "Les rendez-vous : pris, honorés, manqués, annulés et par qui, et combien de temps à l’avance.",
        "Appointments: booked, attended, missed, cancelled and by whom, and how long ahead.",
    ),
    scope=ON,
    since="now-7d",
    sections=(
        Section(
            board("today"),
            (
                _today(board("booked"), "received"),
                _today(board("attended"), "attended"),
                _today(board("missed"), "missed"),
                _today(board("cancelled"), "cancelled_by_citizen", "cancelled_by_service"),
                Tile(
                    title=board("upcoming"),
                    about=Words(
                        'Pris et à venir, quel que soit le jour : contact_backlog_items{state="pending_citizen"}.',
                        'Booked and yet to come, on any day: contact_backlog_items{state="pending_citizen"}.',
                    ),
                    query=ON.now("contact_backlog_items", _OF, 'state="pending_citizen"'),
                    width=4,
                ),
                Tile(
                    title=Words("Venus, en attente", "Here, waiting"),
                    about=Words(
                        'Usagers arrivés et pas encore reçus : contact_backlog_items{state="waiting"}.',
                        'Citizens who have come and are not seen yet: contact_backlog_items{state="waiting"}.',
                    ),
                    query=ON.now("contact_backlog_items", _OF, 'state="waiting"'),
                    width=4,
                ),
            ),
        ),
        Section(
            Words("Manqués et annulés", "Missed and cancelled"),
            (
                Tile(
                    title=Words("Taux de rendez-vous manqués", "No-show rate"),
                    about=Words(
                        "Manqués ÷ (honorés + manqués), sur la période : contact_appointment_total.",
                        "Missed ÷ (attended + missed), over the time looked at: contact_appointment_total.",
                    ),
                    unit=SHARE,
                    query=missed(window="$__range"),
                    height=8,
                ),
                Bars(
                    title=Words("Ce qu’ils sont devenus", "What became of them"),
                    about=Words(
                        "Rendez-vous passés ou annulés sur la période, par issue : contact_appointment_total.",
                        "Appointments that ended during the time looked at, by outcome: contact_appointment_total.",
                    ),
                    queries=(Query(ON.during(_ENDED, by="outcome")),),
                    by="outcome",
                    names=OUTCOMES,
                    width=10,
                ),
                Bars(
                    title=Words("Pris par qui", "Booked by whom"),
                    about=Words(
                        "Rendez-vous pris sur la période, par qui : contact_appointment_booked_total.",
                        "Appointments booked during the time looked at, by whom: contact_appointment_booked_total.",
                    ),
                    queries=(Query(ON.during("contact_appointment_booked_total", by="by")),),
                    by="by",
                    names=PARTIES,
                ),
                Table(
                    title=board("services"),
                    about=Words(
                        "Sur la période. Taux de manqués : manqués ÷ (honorés + manqués). Délai moyen : de la prise à"
                        " la date fixée d’abord. Déplacés : au moins une fois.",
                        "Over the time looked at. No-show rate: missed ÷ (attended + missed). Mean lead time: from the"
                        " booking to the time booked first. Moved: at least once.",
                    ),
                    keys=(Key("service", board("service"), page="channel"), Key("site", Words("Site", "Site"))),
                    columns=(
                        Column(board("booked"), ON.during("contact_appointment_booked_total", by="service, site")),
                        Column(board("attended"), ON.during(_ENDED, 'outcome="attended"', by="service, site")),
                        Column(board("missed"), ON.during(_ENDED, 'outcome="missed"', by="service, site")),
                        Column(
                            Words("Taux de manqués", "No-show rate"),
                            missed(by="service, site", window="$__range"),
                            SHARE,
                        ),
                        Column(
                            Words("Déplacés", "Moved"),
                            ON.during("contact_appointment_moved_total", by="service, site"),
                        ),
                        Column(
                            Words("Délai moyen", "Mean lead time"),
                            f"{ON.mean(_LEAD, by='service, site')} / {DAY}",
                            DAYS,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            Words("Dans le temps", "Over time"),
            (
                Curve(
                    title=Words("Taux de rendez-vous manqués", "No-show rate"),
                    about=Words(
                        "Manqués ÷ (honorés + manqués), sur 1d et sur 28d.",
                        "Missed ÷ (attended + missed), over 1d and over 28d.",
                    ),
                    unit=SHARE,
                    queries=(
                        Query(missed(window="1d"), Words("1 jour", "1 day")),
                        Query(missed(window="28d"), Words("28 jours", "28 days")),
                    ),
                ),
                Heat(
                    title=Words("Combien de temps à l’avance", "How long ahead"),
                    about=Words(
                        "De la prise à la date fixée d’abord : croissance des classes de contact_appointment_lead_seconds.",
                        "From the booking to the time booked first: growth of the buckets of contact_appointment_lead_seconds.",
                    ),
                    query=ON.buckets(_LEAD),
                ),
            ),
        ),
    ),
)
