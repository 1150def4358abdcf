"""Mailroom connector: publishes letters scanned into a hot folder. Imports only the SDK and `models`."""

from connectors.mailroom.config import MailroomConfig
from connectors.mailroom.simulate.command import command
from connectors.mailroom.source import MailroomSource
from connectors.sdk import folder
from connectors.sdk.contract import Connector
from models.locale import N_

CONNECTOR = Connector(
    "mailroom",
    MailroomConfig,
    MailroomSource,
    description=N_("Letters: scans and sidecars in a hot folder, numbered and followed"),
    simulate=command,
    probe=folder.probe,
    position_files=lambda _: (),
)
