"""A FreeSWITCH that does not exist.

`callcenter` does what it is told and says what mod_callcenter would, `server` speaks as the
event socket does, `day` lets citizens call, and `command` is `accueil simulate freeswitch`.
"""

from connectors.freeswitch.simulate.call_simulation import QUEUES, CallSimulation, configuration, tables
from connectors.freeswitch.simulate.callcenter import Callcenter, CallcenterChange, Tables
from connectors.freeswitch.simulate.server import PASSWORD, EventSocket

__all__ = [
    "PASSWORD",
    "QUEUES",
    "CallSimulation",
    "Callcenter",
    "CallcenterChange",
    "EventSocket",
    "Tables",
    "configuration",
    "tables",
]
