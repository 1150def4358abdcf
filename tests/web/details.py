"""Test data of reasons for contact, lines, menu choices, callbacks and counted post."""

from dataclasses import replace
from datetime import timedelta

from streams.core.figures.figure import Dimensions
from streams.web.options import ReasonOptions
from tests.web.channels import OPTIONS
from tests.web.live import AFTERNOON
from tests.web.rows import Worker

REASONS = (
    ReasonOptions("rsa", "RSA et insertion", "Income support (RSA)"),
    ReasonOptions("apa", "Allocation personnalisée d’autonomie", "Allowance for the elderly (APA)"),  # noqa: RUF001
    ReasonOptions("transport", "Transport scolaire", "School transport"),
    ReasonOptions("suivi", "Où en est mon dossier ?", "Where is my case?"),
)
DETAILED = replace(OPTIONS, reasons=REASONS)
"""The organisation of `channels` with reasons for contact."""


def _place(channel: str, queue: str, service: str = "") -> Dimensions:
    return Dimensions(channel, "siege", service, queue)


def fill_reasons(worker: Worker) -> None:
    """Count the reasons of a day."""
    for index, reason in enumerate(("suivi", "rsa", "apa", "transport", "autre")):
        for channel, number in (("call", 812), ("email", 96), ("form", 41), ("visit", 57)):
            if index < 3 or channel == "call":
                contacts = number // (index + 1)
                worker.count(_place("reason", f"{channel}:{reason}"), AFTERNOON, reason_contacts=contacts)


def fill_details(worker: Worker) -> None:
    """Count the figures of a day, and post of the day before."""
    fill_reasons(worker)
    for line, arrived, queued in (("accueil", 1243, 1022), ("autonomie", 318, 301), ("", 12, 0)):
        worker.count(_place("line", line), AFTERNOON, line_arrived=arrived, line_queued=queued)
    for option, chosen in (("rsa", 402), ("horaires", 184), ("apa", 96), ("", 3)):
        worker.count(_place("menu", option), AFTERNOON, menu_chosen=chosen)
    for queue, left, delay in (("mdph", 14, 5400), ("rsa", 6, 90_000)):
        at = _place("callback", queue, queue)
        worker.count(at, AFTERNOON, message_left=left, callback_requested=left // 2)
        worker.count(at, AFTERNOON, "message_heard", amount=delay / 3)
        worker.count(at, AFTERNOON, "called_back", amount=delay)
    yesterday = AFTERNOON - timedelta(days=1)
    for name, items, cents in (
        ("outgoing:lettre_verte", 812, 104_748),
        ("outgoing:lettre_recommandee_avec_avis", 64, 47_360),
        ("incoming:courrier_ordinaire", 1640, 0),
    ):
        worker.count(_place("post", name), yesterday, post_items=items, post_cost_cents=cents)
    worker.count(_place("post", "outgoing:lettre_verte"), AFTERNOON, post_items=120, post_cost_cents=15_480)
