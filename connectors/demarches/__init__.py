"""Demarches connector: publishes dossiers of Démarches simplifiées. Imports only the SDK and `models`."""

from connectors.demarches.config import DemarchesConfig
from connectors.demarches.source import DemarchesSource, probe
from connectors.sdk.contract import Connector

CONNECTOR = Connector(
    "demarches",
    DemarchesConfig,
    DemarchesSource,
    probe=probe,
    descriptions=(
        "Online procedures of Démarches simplifiées (demarche.numerique.gouv.fr), by its GraphQL API",
        "Démarches en ligne de Démarches simplifiées (demarche.numerique.gouv.fr), par son API GraphQL",
    ),
)
