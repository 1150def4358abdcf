"""IMAP connector: publishes when e-mails of one mailbox were received, acknowledged and answered, without their texts.

The mailbox may have addresses of several services. Of Accueil's packages, it imports only the SDK and `models`.
"""

from connectors.imap.config import ImapConfig
from connectors.imap.source import ImapSource, probe
from connectors.sdk.contract import Connector
from models.locale import N_

CONNECTOR = Connector(
    "imap",
    ImapConfig,
    ImapSource,
    description=N_("E-mail of a service's mailbox, by IMAP"),
    probe=probe,
    sets_reasons=True,
)
