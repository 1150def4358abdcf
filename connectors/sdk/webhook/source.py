"""The base of a source that others push to."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.errors import ConnectorError
from connectors.sdk.i18n import say
from connectors.sdk.webhook.config import PushConfig, SignedConfig
from connectors.sdk.webhook.intake import Intake, Message
from connectors.sdk.webhook.response_counter import ResponseCounter
from connectors.sdk.webhook.server import Gate, Server
from connectors.sdk.webhook.signatures import StandardWebhooks
from models.reasons import Reason


class PushSource(Source[Message, int]):
    """Messages that are posted, each answered 2xx once it is safe. A subclass says how to `verify` and to `map`.

    It listens from the first `read` on. Whoever is not answered 2xx sends again; what it sends is known by its id, and
    what is known to be safe is answered at once. What says something else under an id that is known is refused (409).
    """

    most_waiting: ClassVar[int] = 400
    """How many messages may be on their way in, or taken in and not be safe yet: fewer than may be connected, so that others
    are told 503. This times `max_body_bytes` is what they take at most."""
    answer_seconds = 12.0
    """How long a request waits for its message to be safe: longer than the broker is waited for, before the spool is used."""

    def __init__(self, config: PushConfig, context: Context) -> None:
        self.context = context
        self.key = context.pseudonym_key(config.sector)
        """Makes the pseudonyms."""
        self._config = config
        self.intake = Intake(self.most_waiting)
        """Between the server and this lane."""
        self._answers = ResponseCounter()
        self._server: Server | None = None

    @abstractmethod
    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return the sender's id of a message, which no other message has; empty if it gives none.

        Raises `SignatureError` if it is not the sender's. Called in the server's thread: it may use nothing that other methods
        change. `now` is seconds since 1970; names of headers are in lower case.
        """

    @property
    def waiting(self) -> int:
        """How many messages were taken in and not answered."""
        return self.intake.waiting

    @property
    def arrived(self) -> int:
        """How many messages were taken in since it was opened."""
        return self.intake.offered

    @property
    def unread(self) -> int:
        """How many of them were not read yet."""
        return self.intake.offered - self.intake.taken

    def listen(self) -> int:
        """Listen, if it does not yet, and return the port. Raises `SourceUnavailableError`."""
        if self._server is None:
            gate = Gate(self._config, self.intake, self._answers, self.verify, self.answer_seconds)
            self._server = Server(self._config, gate, self.intake)
        return self._server.port

    def read(self, wait_seconds: float) -> Sequence[Message]:
        """Return what was posted."""
        self.listen()
        if self._server is not None and not self._server.alive:
            raise ConnectorError(say("the server has ended", "le serveur s'est arrêté"))
        self._answers.log_refusals()
        return self.intake.take(wait_seconds)

    def reject(self, raw: Message, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a message."""
        return Reject(reason, raw.body, detail, raw.name.encode())

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:
        """Return what a rejected message means by now."""
        return self.map(Message(reject.context.decode(), reject.record, read_at))

    def position(self) -> int:
        """Return how many messages were read."""
        return self.intake.taken

    def acknowledge(self, position: int) -> None:
        """Answer them."""
        self.intake.confirm(position)

    @property
    def response_counts(self) -> Mapping[int, int]:
        """How requests were answered."""
        return self._answers.counts

    def close(self) -> None:
        """Refuse those who wait (503), and listen no more."""
        self.intake.close()
        if self._server is not None:
            self._server.close()


class SignedSource(PushSource):
    """The same, signed as Standard Webhooks says: a subclass says how to `map`."""

    def __init__(self, config: SignedConfig, context: Context) -> None:
        super().__init__(config, context)
        self._signatures = StandardWebhooks(config.secrets)

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return the message's id. Raises `SignatureError`."""
        return self._signatures.verify(headers, body, now)
