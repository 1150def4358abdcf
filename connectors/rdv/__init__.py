"""RDV connector: publishes appointments of RDV Service Public and RDV-Solidarités. Imports only the SDK and `models`."""

from connectors.rdv.config import RdvConfig
from connectors.rdv.simulate.command import command
from connectors.rdv.source import RdvSource, probe
from connectors.sdk.contract import Connector
from models.locale import N_

CONNECTOR = Connector(
    "rdv",
    RdvConfig,
    RdvSource,
    simulate=command,
    probe=probe,
    description=N_("Appointments of RDV Service Public and RDV-Solidarités, by webhooks and API"),
    position_files=lambda config: ("told.sqlite",) if config.api else (),
)
