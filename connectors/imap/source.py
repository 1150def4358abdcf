"""Source of the IMAP connector: reads, classifies and maps the messages of one mailbox."""

import math
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

import msgspec

from connectors.imap.config import ImapConfig
from connectors.imap.folders import ReadMark
from connectors.imap.reader import BUSY_SECONDS, MailboxReader
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.mail.mapping import Mail
from connectors.sdk.mail.source import MailSource
from connectors.sdk.probe import read_available, scratch
from connectors.sdk.telephony import keyed_hash


class _Saved(msgspec.Struct):
    marks: dict[str, ReadMark] = {}
    """Read position of each folder, by keyed digest of its name; includes folders that are no longer configured."""
    told: int = 0
    """Sequence number of the last published message in the `ConversationStore`."""
    hidden: bool = False
    """Whether `marks` is keyed by digests; earlier versions used folder names, which may be names of citizens."""


class ImapSource(MailSource[bytes]):
    """Messages of all folders in order of receipt, without those that were published before."""

    def __init__(self, config: ImapConfig, context: Context, busy_seconds: float = BUSY_SECONDS) -> None:
        super().__init__(config, context)
        self._hide = partial(keyed_hash, context.pseudonym_key(config.sector), "folder")
        self._saved = context.cursor.load_as(_Saved) or _Saved()
        if not self._saved.hidden:
            self._saved.marks = {self._hide(name): mark for name, mark in self._saved.marks.items()}
            self._saved.hidden = True
        self._reader = MailboxReader(config, self._saved.marks, self._hide, busy_seconds, self.fields)

    def read(self, wait_seconds: float) -> Sequence[Mail]:
        """Return the next messages that were not published before; their conversations are then on disk.

        Empty after `wait_seconds` without any message, after `busy_seconds` of searching, or after `BUSY_SECONDS` of published
        ones. Raises the errors of `MailboxReader.read`, and `ConnectorError` if the conversation store cannot be used.
        """
        classifier = self._open_classifier(self._saved.told)
        deadline = time.monotonic() + BUSY_SECONDS
        while taken := self._reader.read(wait_seconds):
            now = datetime.now(UTC)
            found = (classifier.classify(folder.name, fetched, now, sent=folder.sent) for folder, fetched in taken)
            mails = [mail for mail in found if mail]
            classifier.conversations.commit()
            if mails or time.monotonic() > deadline:
                return mails
            wait_seconds = 0.0
        return ()

    def position(self) -> bytes:
        """Return the read positions of the folders, and the sequence number of the message stored last, as JSON."""
        if self._classifier:
            self._saved.told = self._classifier.conversations.newest
        return msgspec.json.encode(self._saved)

    def acknowledge(self, position: bytes) -> None:
        """Save the position."""
        self._context.cursor.save(position)

    def close(self) -> None:
        """Close the connection and the conversation store."""
        self._reader.close()
        super().close()


def probe(config: ImapConfig, context: Context) -> Sequence[Outcome]:
    """Examine all folders, however long that takes, and map the first messages. Raises `SourceUnavailableError`."""
    with scratch(context) as own, closing(ImapSource(config, own, math.inf)) as source:
        return read_available(source, 0.0)
