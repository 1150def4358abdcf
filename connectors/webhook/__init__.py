"""Connector for signed webhooks of any system, mapped by configuration. May import `connectors.sdk` and `connectors.kiosk`."""

from connectors.sdk.contract import Connector
from connectors.webhook.config import WebhookConfig
from connectors.webhook.source import WebhookSource

CONNECTOR = Connector(
    "webhook",
    WebhookConfig,
    WebhookSource,
    descriptions=(
        "Signed webhooks of any system, by configuration",
        "Webhooks signés de tout outil, par configuration",
    ),
    position_files=lambda _: (),
)
