"""JDMA connector: publishes satisfaction scores of JeDonneMonAvis. Imports only the SDK and `models`."""

from connectors.jdma.config import JdmaConfig
from connectors.jdma.simulate.command import command
from connectors.jdma.source import JdmaSource, probe
from connectors.sdk.contract import Connector
from models.locale import N_

CONNECTOR = Connector(
    "jdma",
    JdmaConfig,
    JdmaSource,
    simulate=command,
    probe=probe,
    description=N_("Satisfaction from JeDonneMonAvis (jedonnemonavis.numerique.gouv.fr), by its open API"),
)
