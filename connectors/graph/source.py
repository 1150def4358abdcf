"""Source of the Graph connector: reads, classifies and maps the messages of one mailbox in Microsoft 365."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import httpx
import msgspec

from connectors.graph.config import GraphConfig
from connectors.graph.folders import FolderRef, FolderSearch, folders_path, is_unknown_mailbox
from connectors.graph.mailbox_store import MailboxStore, Place, Position, StoredMessage
from connectors.graph.message_headers import EXPAND, SELECT, SELECT_SUBJECT, GraphMessage, read_message
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.mail.classification import MailClassifier
from connectors.sdk.mail.headers import FIELDS
from connectors.sdk.mail.mapping import Mail
from connectors.sdk.mail.source import MailSource
from connectors.sdk.microsoft.graph import GraphClient, GraphError, decode
from connectors.sdk.probe import read_available, scratch
from connectors.sdk.pull import AnswerTooLargeError, Backoff, Interval
from models.locale import _

BUSY_SECONDS: Final = 5.0
"""Longest time of one `GraphSource.read` without new messages, in seconds, apart from the last request and its token."""
REFUSED_SECONDS: Final = 60.0
"""Shortest pause after a refusal of Graph, in seconds."""
PAGE_MESSAGES: Final = 100
"""Requested number of messages in a page. Their headers usually take some ten kilobytes each; if a page is too large for
`HttpClient`, it is requested again with a tenth of the messages."""
BATCH_MESSAGES: Final = 100
"""Most messages returned by one `GraphSource.read`; hostile headers may take some milliseconds each."""
_EXPIRED: Final = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired"})
"""Error codes, in lower case, of a link whose state Graph no longer has."""


class GraphSource(MailSource[Position]):
    """Messages of all folders, in order of receipt within each round, without those that were published before.

    `most_pages`: most pages read of each folder in a round, for a probe.
    """

    def __init__(self, config: GraphConfig, context: Context, most_pages: float = float("inf")) -> None:
        super().__init__(config, context)
        self._config = config
        self._most_pages = most_pages
        self._with_subjects = self.fields is not FIELDS
        self._client = GraphClient(config)
        self._path = folders_path(config.mailbox)
        self._search: FolderSearch | None = None
        """Unfinished search for the folders of the next round."""
        self._known: dict[str, Sequence[str] | None] = {}
        """Results of the unfinished search."""
        self._folders: list[FolderRef] | None = None
        """Folders of the current round; None before it starts, or continues after a restart."""
        self._missing: dict[str, str] = {}
        """Label → message on a folder that cannot be read."""
        self._restarted: set[str] = set()
        """Folders that are read from their beginning, because their link had expired."""
        self._page_messages = PAGE_MESSAGES
        self._store: MailboxStore | None = None
        self._place = Place()
        self._interval = Interval(config.poll_seconds)
        self._backoff = Backoff()

    def read(self, wait_seconds: float) -> Sequence[Mail]:
        """Return the next messages that were not published before; their conversations are then on disk.

        Empty after `wait_seconds` without any message, or after `BUSY_SECONDS`. Raises `SourceUnavailableError` after a failure
        and in the pause that follows, and other `ConnectorError`s if a file of the instance cannot be used.
        """
        store = self._store = self._store or MailboxStore(self._context.directory, with_subjects=self._with_subjects)
        classifier = self._open_classifier(store.published)
        deadline = time.monotonic() + BUSY_SECONDS
        while time.monotonic() < deadline:
            if stored := store.next_messages(self._place, BATCH_MESSAGES):
                if mails := self._classify(store, classifier, stored):
                    return mails
            elif store.complete and not self._interval.due:
                time.sleep(wait_seconds)
                break
            else:
                self._continue_round(store, deadline)
        return ()

    def position(self) -> Position:
        """Return the place of the last message that was read, and the sequence number of the message stored last."""
        published = self._store.published if self._store else 0
        return Position(self._place, self._classifier.conversations.newest if self._classifier else published)

    def acknowledge(self, position: Position) -> None:
        """Save the position, and delete the stored messages up to it."""
        if self._store:
            self._store.acknowledge(position)

    @property
    def trouble(self) -> str:
        """Message for the operator on the first folder that cannot be read; empty if all can be read."""
        return next(iter(self._missing.values()), "")

    def close(self) -> None:
        """Close the connections and the stores."""
        self._client.close()
        if self._store:
            self._store.close()
        super().close()

    def _classify(self, store: MailboxStore, classifier: MailClassifier, stored: Sequence[StoredMessage]) -> list[Mail]:
        now = datetime.now(UTC)
        found = [classifier.classify(entry.folder, entry.message, now, sent=entry.sent) for entry in stored]
        classifier.conversations.commit()
        # The first copy of a known message was published, or is stored until it is.
        store.drop([entry.place for entry, mail in zip(stored, found, strict=True) if mail is None])
        self._place = stored[-1].place
        return [mail for mail in found if mail]

    def _continue_round(self, store: MailboxStore, deadline: float) -> None:
        """Start a round, or continue it, until it is complete or `deadline` passes. Makes at least one request."""
        if self._backoff.is_paused:
            raise SourceRefusedError(self._backoff.trouble)
        try:
            if (self._folders is None or store.complete) and not self._find_folders(deadline):
                return
            if store.complete:
                store.start_round()
            for folder in self._folders or ():
                self._read_folder(store, folder, deadline)
                if not store.was_read(folder.id):
                    return
        except GraphError as error:
            text = self._explain(error)
            self._backoff.record_failure(text, REFUSED_SECONDS)
            raise SourceRefusedError(text) from None
        except AnswerTooLargeError:
            self._page_messages = max(self._page_messages // 10, 1)
            raise
        self._backoff.record_success()
        store.finish_round()
        self._page_messages = PAGE_MESSAGES
        self._interval.restart()

    def _find_folders(self, deadline: float) -> bool:
        """Find the folders of the round; return False if `deadline` passes first. The next call continues."""
        names = (*self._config.folders, *self._config.sent)
        search = self._search = self._search or FolderSearch(self._client, self._path, names, self._known)
        try:
            if not search.advance(deadline):
                return False
        except SourceUnavailableError:
            self._search = None
            raise
        missing = [name for name in names if self._known[name] is None]
        self._missing = {name: _("the mailbox has no folder {name}", name=name) for name in missing}
        refs = [
            FolderRef(found, name, name in self._config.sent) for name in names for found in self._known[name] or ()
        ]
        self._folders = [*{ref.id: ref for ref in refs}.values()]
        self._search, self._known = None, {}
        return True

    def _read_folder(self, store: MailboxStore, folder: FolderRef, deadline: float) -> None:
        """Read the changes of `folder` in this round until it is complete or `deadline` passes."""
        pages = 0
        while not store.was_read(folder.id):
            if pages and time.monotonic() > deadline:
                return
            link = store.link(folder.id)
            try:
                content = self._request(folder, link)
            except GraphError as error:
                self._handle_refusal(store, folder, link, error)
                continue
            pages += 1
            page = decode(content, _Page)
            if not (page.next_link or page.delta_link):
                raise SourceUnavailableError(_("Graph answers in an unexpected form"))
            complete = bool(page.delta_link) or pages >= self._most_pages
            found = (read_message(entry, self.fields) for entry in page.value)
            messages = (message for message in found if message and self._is_wanted(message))
            next_link = page.delta_link or page.next_link
            store.add_page(folder.id, next_link, messages, folder.label, sent=folder.sent, complete=complete)
        self._restarted.discard(folder.id)

    def _request(self, folder: FolderRef, link: str) -> bytes:
        prefer = f"odata.maxpagesize={self._page_messages}"
        if link:
            return self._client.get(link, prefer=prefer)
        path = f"{self._path}/{quote(folder.id, safe='')}/messages/delta"
        select = SELECT_SUBJECT if self._with_subjects else SELECT
        return self._client.get(path, {"$select": select, "$expand": EXPAND}, prefer=prefer)

    def _handle_refusal(self, store: MailboxStore, folder: FolderRef, link: str, error: GraphError) -> None:
        """Continue after an expired link, from the folder's beginning, or after a folder was removed. Raises other errors."""
        is_expired = error.status == httpx.codes.GONE or error.code.lower() in _EXPIRED
        if is_expired and link and folder.id not in self._restarted:
            self._restarted.add(folder.id)
            store.set_link(folder.id, "", complete=False)
        elif error.status == httpx.codes.NOT_FOUND and not is_unknown_mailbox(error):
            self._missing[folder.label] = _("the mailbox has no folder {name}", name=folder.label)
            store.set_link(folder.id, "", complete=True)
        else:
            self._restarted.discard(folder.id)  # after the pause, an expired link restarts the folder again
            raise error

    def _is_wanted(self, message: GraphMessage) -> bool:
        # Graph can filter by the time of receipt, but then returns 5,000 messages at most.
        start = self._config.start
        return start is None or message.received_at is None or message.received_at.date() >= start

    def _explain(self, error: GraphError) -> str:
        if is_unknown_mailbox(error):
            return _("{error}: check mailbox; it must be a mailbox of Exchange Online", error=error)
        if error.status == httpx.codes.FORBIDDEN:
            return _("{error}. The permission is Mail.Read; Mail.ReadBasic.All is not sufficient", error=error)
        return str(error)


class _Page(msgspec.Struct, rename={"next_link": "@odata.nextLink", "delta_link": "@odata.deltaLink"}):
    value: list[msgspec.Raw]
    next_link: str = ""
    delta_link: str = ""


def probe(config: GraphConfig, context: Context) -> Sequence[Outcome]:
    """Read the first page of each folder and map its messages. Raises `SourceUnavailableError`, also for a missing folder."""
    with scratch(context) as own, closing(GraphSource(config, own, most_pages=1)) as source:
        outcomes = read_available(source, 0.0)
        if source.trouble:
            raise SourceUnavailableError(source.trouble)
        return outcomes
