"""A switchboard that does not exist: a seeded day, or an endless one as of now, as native `queue_log` lines, and live.

`services` says which queues there are, `rhythm` when citizens call and how many agents that takes, `switchboard` what becomes of
each call, and `ledger` keeps what really happened, against which figures made from the log can be checked. `clock` lets it all
happen, at once or in real time; `voice` tells it as the manager interface does and `manager` serves that; `exchange` does what it
is told by who knows better what is to happen; `command` is `accueil simulate asterisk`.
"""

from connectors.asterisk.simulate.ami_events import AmiEventWriter
from connectors.asterisk.simulate.ledger import SHORT_SECONDS, TARGET_SECONDS, Ledger, QueueTotals
from connectors.asterisk.simulate.manager import ManagerServer
from connectors.asterisk.simulate.scripted_switchboard import ScriptedSwitchboard
from connectors.asterisk.simulate.services import CALLER_RANGES, SERVICES, configuration
from connectors.asterisk.simulate.simulation_run import simulate_day, simulate_live

__all__ = [
    "CALLER_RANGES",
    "SERVICES",
    "SHORT_SECONDS",
    "TARGET_SECONDS",
    "AmiEventWriter",
    "Ledger",
    "ManagerServer",
    "QueueTotals",
    "ScriptedSwitchboard",
    "configuration",
    "simulate_day",
    "simulate_live",
]
