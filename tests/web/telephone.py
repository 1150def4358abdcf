"""Test data of an organisation with calls only: queues, a day of calls, and three queues with alerts."""

from datetime import timedelta

from streams.core.figures.figure import Dimensions
from streams.web.options import QueueOptions, WebOptions
from tests.web.live import AFTERNOON
from tests.web.rows import ROADS, SOCIAL
from tests.web.served import Served

NAMES = [
    ("aide-sociale", "Aide sociale", "Social support"),
    ("routes", "Routes et mobilités", "Roads and mobility"),
    ("rsa", "RSA et insertion", "Income support"),
    ("pmi", "Enfance et PMI", "Child and maternal health"),
    ("mdph", "Handicap (MDPH)", "Disability (MDPH)"),
    ("apa", "Autonomie, APA", "Elderly care"),
    ("colleges", "Collèges et bourses", "Schools and grants"),
    ("standard", "Standard général", "Main switchboard"),
]
PLACES = [SOCIAL, ROADS, *(Dimensions("call", "siege", "accueil", name) for name, _, _ in NAMES[2:])]
OPTIONS = WebOptions(
    brokers="",
    title="Accueil du Département",
    stale_after_seconds=600,
    queues=tuple(
        QueueOptions(place, french, english) for place, (_, french, english) in zip(PLACES, NAMES, strict=True)
    ),
)


def fill(served: Served) -> None:
    """Count a day of calls: some in each hour, most in the morning."""
    for minutes in range(0, 7 * 60 + 30, 5):
        at = AFTERNOON.replace(hour=8, minute=5) + timedelta(minutes=minutes)
        for index, place in enumerate(PLACES):
            for call in range(max(0, 5 - index - abs(minutes - 120) // 60)):
                served.worker.answered(place, at, wait_seconds=3 + 9 * call, handle_seconds=180)
        if minutes % 40 == 0:
            served.worker.abandoned(PLACES[minutes // 40 % 8], at, wait_seconds=45)
    for index, place in enumerate(PLACES):
        served.worker.stocks(place, in_progress=index % 3, agents_available=1 + index % 2, agents_on_contact=index % 3)


def raise_alerts(served: Served) -> None:
    now = served.now()
    served.worker.stocks(SOCIAL, now - timedelta(seconds=312), waiting=12, in_progress=3, agents_on_contact=3)
    served.worker.stocks(ROADS, now - timedelta(seconds=20), waiting=2, agents_available=0, agents_on_contact=0)
    served.worker.stocks(PLACES[4], now - timedelta(seconds=130), waiting=6, agents_on_contact=2)
