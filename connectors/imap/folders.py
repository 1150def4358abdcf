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

from connectors.imap.session import FetchedMessage, ImapSession
from models.locale import _

WINDOW: Final = 50_000
"""Width of one uid search range; the uids found must fit in one response line (1 MB)."""
MAX_BATCH: Final = 500
"""Most messages per fetch; their uids must fit in a command line that all servers accept (8 kB, RFC 2683). All folders
together hold about twice as many."""
FIRST_BATCH: Final = 50
"""Messages in the first fetch."""
MIN_BATCH: Final = 2
"""Fewest messages per fetch, if available: with two, one readable message shows that the other one is damaged."""
PATIENCE_SECONDS: Final = 600.0
"""Retry period for a batch without any readable message. Then only the first message is rejected, because the cause may be a
temporary failure of the server."""
FAST_SECONDS: Final = 1.0
"""A full batch fetched faster than this doubles the batch size."""
SLOW_SECONDS: Final = 5.0
"""A fetch slower than this halves the batch size."""
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


class ReadMark(msgspec.Struct):
    """Read position in one folder."""

    validity: int = 0
    """UIDVALIDITY to which `uid` belongs."""
    uid: int = 0
    """Highest uid read."""


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
        self._unread = (0, 0.0)
        self.reset()

    def reset(self) -> None:
        """Drop the messages that were fetched but not taken; they are searched and fetched again."""
        self._searched = self._last = self._mark.uid
        self._found: deque[int] = deque()
        self._ready: deque[FetchedMessage] = deque()

    def examine(self, session: ImapSession) -> None:
        """Open the folder and record its highest uid. If UIDVALIDITY changed, read the folder again from its beginning.

        If the server refuses, only set `trouble`.
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

    def fill(self, session: ImapSession, limit: int) -> int:
        """Fetch up to `limit` messages if none are ready, and return the number of messages requested.

        Return 0 if messages are ready, if the next uid range contains none, or if the server refuses and `trouble` is set.
        """
        if self._ready:
            return 0
        with self._record_refusal(_("does not read all mail in the folder")):
            if not self._found:
                first, self._searched = self._searched + 1, min(self._searched + WINDOW, self._last)
                self._found.extend(session.search(self.name, first, self._searched, self._since))
            batch = [self._found.popleft() for _ in range(min(limit, len(self._found)))]
            if batch:
                self._ready.extend(self._fetch(session, batch))
            self._skip_to_searched()
            self.trouble = ""
            return len(batch)
        return 0

    def take(self) -> FetchedMessage:
        """Remove and return the next fetched message, and advance the mark. One must be fetched, see `next_at`."""
        fetched = self._ready.popleft()
        self._mark.uid = fetched.uid
        self._skip_to_searched()
        return fetched

    def _fetch(self, session: ImapSession, uids: Sequence[int]) -> list[FetchedMessage]:
        found = session.fetch(self.name, uids)
        if not found or any(message.headers for message in found):
            return found
        if not self._is_given_up(found[0].uid):
            raise IMAPClientError("none of these messages can be read")  # the cause may be temporary
        self._found.extendleft(message.uid for message in reversed(found[1:]))
        return found[:1]

    def _is_given_up(self, uid: int) -> bool:
        """Record that a message cannot be read, and return whether that was first recorded `PATIENCE_SECONDS` ago or earlier.

        Only the latest such message is remembered.
        """
        now = time.monotonic()
        if uid != self._unread[0]:
            self._unread = (uid, now)
        return now - self._unread[1] >= PATIENCE_SECONDS

    @contextmanager
    def _record_refusal(self, failure: str) -> Iterator[None]:
        """Suppress a refusal of the server in the block, and record it in `trouble`; a lost connection still raises.

        The next poll tries again; the other folders are read meanwhile.
        """
        try:
            yield
        except IMAPClientAbortError:
            raise
        except IMAPClientError:
            self.reset()
            self.trouble = _("the server {failure} {label}", failure=failure, label=self._label)

    def _skip_to_searched(self) -> None:
        if not self._ready and not self._found:
            self._mark.uid = max(self._mark.uid, self._searched)


class FolderMessage(NamedTuple):
    """Message and its folder."""

    folder: Folder
    fetched: FetchedMessage


class AdaptiveBatchSize:
    """Number of messages per fetch, adapted to the speed of the server."""

    def __init__(self) -> None:
        self.size = FIRST_BATCH

    def fill(self, folder: Folder, session: ImapSession, share: int) -> None:
        """Fetch the next messages of `folder`, one of `share` folders that hold messages, and adapt the size."""
        started_at, count = time.monotonic(), 0
        try:
            count = folder.fill(session, max(MIN_BATCH, min(self.size, 2 * MAX_BATCH // share)))
        finally:  # a fetch that fails late also reduces the size
            elapsed = time.monotonic() - started_at
            if elapsed > SLOW_SECONDS:
                self.size = max(MIN_BATCH, self.size // 2)
            elif count >= self.size and elapsed < FAST_SECONDS:
                self.size = min(2 * self.size, MAX_BATCH)


def merge(
    folders: Sequence[Folder], session: ImapSession, batch: AdaptiveBatchSize, deadline: float
) -> list[FolderMessage]:
    """Take the next messages of all folders in order of receipt. In the same second, the order of `folders` counts.

    Stop when a folder must fetch more, or at `deadline` on the monotonic clock. The result may then be empty: call again while
    any folder is behind.
    """
    behind = [folder for folder in folders if folder.behind]
    for folder in behind:
        batch.fill(folder, session, len(behind))
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
