"""Maarch connector: publishes letters of Maarch Courrier or MEM Courrier. Imports only the SDK and `models`."""

from connectors.maarch.config import MaarchConfig
from connectors.maarch.simulate.command import command
from connectors.maarch.source import MaarchSource, probe
from connectors.sdk.contract import Connector
from connectors.sdk.cursor import CURSOR_FILES
from models.locale import N_

CONNECTOR = Connector(
    "maarch",
    MaarchConfig,
    MaarchSource,
    simulate=command,
    probe=probe,
    description=N_("Letters of Maarch Courrier or MEM Courrier, by its REST API"),
    position_files=lambda _: (*CURSOR_FILES, "letters.sqlite"),
)
