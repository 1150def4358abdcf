"""Simulated Asterisk: a seeded day or an endless live simulation, as `queue_log` lines and manager interface events.

`services` defines the queues, `call_profile` the call volume and the agents required. `switchboard` simulates the calls,
and `ledger` holds the true figures, used to check those computed from the log. `scheduler` orders the actions.
`ami_events` converts log lines to manager interface events, and `manager` serves them. `scripted_switchboard` executes
given actions. `simulation_run` runs the simulation, and `command` is `accueil simulate asterisk`.
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
