"""IMAP connector: publishes the e-mail conversations of one service mailbox. Imports only the SDK and `models`."""

from connectors.imap.config import ImapConfig
from connectors.imap.simulate.command import command
from connectors.imap.source import ImapSource
from connectors.sdk.contract import Connector

CONNECTOR = Connector(
    "imap",
    ImapConfig,
    ImapSource,
    simulate=command,
    descriptions=("E-mail of a service's mailbox, by IMAP", "Courriel de la boîte d'un service, par IMAP"),
)
