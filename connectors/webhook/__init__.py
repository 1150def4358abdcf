"""Connector for signed webhooks of any system, mapped by configuration. May import `connectors.sdk` and `connectors.kiosk`."""

from connectors.sdk.contract import Connector
from connectors.webhook.config import WebhookConfig
from connectors.webhook.mapping import WebhookSource
from models.locale import N_

CONNECTOR = Connector(
    "webhook",
    WebhookConfig,
    WebhookSource,
    description=N_("Signed webhooks of any system, by configuration"),
    position_files=lambda _: (),
)
