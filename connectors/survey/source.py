"""Source that receives the messages of one survey tool."""

from connectors.sdk.contract import Context, Outcome
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.source import SignedSource
from connectors.survey.config import SurveyConfig
from connectors.survey.mapping import SurveyMapping


class SurveySource(SignedSource):
    """Messages signed with Standard Webhooks, mapped by configuration."""

    def __init__(self, config: SurveyConfig, context: Context) -> None:
        super().__init__(config, context)
        self._mapping = SurveyMapping(context.source, config, self.key)

    def map(self, raw: Message) -> Outcome:
        """Return the events of a message; none for an ignored message type. Raises `UnusableRecord`."""
        return self._mapping.map(raw)
