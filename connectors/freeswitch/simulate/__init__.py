"""Simulated FreeSWITCH: `callcenter` is mod_callcenter, `server` the event socket, `call_simulation` callers and agents."""

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
