"""Base classes of sources that receive messages."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.errors import ConnectorError
from connectors.sdk.webhook.config import PushConfig, SignedConfig
from connectors.sdk.webhook.intake import Intake, Message
from connectors.sdk.webhook.server import Gate, ResponseCounter, Server
from connectors.sdk.webhook.signatures import StandardWebhooks
from models.locale import _
from models.reasons import Reason


class PushSource(Source[Message, int]):
    """Messages received by HTTP, each answered with 2xx once its events are safe. A subclass implements `verify` and `map`.

    The source listens from the first `read` or `listen` on. A sender repeats messages without a 2xx response. A repeated message
    is recognised by its id or, without one, by its body. It is answered when its first copy is safe. A different message with a
    known id is refused (409).
    """

    most_waiting: ClassVar[int] = 400
    """Limit of messages that are not safe yet. A quarter more connections may be open, so that other senders get 503. Together
    they bound the memory of bodies."""
    answer_seconds = 12.0
    """Longest wait of a request for its message to be safe; then 503. It is longer than the wait for the broker before the spool
    is used."""

    def __init__(self, config: PushConfig, context: Context) -> None:
        self.context = context
        self.key = context.pseudonym_key(config.sector)
        """Pseudonym key of the instance's sector."""
        self._config = config
        self.intake = Intake(self.most_waiting)
        """Messages between the server and this instance."""
        self._response_counts = ResponseCounter()
        self._server: Server | None = None

    @abstractmethod
    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return the sender's unique id of a message; empty if it has none.

        Raises `SignatureError` if the signature is invalid (401); any other error gives the response 500. Called in the server's
        thread, so it may not use state that other methods change. `now` is in seconds since 1970; header names are in lower case.
        """

    def admits(self, peer: str) -> bool:  # noqa: ARG002 - other sources need it
        """Return whether to read requests of connections from the address `peer`; others get 403.

        `peer` is the address of a reverse proxy, if there is one, and empty if it is unknown. Called in the server's thread. This
        implementation reads all requests.
        """
        return True

    def listen(self) -> int:
        """Start the server at the first call, and return its port. Raises `SourceUnavailableError` if it cannot start."""
        if self._server is None:
            gate = Gate(self._config, self.intake, self._response_counts, self.admits, self.verify, self.answer_seconds)
            self._server = Server(self._config, gate, self.intake)
        return self._server.port

    def read(self, wait_seconds: float) -> Sequence[Message]:
        """Return received messages in order; none after `wait_seconds` without any. Start the server if necessary.

        Raises `SourceUnavailableError` if it cannot start, and `ConnectorError` if it has ended.
        """
        self.listen()
        if self._server is not None and not self._server.alive:
            raise ConnectorError(_("the server has ended"))
        self._response_counts.log_refusals()
        return self.intake.take(wait_seconds)

    def reject(self, raw: Message, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a message, with its body as the record and its id as the context."""
        return Reject(reason, raw.body, detail, raw.name.encode())

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:
        """Map a rejected message again, as received at `read_at`."""
        return self.map(Message(reject.context.decode(), reject.record, read_at))

    def position(self) -> int:
        """Return the number of messages read since the source was opened."""
        return self.intake.taken

    def acknowledge(self, position: int) -> None:
        """Respond with 2xx to the first `position` messages since the source was opened."""
        self.intake.confirm(position)

    @property
    def response_counts(self) -> Mapping[int, int]:
        """Number of responses by HTTP status since the source was opened, with zeros."""
        return self._response_counts.counts

    def close(self) -> None:
        """Refuse waiting requests (503) and stop listening."""
        self.intake.close()
        if self._server is not None:
            self._server.close()


class SignedSource(PushSource):
    """Messages signed with Standard Webhooks. A subclass implements `map`."""

    def __init__(self, config: SignedConfig, context: Context) -> None:
        super().__init__(config, context)
        self._signatures = StandardWebhooks(config.secrets)

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return the message's id. Raises `SignatureError` for the reasons of `StandardWebhooks.verify`."""
        return self._signatures.verify(headers, body, now)


class MappedSource(SignedSource):
    """Signed messages, mapped by a mapping object. A subclass sets `mapping`."""

    mapping: ClassVar[type[Any]]
    """Class of the mapping, called with the source name, the configuration and the pseudonym key; has a method `map`."""

    def __init__(self, config: SignedConfig, context: Context) -> None:
        super().__init__(config, context)
        self._mapping = self.mapping(context.source, config, self.key)

    def map(self, raw: Message) -> Outcome:
        """Return the events of a message; none for an ignored message type. Raises `UnusableRecord`."""
        outcome: Outcome = self._mapping.map(raw)
        return outcome
