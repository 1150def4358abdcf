"""An SLA file, and one partition of the contacts agent with its clocks, stepped manually."""

import tomllib

from models.events import Event
from models.policies import Policies, SlaFile
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from tests.support.events import CALL, START_MS, make
from tests.support.figures import check_invariant
from tests.unit.agents import worker

ALWAYS = """
[calendars.always]
timezone = "Europe/Paris"
[[calendars.always.versions]]
from = 2020-01-01
monday = ["00:00-24:00"]
"""
FILE = (
    ALWAYS
    + """
[[policy]]
name = "telephone"
match = { channel = "call" }
calendar = "always"
clocks.answer = { target = 60, unit = "elapsed", at_risk = 0.5 }
"""
)
QUEUED = {"queue": "mdph", "site": "siege", "service": "autonomie"}
PLACE = Dimensions(SLA, "siege", "autonomie", "telephone:answer:call")


def policies(text: str = FILE) -> Policies:
    return Policies(SlaFile.model_validate(tomllib.loads(text)), str(hash(text)))


class Worker(worker.Worker):
    """One partition with SLA targets, from the start on."""

    def __init__(self, given: Policies | None = None) -> None:
        super().__init__(given or policies())
        self.now = START_MS

    def figures(self) -> dict[str, int]:
        """Return the non-zero numbers of the policy's total row."""
        check_invariant(PLACE, self.job.figures.rows[0, PLACE])
        return self.total(PLACE)


def waiting(number: int = 1, at: float = 0) -> Event:
    return make("call.queued", at, subject=f"{CALL}{number}", **QUEUED)
