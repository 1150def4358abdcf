"""Sending signed messages as Standard Webhooks says, for those of ours that post to a connector."""

import ssl
import time
from typing import Final

import httpx
from pydantic import SecretStr

from connectors.sdk.errors import ConnectorError
from connectors.sdk.webhook.signatures import StandardWebhooks
from connectors.sdk.words import say

TIMEOUT: Final = httpx.Timeout(20.0, connect=5.0)
"""Longer than a connector waits for its broker before it says so."""


class NotTakenError(ConnectorError):
    """A message was not taken; send it again, the same. The text says why, for people."""


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
            status = self._client.post(self._url, content=body, headers=headers).status_code
        except httpx.HTTPError:
            raise NotTakenError(
                say(f"{self._name} does not answer", f"{self._name} ne répond pas")  # whatever the reason: try again
            ) from None
        if not httpx.codes.is_success(status):
            raise NotTakenError(self._explain(status))

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
            case _:
                return say(f"{self._name} takes nothing now ({status})", f"{self._name} ne prend rien ({status})")
