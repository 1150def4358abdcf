"""JDMA connector: publishes satisfaction scores of JeDonneMonAvis. Imports only the SDK and `models`."""

from connectors.jdma.config import JdmaConfig
from connectors.jdma.source import JdmaSource, probe
from connectors.sdk.contract import Connector

CONNECTOR = Connector(
    "jdma",
    JdmaConfig,
    JdmaSource,
    probe=probe,
    descriptions=(
        "Satisfaction from JeDonneMonAvis (jedonnemonavis.numerique.gouv.fr), by its open API",
        "Satisfaction de JeDonneMonAvis (jedonnemonavis.numerique.gouv.fr), par son API ouverte",
    ),
)
