"""A switchboard that does not exist: a seeded day, or an endless one as of now, as native `queue_log` lines.

`services` says which queues there are, `rhythm` when citizens call and how many agents that takes, `switchboard` what becomes of
each call, and `ledger` keeps what really happened, against which figures made from the log can be checked. `clock` lets it all
happen, at once or in real time; `command` is `accueil simulate asterisk`.
"""

from connectors.asterisk.simulate.clock import simulate_day, simulate_live
from connectors.asterisk.simulate.ledger import SHORT_SECONDS, TARGET_SECONDS, Ledger, Tally
from connectors.asterisk.simulate.services import CALLER_RANGES, SERVICES, configuration

__all__ = [
    "CALLER_RANGES",
    "SERVICES",
    "SHORT_SECONDS",
    "TARGET_SECONDS",
    "Ledger",
    "Tally",
    "configuration",
    "simulate_day",
    "simulate_live",
]
