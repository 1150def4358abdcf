"""Mailroom connector: publishes letters scanned into a hot folder. Imports only the SDK and `models`."""

from connectors.mailroom.config import MailroomConfig
from connectors.mailroom.source import MailroomSource
from connectors.sdk import folder
from connectors.sdk.contract import Connector

CONNECTOR = Connector(
    "mailroom",
    MailroomConfig,
    MailroomSource,
    descriptions=(
        "Letters: scans and sidecars in a hot folder, numbered and followed",
        "Courriers : scans et fiches d'un dossier surveillé, numérotés et suivis",
    ),
    probe=folder.probe,
    position_files=lambda _: (),
)
