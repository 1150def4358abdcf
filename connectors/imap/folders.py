"""Incremental reading of IMAP folders, with the messages of all folders merged in order of receipt.

New messages always get a higher uid, so the last uid read marks the position in a folder. Merging the folders keeps the order
of a backlog: a question comes before its answer.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

import msgspec
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from connectors.imap.session import FetchedMessage, ImapSession, is_without_mailbox
from models.locale import _

WINDOW: Final = 50_000
"""Width of one uid search range; the uids found must fit in one response line (1 MB)."""
MAX_BATCH: Final = 50
"""Most messages per fetch. A server that needs longer than `instance.STUCK_SECONDS` for them, which is more than a second for
each, cannot be read."""
MIN_BATCH: Final = 2
"""Fewest messages per fetch, if available: with two, one readable message shows that the other one is damaged."""
MAX_READY: Final = 1_000
"""Most messages fetched from all folders in one `merge`; with more than 500 folders behind, `MIN_BATCH` from each."""
PATIENCE_SECONDS: Final = 600.0
"""Time for which messages are fetched again if none of them can be read. Then only the first one is rejected, because the cause
may be a temporary failure of the server."""
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


class ReadMark(msgspec.Struct):
    """Read position in one folder."""

    validity: int = 0
    """UIDVALIDITY to which `uid` belongs."""
    uid: int = 0
    """Highest uid read or skipped; 0 before the first."""


class Folder:
    """Reader of the folder `name`. Begins after `mark` and updates it in place.

    Mail received before `since` is skipped; None skips nothing. `sent` means that the folder holds the service's sent mail.
    """

    def __init__(self, name: str, label: str, mark: ReadMark, since: date | None, *, sent: bool) -> None:
        self.name = name
        self.sent = sent
        self.trouble = ""
        """Message for the operator on why the folder cannot be read, naming it `label`; empty if it can."""
        self._label = label
        self._mark = mark
        self._since = since
        self._give_up_at = 0.0
        """Monotonic time at which the first message is rejected; 0 unless the last fetch returned only unreadable ones."""
        self.reset()

    def reset(self) -> None:
        """Drop the messages that were fetched but not taken; after the next `examine`, they are searched and fetched again."""
        self._searched = self._last = self._mark.uid
        self._found: deque[int] = deque()
        self._ready: deque[FetchedMessage] = deque()

    def examine(self, session: ImapSession) -> None:
        """Open the folder and record its highest uid. If UIDVALIDITY changed, read the folder again from its beginning.

        Clears `trouble` if no mail is left to read. If the server refuses, drops the fetched messages and sets `trouble`.
        """
        with self._record_refusal(_("does not open the folder")):
            opened = session.examine(self.name)
            if opened.validity != self._mark.validity:
                self._mark.validity, self._mark.uid = opened.validity, 0
                self.reset()
            self._last = opened.next_uid - 1
            if not self.behind:
                self.trouble = ""

    @property
    def behind(self) -> bool:
        """Whether the folder may hold messages that `take` has not returned yet."""
        return bool(self._ready) or bool(self._found) or self._searched < self._last

    @property
    def next_at(self) -> datetime | None:
        """Time of receipt of the next message; the earliest possible time if unknown, None if no message is fetched."""
        if not self._ready:
            return None
        return self._ready[0].received_at or _NO_TIME

    def fill(self, session: ImapSession, limit: int) -> None:
        """Fetch up to `limit` messages if none are ready. None are ready afterwards if the next uid range contains none.

        Success clears `trouble`. If the server refuses, or can read none of these messages, `trouble` is set, and the next poll
        searches for them again. After `PATIENCE_SECONDS`, the first of these messages is ready without headers.
        """
        if self._ready:
            return
        with self._record_refusal(_("does not read all mail in the folder")):
            if not self._found:
                first, self._searched = self._searched + 1, min(self._searched + WINDOW, self._last)
                self._found.extend(session.search(self.name, first, self._searched, self._since))
            batch = [self._found.popleft() for _ in range(min(limit, len(self._found)))]
            if batch:
                self._ready.extend(self._fetch(session, batch))
            self._skip_to_searched()
            self.trouble = ""

    def take(self) -> FetchedMessage:
        """Remove and return the next fetched message, and advance the mark. Raises `IndexError` if none is fetched."""
        fetched = self._ready.popleft()
        self._mark.uid = fetched.uid
        self._skip_to_searched()
        return fetched

    def _fetch(self, session: ImapSession, uids: Sequence[int]) -> list[FetchedMessage]:
        found = session.fetch(self.name, uids)
        if found and not any(message.headers for message in found):
            now = time.monotonic()
            self._give_up_at = self._give_up_at or now + PATIENCE_SECONDS
            if now < self._give_up_at:
                raise IMAPClientError("none of these messages can be read")
            self._found.extendleft(message.uid for message in reversed(found[1:]))
            found = found[:1]
        self._give_up_at = 0.0
        return found

    @contextmanager
    def _record_refusal(self, failure: str) -> Iterator[None]:
        """Suppress a refusal of the server in the block, drop the fetched messages, and set `trouble`.

        A lost connection, or a mailbox without access, still raises. `failure` is the part of the message after "the server",
        such as "does not open the folder". The next poll tries again, and the other folders are read in between.
        """
        try:
            yield
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            if is_without_mailbox(error):
                raise
            self.reset()
            self.trouble = _("the server {failure} {label}", failure=failure, label=self._label)

    def _skip_to_searched(self) -> None:
        if not self._ready and not self._found:
            self._mark.uid = max(self._mark.uid, self._searched)


class FolderMessage(NamedTuple):
    """Message and its folder."""

    folder: Folder
    fetched: FetchedMessage


def merge(folders: Sequence[Folder], session: ImapSession, deadline: float) -> list[FolderMessage]:
    """Take the next messages of all folders in order of receipt. In the same second, the order of `folders` counts.

    Stop when a folder must fetch more. Take none if `deadline`, on the monotonic clock, passes during the fetches. The result may
    be empty: call again while any folder is behind.
    """
    behind = [folder for folder in folders if folder.behind]
    for folder in behind:
        folder.fill(session, max(MIN_BATCH, min(MAX_BATCH, MAX_READY // len(behind))))
        if time.monotonic() > deadline:
            return []
    taken = []
    while behind := [folder for folder in behind if folder.behind]:
        times = [(folder.next_at, folder) for folder in behind]
        if any(at is None for at, _ in times):
            break
        _, first = min(times, key=lambda entry: entry[0] or _NO_TIME)
        taken.append(FolderMessage(first, first.take()))
    return taken
