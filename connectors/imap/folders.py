"""The folders of one mailbox, each followed from uid to uid, and their messages in the order in which they came.

A message never gets a smaller uid than those before it, so a folder is read as far as its mark. Folders are read side by side:
what has waited while nobody looked comes out as it would have come, a question before its answer.
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
from connectors.sdk.i18n import say

WINDOW: Final = 50_000
"""How many uids are asked for at a time, whether they are there or not: their list must fit in one line (1 MB)."""
MOST: Final = 500
"""How many messages are fetched at a time: their uids must fit in one line that any server takes (8 kB, RFC 2683). From all
folders together about twice as many are held."""
FIRST: Final = 50
LEAST: Final = 2
"""Not fewer, if there are more: beside one that is read it is plain that the other cannot be."""
PATIENCE_SECONDS: Final = 600.0
"""How long it is tried anew to read messages of which the server reads none, though it says when they came. Then the first of
them is gone without: no more of them, since it may be for lack of something else."""
FAST_SECONDS: Final = 1.0
SLOW_SECONDS: Final = 5.0
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


class ReadMark(msgspec.Struct):
    """How far a folder was read."""

    validity: int = 0
    """The UIDVALIDITY that `uid` belongs to."""
    uid: int = 0
    """What has this uid, or a smaller one, was read."""


class Folder:
    """One folder from `mark` on, which it keeps up to date. Mail from before `since` is passed over."""

    def __init__(self, name: str, label: str, mark: ReadMark, since: date | None, *, sent: bool) -> None:
        self.name = name
        self.sent = sent
        self.trouble = ""
        """Why it is not read, in words for people, in which it is called `label`; empty if it is."""
        self._label = label
        self._mark = mark
        self._since = since
        self._unread = (0, 0.0)
        self.reset()

    def reset(self) -> None:
        """Forget what was not taken yet."""
        self._searched = self._last = self._mark.uid
        self._found: deque[int] = deque()
        self._ready: deque[FetchedMessage] = deque()

    def examine(self, session: ImapSession) -> None:
        """See what is new."""
        with self._trying(say("does not open the folder", "n'ouvre pas le dossier")):
            opened = session.examine(self.name)
            if opened.validity != self._mark.validity:
                self._mark.validity, self._mark.uid = opened.validity, 0
                self.reset()
            self._last = opened.next_uid - 1
            if not self.behind:
                self.trouble = ""

    @property
    def behind(self) -> bool:
        """Whether there may be more to take."""
        return bool(self._ready) or bool(self._found) or self._searched < self._last

    @property
    def next_at(self) -> datetime | None:
        """When the next message came; None if it is not known."""
        if not self._ready:
            return None
        return self._ready[0].received_at or _NO_TIME

    def fill(self, session: ImapSession, most: int) -> int:
        """Fetch the next messages, `most` or fewer, if there are none, and return how many; look for them at least."""
        if self._ready:
            return 0
        with self._trying(say("does not read all mail in the folder", "ne lit pas tout le courrier du dossier")):
            if not self._found:
                first, self._searched = self._searched + 1, min(self._searched + WINDOW, self._last)
                self._found.extend(session.search(self.name, first, self._searched, self._since))
            batch = [self._found.popleft() for _ in range(min(most, len(self._found)))]
            if batch:
                self._ready.extend(self._fetch(session, batch))
            self._settle()
            self.trouble = ""
            return len(batch)
        return 0

    def take(self) -> FetchedMessage:
        """Return the next message."""
        fetched = self._ready.popleft()
        self._mark.uid = fetched.uid
        self._settle()
        return fetched

    def _fetch(self, session: ImapSession, uids: Sequence[int]) -> list[FetchedMessage]:
        found = session.fetch(self.name, uids)
        if not found or any(one.headers for one in found):
            return found
        if not self._is_given_up(found[0].uid):
            raise IMAPClientError("none of these messages can be read")  # for lack of something else, which may pass
        self._found.extendleft(one.uid for one in reversed(found[1:]))
        return found[:1]

    def _is_given_up(self, uid: int) -> bool:
        """Return whether a message could not be read for so long that it is gone without."""
        now = time.monotonic()
        if uid != self._unread[0]:
            self._unread = (uid, now)
        return now - self._unread[1] >= PATIENCE_SECONDS

    @contextmanager
    def _trying(self, what: str) -> Iterator[None]:
        """Take note of it if the server refuses; it is tried anew after the next look, and others are read meanwhile."""
        try:
            yield
        except IMAPClientAbortError:
            raise
        except IMAPClientError:
            self.reset()
            self.trouble = say(f"the server {what} {self._label}", f"le serveur {what} {self._label}")

    def _settle(self) -> None:
        if not self._ready and not self._found:
            self._mark.uid = max(self._mark.uid, self._searched)


class FolderMessage(NamedTuple):
    """A message, and where it was."""

    folder: Folder
    fetched: FetchedMessage


class AdaptiveBatchSize:
    """How many messages are fetched at a time: as many as the server gives in good time."""

    def __init__(self) -> None:
        self.size = FIRST

    def fill(self, folder: Folder, session: ImapSession, share: int) -> None:
        """Let `folder` fetch what is next, one of `share` that do."""
        began_at, count = time.monotonic(), 0
        try:
            count = folder.fill(session, max(LEAST, min(self.size, 2 * MOST // share)))
        finally:  # or they were not given at all
            took = time.monotonic() - began_at
            if took > SLOW_SECONDS:
                self.size = max(LEAST, self.size // 2)
            elif count >= self.size and took < FAST_SECONDS:
                self.size = min(2 * self.size, MOST)


def merge(
    folders: Sequence[Folder], session: ImapSession, batch: AdaptiveBatchSize, deadline: float
) -> list[FolderMessage]:
    """Return the next messages of all folders, in the order in which they came; of one second, those of earlier folders first.

    It ends where one of them has to fetch more, or at `deadline` of the monotonic clock; with none, it is to be called again
    while any folder is behind.
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
        _, first = min(times, key=lambda one: one[0] or _NO_TIME)
        taken.append(FolderMessage(first, first.take()))
    return taken
