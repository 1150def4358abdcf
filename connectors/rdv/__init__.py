"""RDV connector: publishes appointments of RDV Service Public and RDV-Solidarités. Imports only the SDK and `models`."""

from connectors.rdv.config import RdvConfig
from connectors.rdv.source import RdvSource, probe
from connectors.sdk.contract import Connector

CONNECTOR = Connector(
    "rdv",
    RdvConfig,
    RdvSource,
    probe=probe,
    descriptions=(
        "Appointments of RDV Service Public and RDV-Solidarités, by webhooks and API",
        "Rendez-vous de RDV Service Public et RDV-Solidarités, par webhooks et API",
    ),
    position_files=lambda config: ("told.sqlite",) if config.api else (),
)
