"""Classify messages by kind and assign each one to a conversation.

A conversation is one contact. A received message that refers to no known message starts a new conversation.
The conversation's id is a digest of the first message in the reference chain and the sender. Reading from the middle of a
conversation therefore gives the same id, and a circular with many replies gives one contact per sender.
A message that refers to a known message joins its conversation, regardless of the sender.
"""

from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from connectors.sdk.attempts import Attempts
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons
from connectors.sdk.errors import safe_error_text
from connectors.sdk.mail.config import MailboxConfig
from connectors.sdk.mail.conversations import Conversation, ConversationStore
from connectors.sdk.mail.headers import Headers, parse
from connectors.sdk.mail.mapping import Mail, MailKind

log = structlog.get_logger(__name__)


class FetchedHeaders(Protocol):
    """Message as a server returned it."""

    @property
    def uid(self) -> int | str:
        """Identifier of the message in its mailbox."""

    @property
    def received_at(self) -> datetime | None:
        """Time of receipt by the server; None if unknown."""

    @property
    def headers(self) -> tuple[bytes, ...]:
        """Raw headers, one item per group of `headers.FIELDS`; empty if the message cannot be read."""


class Addresses:
    """Lookup of the configured addresses and domains."""

    def __init__(self, config: MailboxConfig) -> None:
        self._mains = {alias: main for main, routing in config.addresses.items() for alias in (main, *routing.aliases)}
        self._domains = frozenset(config.domains)

    def main(self, *addresses: str) -> str:
        """Return the configured address for the first match among `addresses`, or an empty string.

        Aliases and plus addresses match too.
        """
        known = (self._mains.get(address) or self._mains.get(_plain(address)) for address in addresses)
        return next(filter(None, known), "")

    def is_ours(self, address: str) -> bool:
        """Return whether an address belongs to the service: to its mailbox, or to an e-mail domain of its agents."""
        return bool(self.main(address)) or address.rpartition("@")[2] in self._domains


class MailClassifier:
    """Classify messages, and store the conversation of each message that has one in `conversations`."""

    def __init__(
        self,
        config: MailboxConfig,
        conversations: ConversationStore,
        attempts: Attempts | None = None,
        contact_reasons: ContactReasons = NO_REASONS,
    ) -> None:
        self._addresses = Addresses(config)
        self._forms = frozenset(config.forms)
        self._attempts = attempts or Attempts()
        self._contact_reasons = contact_reasons
        self.conversations = conversations

    def classify(self, folder: str, fetched: FetchedHeaders, read_at: datetime, *, sent: bool) -> Mail | None:
        """Classify a message, and add it to its conversation if it has one, without a commit. `sent`: `folder` holds sent mail.

        Return None if the message was published before, or already added by this process. A message without a conversation is
        classified each time it is read.
        """
        mail = partial(Mail, folder, fetched.uid, fetched.received_at, read_at)
        if not fetched.headers:
            return mail(MailKind.UNREADABLE)
        headers = self._parse(fetched)
        if headers is None:
            return mail(MailKind.UNPARSABLE)
        if not (headers.message_id or headers.date):
            return mail(MailKind.UNIDENTIFIED)
        message = self._identify(headers)
        known = self.conversations.find(headers.message_id, message)
        if known and known.is_published:
            return None
        is_form = headers.sender in self._forms  # the citizen is then in `Reply-To`
        is_ours = not is_form and (sent or self._addresses.is_ours(headers.sender))
        if not is_form and (headers.report or (headers.automatic and not is_ours)):
            return mail(MailKind.AUTOMATIC)
        writer = headers.reply_to if is_form else headers.sender or headers.reply_to
        new = self._sent_conversation(headers) if is_ours else self._received_conversation(headers, writer)
        conversation = known.conversation if known else new
        if conversation is None:
            return mail(MailKind.OTHER)
        # Later messages, and the message itself, may be among its references once they are stored.
        is_first = known.is_first if known else not (is_ours or self.conversations.follow(headers.references))
        self.conversations.add(headers.message_id, message, conversation, is_first=is_first)
        kind, people, reason = MailKind.RECEIVED, tuple(filter(None, [writer])), ""
        if is_ours:
            people = tuple(
                address for address in headers.recipients if self.conversations.person(address) in conversation.people
            )
            kind = MailKind.OTHER if not people else MailKind.ACKNOWLEDGED if headers.automatic else MailKind.ANSWERED
        elif is_first:
            reason = self._contact_reasons.find_by_subject(headers.subject)
        return mail(kind, message.hex(), conversation.contact.hex(), conversation.place, people, is_first, reason)

    def _parse(self, fetched: FetchedHeaders) -> Headers | None:
        """Return the headers of a message; None if parsing fails or has crashed the process too often."""
        try:
            return self._attempts.attempt(b"\n".join(fetched.headers), lambda: parse(fetched.headers), lambda: None)
        except Exception as error:  # noqa: BLE001 - one message must not hold up its mailbox
            log.error("mapping_failed", error=safe_error_text(error))  # noqa: TRY400 - a traceback's text may hold values
            return None

    def _identify(self, headers: Headers) -> bytes:
        """Return a digest that identifies the message: of its id and its date, because some programs reuse message ids.

        Without an id, it is a digest of date, sender and recipients.
        """
        if headers.message_id:
            return self.conversations.digest("message", headers.message_id, headers.date)
        return self.conversations.digest("message", "", headers.date, headers.sender, *headers.recipients)

    def _received_conversation(self, headers: Headers, writer: str) -> Conversation:
        citizens = [
            address for address in (writer, headers.reply_to) if address and not self._addresses.is_ours(address)
        ]
        people = map(self.conversations.person, citizens)
        place = self._addresses.main(*headers.delivered_to, *headers.recipients)
        if before := self.conversations.follow(headers.references):
            return Conversation(before.contact, tuple(dict.fromkeys([*people, *before.people])), place or before.place)
        return Conversation(self._contact(headers, writer), tuple(dict.fromkeys(people)), place)

    def _sent_conversation(self, headers: Headers) -> Conversation | None:
        if before := self.conversations.follow(headers.references):
            return before
        # An automatic acknowledgement may be readable a moment before the message that it acknowledges.
        citizens = [address for address in headers.recipients if not self._addresses.is_ours(address)]
        if headers.automatic and headers.references and len(citizens) == 1:
            contact, people = self._contact(headers, citizens[0]), (self.conversations.person(citizens[0]),)
            return Conversation(contact, people, self._addresses.main(headers.sender))
        return None

    def _contact(self, headers: Headers, citizen: str) -> bytes:
        root = headers.references[-1] if headers.references else headers.message_id
        is_reused = not headers.references and self.conversations.follow([root])  # by another message
        if not root or is_reused:
            root = self._identify(headers).hex()
        return self.conversations.digest("contact", root, citizen)


def _plain(address: str) -> str:
    """Return an address without its subaddress, the part after a plus sign (RFC 5233)."""
    local_part, _, domain = address.rpartition("@")
    return f"{local_part.partition('+')[0]}@{domain}"
