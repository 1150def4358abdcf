"""IMAP connector: publishes the e-mail conversations of one service mailbox. Imports only the SDK and `models`."""

from connectors.imap.config import ImapConfig
from connectors.imap.simulate.command import command
from connectors.imap.source import ImapSource, probe
from connectors.sdk.contract import Connector
from models.locale import N_

CONNECTOR = Connector(
    "imap",
    ImapConfig,
    ImapSource,
    simulate=command,
    probe=probe,
    description=N_("E-mail of a service's mailbox, by IMAP"),
)
