"""Asterisk: calls and agents of its queues, from `queue_log`."""

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.simulate.command import command
from connectors.asterisk.source import QueueLogSource
from connectors.sdk.contract import Connector

CONNECTOR = Connector(
    "asterisk",
    AsteriskConfig,
    QueueLogSource,
    simulate=command,
    about=(
        "Telephone switchboard Asterisk: calls and agents of its queues, from queue_log",
        "Standard téléphonique Asterisk : appels et agents de ses files, par queue_log",
    ),
)
