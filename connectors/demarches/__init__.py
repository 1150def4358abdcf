"""Demarches connector: publishes dossiers of Démarches simplifiées. Imports only the SDK and `models`."""

from connectors.demarches.config import DemarchesConfig
from connectors.demarches.simulate.command import command
from connectors.demarches.source import DemarchesSource, probe
from connectors.sdk.contract import Connector
from models.locale import N_

CONNECTOR = Connector(
    "demarches",
    DemarchesConfig,
    DemarchesSource,
    simulate=command,
    probe=probe,
    description=N_("Online procedures of Démarches simplifiées (demarche.numerique.gouv.fr), by its GraphQL API"),
)
