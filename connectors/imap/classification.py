"""What messages are, one after the other: whose they are, and which conversation they go on with.

A conversation is a contact. It begins with a message that follows none that is known, and is named after the first message that
it refers to, and who wrote: so it has the same name if it is met from its middle, and a circular that many answer makes as many
contacts. What follows a known message, by whoever it is, is of its conversation.
"""

from datetime import datetime
from functools import partial

import structlog

from connectors.imap.config import ImapConfig
from connectors.imap.conversations import Conversation, ConversationStore
from connectors.imap.headers import Headers, parse
from connectors.imap.mail import Mail, MailKind
from connectors.imap.session import FetchedMessage
from connectors.sdk.attempts import Attempts
from connectors.sdk.errors import safe_error_text

log = structlog.get_logger(__name__)


class Addresses:
    """What the configuration says of addresses."""

    def __init__(self, config: ImapConfig) -> None:
        self._mains = {alias: main for main, place in config.addresses.items() for alias in (main, *place.aliases)}
        self._domains = frozenset(config.domains)
        self._forms = frozenset(config.forms)

    def main(self, *addresses: str) -> str:
        """Return the first of the configured addresses that one of these is, or is an alias or a plus address of; or empty."""
        known = (self._mains.get(address) or self._mains.get(_plain(address)) for address in addresses)
        return next(filter(None, known), "")

    def is_ours(self, address: str) -> bool:
        """Return whether the service itself writes from there."""
        return bool(self.main(address)) or address.rpartition("@")[2] in self._domains

    def is_form(self, address: str) -> bool:
        """Return whether what comes from there was written by who is to be replied to."""
        return address in self._forms


class MailClassifier:
    """Sorts messages, each once, and remembers their conversations in `threads`."""

    def __init__(self, config: ImapConfig, conversations: ConversationStore, attempts: Attempts | None = None) -> None:
        self._addresses = Addresses(config)
        self._attempts = attempts or Attempts()
        self.conversations = conversations

    def classify(self, folder: str, fetched: FetchedMessage, read_at: datetime, *, sent: bool) -> Mail | None:
        """Return what a message of a folder (one of `sent` mail?) is; None if it was told before."""
        mail = partial(Mail, folder, fetched.uid, fetched.received_at, read_at)
        if not fetched.headers:
            return mail(MailKind.UNREADABLE)
        headers = self._parse(fetched)
        if headers is None:
            return mail(MailKind.UNPARSABLE)
        if not (headers.message_id or headers.date):
            return mail(MailKind.UNIDENTIFIED)
        message = self._name(headers)
        known = self.conversations.find(headers.message_id, message)
        if known and known[1]:
            return None
        is_form = self._addresses.is_form(headers.sender)
        is_ours = not is_form and (sent or self._addresses.is_ours(headers.sender))
        if not is_form and (headers.report or (headers.automatic and not is_ours)):
            return mail(MailKind.AUTOMATIC)
        writer = headers.reply_to if is_form else headers.sender or headers.reply_to
        new = self._thread_sent(headers) if is_ours else self._thread_received(headers, writer)
        thread = known[0] if known else new
        if thread is None:
            return mail(MailKind.OTHER)
        self.conversations.add(headers.message_id, message, thread)
        kind, people = MailKind.RECEIVED, tuple(filter(None, [writer]))
        if is_ours:
            people = tuple(one for one in headers.recipients if self.conversations.person(one) in thread.people)
            kind = MailKind.OTHER if not people else MailKind.ACKNOWLEDGED if headers.automatic else MailKind.ANSWERED
        return mail(kind, message.hex(), thread.contact.hex(), thread.place, people)

    def _parse(self, fetched: FetchedMessage) -> Headers | None:
        """Return the headers of a message; None if they cannot be parsed, or have ended too many processes."""
        try:
            return self._attempts.attempt(b"\n".join(fetched.headers), lambda: parse(fetched.headers), lambda: None)
        except Exception as error:  # noqa: BLE001 - one message must not hold up its mailbox
            log.error("mapping_failed", error=safe_error_text(error))  # noqa: TRY400 - a traceback's text may hold values
            return None

    def _name(self, headers: Headers) -> bytes:
        """Return what tells a message from all others: some programs give the same id to many."""
        if headers.message_id:
            return self.conversations.digest("message", headers.message_id, headers.date)
        return self.conversations.digest("message", "", headers.date, headers.sender, *headers.recipients)

    def _thread_received(self, headers: Headers, writer: str) -> Conversation:
        reachable = [one for one in (writer, headers.reply_to) if one and not self._addresses.is_ours(one)]
        people = map(self.conversations.person, reachable)
        place = self._addresses.main(*headers.delivered_to, *headers.recipients)
        if before := self.conversations.follow(headers.references):
            return Conversation(before.contact, tuple(dict.fromkeys([*people, *before.people])), place or before.place)
        return Conversation(self._contact(headers, writer), tuple(dict.fromkeys(people)), place)

    def _thread_sent(self, headers: Headers) -> Conversation | None:
        if before := self.conversations.follow(headers.references):
            return before
        # An automatic acknowledgement may be there a moment before what it acknowledges.
        strangers = [one for one in headers.recipients if not self._addresses.is_ours(one)]
        if headers.automatic and headers.references and len(strangers) == 1:
            contact, people = self._contact(headers, strangers[0]), (self.conversations.person(strangers[0]),)
            return Conversation(contact, people, self._addresses.main(headers.sender))
        return None

    def _contact(self, headers: Headers, citizen: str) -> bytes:
        root = headers.references[-1] if headers.references else headers.message_id
        if not root or (
            not headers.references and self.conversations.follow([root])
        ):  # another message has the same id
            root = self._name(headers).hex()
        return self.conversations.digest("contact", root, citizen)


def _plain(address: str) -> str:
    """Return an address without what follows a plus (RFC 5233)."""
    local_part, _, domain = address.rpartition("@")
    return f"{local_part.partition('+')[0]}@{domain}"
