"""Test data of an organisation with all channels: queues, desks, services, and a working day."""

from datetime import timedelta

from streams.core.figures.figure import Dimensions
from streams.web.options import QueueOptions, ServiceOptions, WebOptions
from tests.web.live import AFTERNOON
from tests.web.rows import Worker

DAY = 86_400
CALLS = [
    ("accueil", "Accueil général", "Switchboard"),
    ("mdph", "MDPH, handicap", "Disability office (MDPH)"),
    ("rsa", "RSA et insertion", "Income support (RSA)"),
    ("pmi", "PMI, petite enfance", "Mother and child care (PMI)"),
    ("transports", "Transports scolaires", "School transport"),
    ("routes", "Routes", "Roads"),
    ("archives", "Archives", "Archives"),
]
DESKS = [
    ("nord", "CDAS Nord, guichet", "Centre North, desk"),
    ("sud", "CDAS Sud, guichet", "Centre South, desk"),
    ("est", "CDAS Est, guichet", "Centre East, desk"),
    ("ouest", "CDAS Ouest, guichet", "Centre West, desk"),
]
SERVICES = [
    *CALLS,
    ("colleges", "Collèges et bourses", "Schools and grants"),
    ("enfance", "Aide à l’enfance", "Child welfare"),  # noqa: RUF001
    ("transport-adapte", "Transport adapté", "Adapted transport"),
    ("voirie", "Arrêtés de voirie", "Road works permits"),
    ("agriculture", "Aides agricoles", "Farm subsidies"),
    ("action-sociale", "Action sociale", "Social work"),
]
OPTIONS = WebOptions(
    brokers="",
    title="Accueil du Département",
    stale_after_seconds=3,
    queues=(
        *(QueueOptions(Dimensions("call", "siege", name, name), french, english) for name, french, english in CALLS),
        *(QueueOptions(Dimensions("visit", site, "accueil", "accueil"), *labels) for site, *labels in DESKS),
    ),
    services=tuple(ServiceOptions(*labels) for labels in SERVICES),
)
WRITTEN = ("mdph", "rsa", "transports", "archives", "routes", "colleges", "enfance", "accueil")
DECIDED = ("transport-adapte", "voirie", "agriculture")


def fill(worker: Worker) -> None:
    """Count a working day in all channels."""
    for minutes in range(0, 7 * 60 + 30, 5):
        at = AFTERNOON.replace(hour=8, minute=5) + timedelta(minutes=minutes)
        for index, queue in enumerate(OPTIONS.queues):
            for number in range(max(0, 4 - index % 7 - abs(minutes - 120) // 60)):
                patience = 60 if queue.dimensions.channel == "visit" else 1
                worker.answered(queue.dimensions, at, patience * (3 + 9 * number), handle_seconds=180)
    for index, queue in enumerate(OPTIONS.queues):
        worker.offered(queue.dimensions, AFTERNOON)
        worker.stocks(queue.dimensions, in_progress=index % 3, waiting=0)
        if queue.dimensions.channel == "call":
            worker.stocks(queue.dimensions, in_progress=index % 3, agents_available=2, agents_on_contact=index % 3)
    for index, service in enumerate(WRITTEN):
        mail = Dimensions("mail", "siege", service, "")
        worker.count(mail, AFTERNOON, received=37 - 4 * index, closed_answered=12 + index)
        worker.count(mail, AFTERNOON, "responded", "closed_redirected", amount=(2.2 + index) * DAY)
        worker.stocks(mail, AFTERNOON - timedelta(days=4 + 3 * index, hours=7), waiting=120 - index, in_progress=1204)
        if index % 3 == 0:
            email = Dimensions("email", "siege", service, "")
            worker.count(email, AFTERNOON, received=96, closed_answered=71)
            worker.count(email, AFTERNOON, "responded", amount=5 * 3600)
            worker.stocks(email, AFTERNOON - timedelta(hours=30), waiting=214)
        opinion = Dimensions("feedback", "siege", service, "call")
        worker.count(opinion, AFTERNOON, invited=60, given_csat_1_5_5=3 * index, given_csat_1_5_2=index)
        worker.count(opinion, AFTERNOON, given_nps_0_10_9=2 * index, given_nps_0_10_3=index, given_jdma_0_10_8=index)
    for service in DECIDED:
        form = Dimensions("form", "siege", service, service)
        worker.count(form, AFTERNOON, received=48, closed_accepted=20, closed_rejected=2)
        worker.stocks(form, AFTERNOON - timedelta(days=19), waiting=31, in_progress=44, pending_citizen=17)
    for service in ("pmi", "rsa", "action-sociale"):
        appointment = Dimensions("appointment", "nord", service, "")
        worker.count(appointment, AFTERNOON, booked=31, attended=44, missed=3, cancelled_by_citizen=4)
        worker.stocks(appointment, waiting=2, pending_citizen=1312)
    unassigned = Dimensions("mail", "siege", "", "")
    worker.count(unassigned, AFTERNOON, received=4)
    worker.stocks(unassigned, AFTERNOON - timedelta(minutes=50), waiting=4)
