"""The mailbox as a whole: connected as long as that works, its first folder watched, all of them looked at in turns."""

import time
from collections.abc import Callable
from typing import Final

from connectors.imap.config import ImapConfig
from connectors.imap.folders import AdaptiveBatchSize, Folder, FolderMessage, ReadMark, merge
from connectors.imap.session import FAILURES, ImapSession, explain, is_misconfigured, is_refused
from connectors.sdk.errors import SourceMisconfiguredError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.pull import Backoff, Interval

BUSY_SECONDS: Final = 10.0
"""How long messages are looked for, or gone through that were told before, in one call."""
REFUSED_SECONDS: Final = 60.0
"""The shortest pause after a wrong password: some servers lock out who tries it often."""


class MailboxReader:
    """Reads the mailbox that `config` says from `marks` on, which it keeps up to date, by what `hide` makes of folders' names."""

    def __init__(self, config: ImapConfig, marks: dict[str, ReadMark], hide: Callable[[str], str]) -> None:
        self._config = config
        self._marks = marks
        self._hide = hide
        self._session: ImapSession | None = None
        self._folders: list[Folder] = []
        self._unseen: list[Folder] = []
        """Those that are still to be looked at in this turn, from the last to the first."""
        self._sent: dict[str, str] | None = None
        """Folders for sent mail, and what they are called where people read; None if that is not known yet."""
        self._interval = Interval(config.poll_seconds)
        self._backoff = Backoff()
        self._batch = AdaptiveBatchSize()

    def read(self, wait_seconds: float) -> list[FolderMessage]:
        """Return the next messages; none after `wait_seconds` without any. Raises `SourceUnavailableError`."""
        if self._backoff.is_paused:
            raise SourceUnavailableError(self._backoff.trouble)
        deadline = time.monotonic() + BUSY_SECONDS
        try:
            session = self._session = self._session or ImapSession(self._config)
            with session.time_limit():
                taken = self._read(session, wait_seconds, deadline)
        except FAILURES as error:
            self.close()
            refused = is_refused(error)
            self._backoff.record_failure(explain(error, self._config), REFUSED_SECONDS if refused else 0.0)
            kind = SourceMisconfiguredError if is_misconfigured(error) else SourceUnavailableError
            raise (SourceRefusedError if refused else kind)(self._backoff.trouble) from None
        self._backoff.record_success()
        if not taken and self.trouble:
            raise SourceUnavailableError(self.trouble)  # of one folder; the others were read
        return taken

    def close(self) -> None:
        """Let go of the server, and forget what was not taken."""
        if self._session:
            self._session.close()
        self._session = self._sent = None
        self._unseen = []
        self._interval = Interval(self._config.poll_seconds)  # the next turn is due at once
        for folder in self._folders:
            folder.reset()

    @property
    def trouble(self) -> str:
        """What folder is not read, and why, in words for people; empty if all are."""
        return next((folder.trouble for folder in self._folders if folder.trouble), "")

    @property
    def is_done(self) -> bool:
        """Whether all folders were looked at, and all there was taken."""
        return not self._interval.due and not self._unseen and not self._behind

    @property
    def _behind(self) -> bool:
        return any(folder.behind for folder in self._folders)

    def _read(self, session: ImapSession, wait_seconds: float, deadline: float) -> list[FolderMessage]:
        if time.monotonic() > deadline:  # to connect took so long
            return []
        if self._unseen or not self._behind:
            if not (self._unseen or self._interval.due or self._watch(session, wait_seconds)):
                return []
            self._look(session, deadline)
        while not self._unseen and self._behind and time.monotonic() < deadline:
            if taken := merge(self._folders, session, self._batch, deadline):
                return taken
        return []

    def _watch(self, session: ImapSession, wait_seconds: float) -> bool:
        """Wait, and return whether there may be something new."""
        first = next(iter(self._folders), None)
        if first is None or first.trouble:
            time.sleep(wait_seconds)
            return False
        if session.opened != first.name:
            first.examine(session)
        return first.behind or session.wait(wait_seconds)

    def _look(self, session: ImapSession, deadline: float) -> None:
        """Look at all folders, the first one last: so a question is seen whose answer is, and it is open to be watched.

        It ends at `deadline`, after one folder at least, and goes on when called again.
        """
        if not self._unseen:
            self._list(session)
        while self._unseen:
            self._unseen.pop().examine(session)
            if time.monotonic() > deadline:
                break
        if not self._unseen:
            self._interval.restart()

    def _list(self, session: ImapSession) -> None:
        if self._sent is None:
            self._sent = {name: name for name in self._config.sent or filter(None, [session.find_sent()])}
        labels: dict[str, str] = {}  # what a pattern found is called by it: such names may be those of people
        for label in self._config.folders:
            names = session.names(label) if "*" in label or "%" in label else [label]
            labels |= {name: label for name in names if name not in labels and name not in self._sent}
        known = {folder.name: folder for folder in self._folders}
        self._folders = [known.get(name) or self._begin(name, label) for name, label in (labels | self._sent).items()]
        self._unseen = [*self._folders]

    def _begin(self, name: str, label: str) -> Folder:
        mark = self._marks.setdefault(self._hide(name), ReadMark())
        return Folder(name, label, mark, self._config.start, sent=name in (self._sent or ()))
