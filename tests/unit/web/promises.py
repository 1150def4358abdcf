"""SLA policies for letters, forms and calls, and the dimensions of two targets."""

from datetime import datetime
from zoneinfo import ZoneInfo

from models.policies import Policies, SlaFile
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 3, 10, 12, 2, 30, tzinfo=PARIS)
"""A Tuesday."""
OFFICE = {
    "holidays": "FR",
    "versions": [
        {day: ["08:30-12:30", "13:30-17:30"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
    ],
}
FILE = {
    "calendars": {"siege": OFFICE, "nuit": {"versions": [{"monday": "20:00-24:00"}]}},
    "policy": [
        {
            "name": "courrier",
            "match": {"channel": "mail"},
            "calendar": "siege",
            "clocks": {
                "acknowledge": {"target": 14, "unit": "calendar_days", "objective": 0.95},
                "announced": {"target": 15, "unit": "working_days"},
            },
        },
        {
            "name": "demarches",
            "match": {"channel": "form"},
            "calendar": "siege",
            "clocks": {"first_response": {"target": 144_000, "unit": "opening_hours"}},
        },
        {
            "name": "telephone",
            "match": {"channel": "call"},
            "calendar": "nuit",
            "clocks": {"answer": {"target": 60, "unit": "elapsed", "objective": 0.8}},
        },
    ],
}
POLICIES = Policies(SlaFile.model_validate(FILE))
ANNOUNCED = Dimensions(SLA, "siege", "social", "courrier:announced:mail")
ANSWERED = ANNOUNCED._replace(queue="telephone:answer:call")
