"""Sender of messages signed with Standard Webhooks, for programs that post to a connector."""

import ssl
import time
from typing import Final

import httpx
from pydantic import SecretStr

from connectors.sdk.errors import ConnectorError
from connectors.sdk.i18n import say
from connectors.sdk.retry_after import read_retry_after
from connectors.sdk.webhook.signatures import StandardWebhooks

TIMEOUT: Final = httpx.Timeout(20.0, connect=5.0)
"""Longer than a connector waits for its broker before it responds."""

PASSING: Final = frozenset(
    {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS, httpx.codes.UNAUTHORIZED}
)
"""Client errors that do not concern the message itself."""


class NotAcceptedError(ConnectorError):
    """A message was not accepted; send the same message again. The text describes the reason."""

    def __init__(self, words: str, status: int = 0, retry_after_seconds: float = 0.0) -> None:
        super().__init__(words)
        self.status = status
        """HTTP status of the response; 0 without a response."""
        self.retry_after_seconds = retry_after_seconds

    @property
    def for_good(self) -> bool:
        """True if the same message would be refused again."""
        return httpx.codes.is_client_error(self.status) and self.status not in PASSING


class Sender:
    """Posts messages to `url`, signed with `secret`."""

    def __init__(self, url: str, secret: SecretStr) -> None:
        self._url = url
        self._name = httpx.URL(url).netloc.decode()
        self._signatures = StandardWebhooks([secret])
        self._client = httpx.Client(timeout=TIMEOUT, verify=ssl.create_default_context())

    def send(self, name: str, body: bytes) -> None:
        """Send a message, and return once the receiver has confirmed it. Raises `NotAcceptedError`.

        `name` is the message's id; messages sent again with the same id count once.
        """
        headers = self._signatures.sign(name, int(time.time()), body) | {"content-type": "application/json"}
        try:
            answer = self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError:
            raise NotAcceptedError(
                say(f"{self._name} does not answer", f"{self._name} ne répond pas")  # for any reason: send again
            ) from None
        if not answer.is_success:
            status = answer.status_code
            raise NotAcceptedError(self._explain(status), status, read_retry_after(answer.headers))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _explain(self, status: int) -> str:
        match status:
            case 401:
                return say(
                    f"{self._name} refuses the signature (401): is the secret the same there, and are both clocks right?",
                    f"{self._name} refuse la signature (401) : le secret y est-il le même, et les deux horloges à l'heure ?",
                )
            case 404 | 405:
                return say(
                    f"{self._name} accepts no messages at this path ({status}): is the address right?",
                    f"{self._name} n'accepte pas de message à cette adresse ({status}) : est-elle juste ?",
                )
            case 410:
                return say(f"{self._name} no longer exists (410)", f"{self._name} n'existe plus (410)")
            case _ if httpx.codes.is_client_error(status) and status not in PASSING:
                return say(f"{self._name} refuses the message ({status})", f"{self._name} refuse le message ({status})")
            case _:
                return say(
                    f"{self._name} accepts no messages now ({status})",
                    f"{self._name} n'accepte pas de message en ce moment ({status})",
                )
