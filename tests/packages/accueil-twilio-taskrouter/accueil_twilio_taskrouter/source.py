"""What the workspace posts, as a source."""

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from connectors.sdk.contract import Context, Outcome
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.signatures import SignatureError
from connectors.sdk.webhook.source import PushSource
from models.codec import Unusable
from pydantic import SecretStr

from accueil_twilio_taskrouter.config import TwilioTaskrouterConfig
from accueil_twilio_taskrouter.mapping import read_event


class TwilioTaskrouterSource(PushSource):
    """Event callbacks, each answered 204 once it is safe."""

    def __init__(self, config: TwilioTaskrouterConfig, context: Context) -> None:
        super().__init__(config, context)
        self._url, self._token, self._queues = config.url, config.auth_token, config.queues
        self._key = context.key_of(config.sector)

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return no id: Twilio gives none. It signs no time either, but what comes twice counts once."""
        right = sign(self._url, self._token, body)
        if not hmac.compare_digest(right.encode(), headers.get("x-twilio-signature", "").encode()):
            raise SignatureError("wrong signature")
        return ""

    def map(self, raw: Message) -> Outcome:
        """Return what a callback means."""
        try:
            return read_event(raw.body, self.context.source, self._queues, self._key)
        except Unusable as error:
            return self.reject(raw, error.reason, error.detail)


def sign(url: str, token: SecretStr, body: bytes) -> str:
    """Return Twilio's signature of a form that is posted: of the URL, and all names and values in the names' order."""
    fields = sorted(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    signed = url + "".join(name + value for name, value in fields)
    return base64.b64encode(hmac.digest(token.get_secret_value().encode(), signed.encode(), "sha1")).decode()
