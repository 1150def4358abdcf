"""SLA policies (one with three versions), web options, and the dimensions of one target."""

import tomllib

from models.policies import Policies, SlaFile
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from streams.web.options import QueueOptions, ServiceOptions, WebOptions
from tests.web.rows import DESK, FORM, MAIL, ROADS

KEPT = Dimensions(SLA, "siege", "social", "courrier:acknowledge:mail")
POLICIES = Policies(
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
HOUSE = WebOptions(
    brokers="",
    queues=(QueueOptions(ROADS, "Routes", "Roads"), QueueOptions(DESK, "Guichet", "Desk")),
    services=(ServiceOptions("social", "Social", "Social", (MAIL, FORM)),),
)
