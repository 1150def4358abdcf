"""Source that receives the messages of one sender."""

from connectors.sdk.contract import Context, Outcome
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.source import SignedSource
from connectors.webhook.config import WebhookConfig
from connectors.webhook.mapping import WebhookMapping


class WebhookSource(SignedSource):
    """Messages signed with Standard Webhooks, mapped by configuration."""

    def __init__(self, config: WebhookConfig, context: Context) -> None:
        super().__init__(config, context)
        self._mapping = WebhookMapping(context.source, config, self.key)

    def map(self, raw: Message) -> Outcome:
        """Return the event of a message; none for an ignored message type. Raises `UnusableRecord`."""
        return self._mapping.map(raw)
