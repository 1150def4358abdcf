"""Base class of the sources that read a mailbox: classification and mapping of messages."""

from datetime import datetime
from typing import TypeVar

from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.mail.classification import MailClassifier
from connectors.sdk.mail.config import MailboxConfig
from connectors.sdk.mail.conversations import ConversationStore
from connectors.sdk.mail.headers import FIELDS, SUBJECT_FIELDS
from connectors.sdk.mail.mapping import Mail, MailMapping, decode, encode
from models.reasons import Reason

_Position = TypeVar("_Position")


class MailSource(Source[Mail, _Position]):
    """Source of classified messages. A subclass implements `read`, and extends `close` if it opens connections or files."""

    checkpoint_seconds = 1.0

    def __init__(self, config: MailboxConfig, context: Context) -> None:
        self._mail_config = config
        self._context = context
        self._mapping = MailMapping(context.source, config, context.pseudonym_key, context.contact_reasons)
        self._classifier: MailClassifier | None = None
        self.fields = SUBJECT_FIELDS if context.contact_reasons.reads_subjects else FIELDS
        """Groups of headers to read: with the subject only if a rule needs it."""

    def map(self, raw: Mail) -> Outcome:
        """Return the events of a message, or its rejection; empty for a message without an event. Never raises."""
        return self._mapping.map(raw)

    def reject(self, raw: Mail, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a message; its record is the classified message with its folder and id."""
        return Reject(reason, encode(raw), detail)

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:  # noqa: ARG002 - the message has it
        """Map a rejected message again. Raises `msgspec.DecodeError` if its record is no classified message."""
        return self._mapping.map(decode(reject.record))

    def close(self) -> None:
        """Close the conversation store."""
        if self._classifier:
            self._classifier.conversations.close()

    def _open_classifier(self, published: int) -> MailClassifier:
        """Return the classifier, and open its conversation store on the first call.

        Call it in `read` only: mapping rejected records again must work while another process reads. Messages up to the sequence
        number `published` are known to be published.
        """
        if self._classifier is None:
            key = self._context.pseudonym_key(self._mail_config.sector)
            conversations = ConversationStore(self._context.directory, key, published)
            own = self._context
            self._classifier = MailClassifier(self._mail_config, conversations, own.attempts, own.contact_reasons)
        return self._classifier
