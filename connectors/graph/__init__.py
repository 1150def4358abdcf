"""Graph connector: publishes when e-mails of one Microsoft 365 mailbox were received, acknowledged and answered.

Texts are never read. Conversations, answers and ids are those of the connector `imap`.
"""

from connectors.graph.config import GraphConfig
from connectors.graph.mailbox_store import STORE_FILE
from connectors.graph.source import GraphSource, probe
from connectors.sdk.contract import Connector
from models.locale import N_

CONNECTOR = Connector(
    "graph",
    GraphConfig,
    GraphSource,
    description=N_("E-mail of a service's mailbox in Microsoft 365, by Graph"),
    probe=probe,
    sets_reasons=True,
    position_files=lambda _: (STORE_FILE,),
)
