"""Simulated FreeSWITCH.

`callcenter` simulates mod_callcenter, and `server` the event socket. `call_simulation` simulates callers and agents, and
`command` is `accueil simulate freeswitch`.
"""

from connectors.freeswitch.simulate.call_simulation import CallSimulation, configuration, tables
from connectors.freeswitch.simulate.callcenter import Callcenter, CallcenterChange, Tables
from connectors.freeswitch.simulate.server import PASSWORD, EventSocket

__all__ = [
    "PASSWORD",
    "CallSimulation",
    "Callcenter",
    "CallcenterChange",
    "EventSocket",
    "Tables",
    "configuration",
    "tables",
]
