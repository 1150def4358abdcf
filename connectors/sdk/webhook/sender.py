"""Sender of messages signed with Standard Webhooks, for programs that post to a connector."""

import ssl
import time
from typing import Final

import httpx
from pydantic import SecretStr

from connectors.sdk.errors import ConnectorError
from connectors.sdk.retry_after import read_retry_after
from connectors.sdk.webhook.signatures import StandardWebhooks
from models.locale import _

TIMEOUT: Final = httpx.Timeout(20.0, connect=5.0)
"""Longer than a connector waits for its broker before it responds."""

PASSING: Final = frozenset(
    {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS, httpx.codes.UNAUTHORIZED}
)
"""Client errors that do not concern the message itself: sent again, it may be accepted."""


class NotAcceptedError(ConnectorError):
    """A message was not accepted; send the same message again unless `for_good`. The text describes the reason."""

    def __init__(self, words: str, status: int = 0, retry_after_seconds: float = 0.0) -> None:
        super().__init__(words)
        self.status = status
        """HTTP status of the response; 0 without a response."""
        self.retry_after_seconds = retry_after_seconds

    @property
    def for_good(self) -> bool:
        """True if the same message would be refused again: a client error that is not in `PASSING`."""
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
                _("{name} does not answer", name=self._name)  # for any reason: send again
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
                return _(
                    "{name} refuses the signature (401): is the secret the same there, and are both clocks right?",
                    name=self._name,
                )
            case 404 | 405:
                return _(
                    "{name} accepts no messages at this path ({status}): is the address right?",
                    name=self._name,
                    status=status,
                )
            case 410:
                return _("{name} no longer exists (410)", name=self._name)
            case _ if httpx.codes.is_client_error(status) and status not in PASSING:
                return _("{name} refuses the message ({status})", name=self._name, status=status)
            case _:
                return _("{name} accepts no messages now ({status})", name=self._name, status=status)
