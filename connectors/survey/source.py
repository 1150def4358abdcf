"""The messages of one survey tool."""

from collections.abc import Mapping

from connectors.sdk.contract import Context, Outcome
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.signatures import StandardWebhooks
from connectors.sdk.webhook.source import PushSource
from connectors.survey.config import SurveyConfig
from connectors.survey.mapping import SurveyMapping
from models.codec import Unusable


class SurveySource(PushSource):
    """Standard Webhooks, mapped by configuration."""

    def __init__(self, config: SurveyConfig, context: Context) -> None:
        super().__init__(config, context)
        self._signatures = StandardWebhooks(config.secrets)
        self._mapping = SurveyMapping(context.source, config, context.key_of(config.sector))

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return the message's id."""
        return self._signatures.verify(headers, body, now)

    def map(self, raw: Message) -> Outcome:
        """Return what a message means."""
        try:
            return self._mapping.map(raw)
        except Unusable as error:
            return self.reject(raw, error.reason, error.detail)
