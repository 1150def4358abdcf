"""One mailbox, as a source that is asked for what is new."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from connectors.imap.classification import MailClassifier
from connectors.imap.config import ImapConfig
from connectors.imap.conversations import ConversationStore
from connectors.imap.folders import FolderMessage, ReadMark
from connectors.imap.mail import Mail, decode, encode
from connectors.imap.mapping import MailMapping
from connectors.imap.reader import BUSY_SECONDS, MailboxReader
from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.telephony import keyed_hash
from models.reasons import Reason


class _Saved(msgspec.Struct):
    marks: dict[str, ReadMark] = {}
    """How far each folder was read, by a keyed digest of its name; also those that are no longer configured."""
    told: int = 0
    """The number of the last message that was told, see `Threads`."""
    hidden: bool = False
    """Whether folders are named by keyed digests; earlier versions had their names, which may be those of people."""


class ImapSource(Source[Mail, bytes]):
    """Messages of all folders, each once, in the order in which they came."""

    checkpoint_seconds = 1.0

    def __init__(self, config: ImapConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._hide = partial(keyed_hash, context.pseudonym_key(config.sector), "folder")
        self._saved = context.cursor.load_as(_Saved) or _Saved()
        if not self._saved.hidden:
            self._saved.marks = {self._hide(name): mark for name, mark in self._saved.marks.items()}
            self._saved.hidden = True
        self._mapping = MailMapping(context.source, config, context.pseudonym_key)
        self._reader = MailboxReader(config, self._saved.marks, self._hide)
        self._sorter: MailClassifier | None = None

    def read(self, wait_seconds: float) -> Sequence[Mail]:
        """Return the next messages, their conversations safe on disk."""
        sorter = self._sorter or self._open()
        deadline = time.monotonic() + BUSY_SECONDS
        while taken := self._reader.read(wait_seconds):
            mails = classify(sorter, taken)
            sorter.conversations.commit()
            if mails or time.monotonic() > deadline:
                return mails
            wait_seconds = 0.0
        return ()

    def map(self, raw: Mail) -> Outcome:
        """Return what a message means."""
        return self._mapping.map(raw)

    def reject(self, raw: Mail, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a message: as what it was sorted, and where it is."""
        return Reject(reason, encode(raw), detail)

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:  # noqa: ARG002 - the message has it
        """Return what a message means that was rejected."""
        return self._mapping.map(decode(reject.record))

    def position(self) -> bytes:
        """Return how far each folder was read, and which messages are told."""
        if self._sorter:
            self._saved.told = self._sorter.conversations.newest
        return msgspec.json.encode(self._saved)

    def acknowledge(self, position: bytes) -> None:
        """Keep it."""
        self._context.cursor.save(position)

    def close(self) -> None:
        """Let go of the server and of the file of conversations."""
        self._reader.close()
        if self._sorter:
            self._sorter.conversations.close()

    def _open(self) -> MailClassifier:
        # Not before there is something to read: who only maps again what was rejected may do so while another reads.
        key = self._context.pseudonym_key(self._config.sector)
        conversations = ConversationStore(self._context.directory, key, self._saved.told)
        self._sorter = MailClassifier(self._config, conversations, self._context.attempts)
        return self._sorter


def classify(sorter: MailClassifier, taken: Sequence[FolderMessage]) -> list[Mail]:
    """Return what these messages are, but for those that were told before."""
    now = datetime.now(UTC)
    sorted_ = (sorter.classify(folder.name, fetched, now, sent=folder.sent) for folder, fetched in taken)
    return [mail for mail in sorted_ if mail]


def probe(config: ImapConfig, context: Context) -> Sequence[Outcome]:
    """Look at every folder, and return what the first messages mean. Raises `SourceUnavailableError` if one does not open."""
    key, mapping = context.pseudonym_key(config.sector), MailMapping(context.source, config, context.pseudonym_key)
    with (
        TemporaryDirectory() as directory,
        closing(ConversationStore(Path(directory), key, 0)) as conversations,
        closing(MailboxReader(config, {}, str)) as reader,
    ):
        while not (taken := reader.read(0.0)) and not reader.is_done:
            pass
        if reader.trouble:
            raise SourceUnavailableError(reader.trouble)
        return [mapping.map(mail) for mail in classify(MailClassifier(config, conversations), taken)]
