"""Connector for Twilio TaskRouter: calls in queues, from the event callbacks of a workspace."""

from connectors.sdk.contract import Connector

from accueil_twilio_taskrouter.config import TwilioTaskrouterConfig
from accueil_twilio_taskrouter.source import TwilioTaskrouterSource

CONNECTOR = Connector(
    "twilio_taskrouter",
    TwilioTaskrouterConfig,
    TwilioTaskrouterSource,
    description="Twilio TaskRouter: calls in its queues, from the event callbacks of a workspace",
)
