"""SLA policies of an organisation with all channels, and states of their clocks."""

from datetime import timedelta
from typing import Any

from models.policies import Policies, SlaFile
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from tests.web.live import AFTERNOON
from tests.web.rows import Worker

WORKING_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
OFFICE = {"holidays": "FR", "versions": [dict.fromkeys(WORKING_DAYS, ("08:30-12:30", "13:30-17:30"))]}
CLOCKS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "telephone": ("call", {"answer": {"target": 60, "unit": "elapsed", "objective": 0.8}}),
    "guichets": ("visit", {"answer": {"target": 1200, "unit": "elapsed"}}),
    "courrier": (
        "mail",
        {
            "acknowledge": {"target": 14, "unit": "calendar_days", "objective": 0.95},
            "announced": {"target": 15, "unit": "working_days"},
            "resolution": {"target": 2, "unit": "months", "objective": 1.0},
        },
    ),
    "courriel": (
        "email",
        {
            "acknowledge": {"target": 7, "unit": "calendar_days", "objective": 0.95},
            "announced": {"target": 5, "unit": "working_days"},
        },
    ),
    "demarches": (
        "form",
        {
            "acknowledge": {"target": 7, "unit": "calendar_days", "objective": 0.95},
            "first_response": {"target": 144_000, "unit": "opening_hours"},
            "resolution": {"target": 2, "unit": "months", "objective": 1.0},
        },
    ),
}
FILE: dict[str, Any] = {
    "calendars": {"siege": OFFICE},
    "policy": [
        {"name": name, "match": {"channel": channel}, "calendar": "siege", "clocks": clocks}
        for name, (channel, clocks) in CLOCKS.items()
    ],
}
POLICIES = Policies(SlaFile.model_validate(FILE))
TARGETS = [f"{name}:{clock}:{channel}" for name, (channel, clocks) in CLOCKS.items() for clock in clocks]
MIDNIGHT = AFTERNOON.replace(hour=0, minute=0, second=0)
DAY = timedelta(days=1)
ANNOUNCED_LETTERS = Dimensions(SLA, "siege", "rsa", "courrier:announced:mail")


def count_sla_clocks(worker: Worker) -> None:
    """Count open clocks of all targets."""
    for index, which in enumerate(TARGETS):
        for number, service in enumerate(("rsa", "mdph", "accueil")):
            place = Dimensions(SLA, "siege", service, which)
            worker.count(place, AFTERNOON, started=80, met=40 + index, breached=number)
            worker.count(place, MIDNIGHT + (2 + index) * DAY, due=30 + index)
            worker.count(place, AFTERNOON + timedelta(minutes=7 + 9 * number), due=2)
            late = place == ANNOUNCED_LETTERS or (index, number) in {(5, 1), (8, 2), (9, 0)}
            since = MIDNIGHT - (4 + index - 3) * DAY if late else None
            worker.stocks(place, since, running=30 + index, at_risk=2, overdue=3 if late else 0, paused=4 * (index > 6))
