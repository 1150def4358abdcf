"""Simulated Asterisk: `queue_log` lines of a seeded day (`log`), and their manager interface events (`ami_events`, `manager`)."""

from connectors.asterisk.simulate.ami_events import AmiEventWriter
from connectors.asterisk.simulate.log import configuration, simulate_day
from connectors.asterisk.simulate.manager import ManagerServer

__all__ = ["AmiEventWriter", "ManagerServer", "configuration", "simulate_day"]
