"""SLA policies for letters, forms and calls, their dimensions, and web options."""

import tomllib
from datetime import datetime
from zoneinfo import ZoneInfo

from models.policies import Policies, SlaFile
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from streams.web.options import QueueOptions, ServiceOptions, WebOptions
from tests.web.rows import DESK, FORM, MAIL, ROADS

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
ACKNOWLEDGED = ANNOUNCED._replace(queue="courrier:acknowledge:mail")
VERSIONED_POLICIES = Policies(
    SlaFile.model_validate(
        tomllib.loads("""
[calendars.siege]
timezone = "Europe/Paris"
versions = [{ tuesday = ["08:30-12:00", "13:30-17:30"] }]
[calendars.always]
timezone = "Europe/Paris"
[[calendars.always.versions]]
monday = "00:00-24:00"
tuesday = "00:00-24:00"
wednesday = "00:00-24:00"
thursday = "00:00-24:00"
friday = "00:00-24:00"
saturday = "00:00-24:00"
sunday = "00:00-24:00"

[[policy]]
name = "telephone"
match = { channel = "call" }
calendar = "siege"
clocks.answer = { target = 60, unit = "elapsed", objective = 0.8 }

[[policy]]
name = "courrier"
match = { channel = "mail" }
calendar = "siege"
clocks.acknowledge = { target = 14, unit = "calendar_days" }
clocks.resolution = { target = 144_000, unit = "opening_hours", calendar = "always" }

[[policy]]
name = "courrier"
from = 2026-03-01
match = { channel = "mail" }
calendar = "siege"
clocks.acknowledge = { target = 7, unit = "calendar_days", objective = 0.95 }
clocks.resolution = { target = 72_000, unit = "opening_hours", calendar = "always" }

[[policy]]
name = "courrier"
from = 2026-03-11
calendar = "always"
clocks.acknowledge = { target = 2, unit = "months" }
""")
    ),
    "fingerprint",
)
"""Policies of which one has three versions."""
ORGANISATION = WebOptions(
    brokers="",
    queues=(QueueOptions(ROADS, "Routes", "Roads"), QueueOptions(DESK, "Guichet", "Desk")),
    services=(ServiceOptions("social", "Social", "Social", (MAIL, FORM)),),
)
