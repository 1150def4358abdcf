"""Asterisk connector: calls and agents of its queues, from `queue_log`, the manager interface, or both."""

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.probe import probe
from connectors.asterisk.source import AsteriskSource
from connectors.sdk.contract import Connector
from connectors.sdk.cursor import CURSOR_FILES
from models.locale import N_

CONNECTOR = Connector(
    "asterisk",
    AsteriskConfig,
    AsteriskSource,
    probe=probe,
    description=N_(
        "Telephone switchboard Asterisk: calls and agents of its queues, from queue_log and the manager interface (AMI)"
    ),
    position_files=lambda config: CURSOR_FILES if config.path else (),
)
