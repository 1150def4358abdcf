"""Sending signed messages as Standard Webhooks says, for those of ours that post to a connector."""

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
"""Longer than a connector waits for its broker before it says so."""

PASSING: Final = frozenset(
    {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS, httpx.codes.UNAUTHORIZED}
)
"""Refusals that say nothing of the message."""


class NotAcceptedError(ConnectorError):
    """A message was not taken; send it again, the same. The text says why, for people."""

    def __init__(self, words: str, status: int = 0, retry_after_seconds: float = 0.0) -> None:
        super().__init__(words)
        self.status = status
        """What was answered; 0 if nothing was."""
        self.retry_after_seconds = retry_after_seconds

    @property
    def for_good(self) -> bool:
        """True if the same message would be refused again."""
        return httpx.codes.is_client_error(self.status) and self.status not in PASSING


class Sender:
    """Posts to `url`, signing with `secret`. Call it from one thread."""

    def __init__(self, url: str, secret: SecretStr) -> None:
        self._url = url
        self._name = httpx.URL(url).netloc.decode()
        self._signatures = StandardWebhooks([secret])
        self._client = httpx.Client(timeout=TIMEOUT, verify=ssl.create_default_context())

    def send(self, name: str, body: bytes) -> None:
        """Send a message, and return once its receiver has said that it is safe. Raises `NotTakenError`.

        `name` is the message's id: what is sent again under the same name counts once.
        """
        headers = self._signatures.sign(name, int(time.time()), body) | {"content-type": "application/json"}
        try:
            answer = self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError:
            raise NotAcceptedError(
                say(f"{self._name} does not answer", f"{self._name} ne répond pas")  # whatever the reason: try again
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
                    f"{self._name} takes nothing there ({status}): is the address right?",
                    f"{self._name} ne prend rien à cet endroit ({status}) : l'adresse est-elle juste ?",
                )
            case 410:
                return say(f"{self._name} is there no more (410)", f"{self._name} n'existe plus (410)")
            case _ if httpx.codes.is_client_error(status) and status not in PASSING:
                return say(f"{self._name} refuses the message ({status})", f"{self._name} refuse le message ({status})")
            case _:
                return say(f"{self._name} takes nothing now ({status})", f"{self._name} ne prend rien ({status})")
