"""Source that receives the event callbacks of a workspace."""

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from connectors.sdk.contract import Context, Outcome
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.signatures import check_signature
from connectors.sdk.webhook.source import PushSource

from accueil_twilio_taskrouter.config import TwilioTaskrouterConfig
from accueil_twilio_taskrouter.mapping import read_event


class TwilioTaskrouterSource(PushSource):
    """Receives event callbacks, and responds with 204 once their events are safe."""

    def __init__(self, config: TwilioTaskrouterConfig, context: Context) -> None:
        super().__init__(config, context)
        self._url, self._queues, self._token = config.url, config.queues, config.auth_token.get_secret_value().encode()

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Check the signature and return no id, since Twilio gives none. Repeated callbacks count once."""
        check_signature([headers.get("x-twilio-signature", "")], [sign(self._url, self._token, body)])
        return ""

    def map(self, raw: Message) -> Outcome:
        """Return the events of a callback. Raises `UnusableRecord`."""
        return read_event(raw.body, self.context.source, self._queues, self.key)


def sign(url: str, token: bytes, body: bytes) -> str:
    """Return Twilio's signature of a posted form: of the URL, and all names and values sorted by name."""
    fields = sorted(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    signed = url + "".join(name + value for name, value in fields)
    return base64.b64encode(hmac.digest(token, signed.encode(), "sha1")).decode()
