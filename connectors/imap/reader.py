"""The mailbox as a whole: connected as long as that works, its first folder watched, all of them looked at in turns."""

import time
from collections.abc import Iterator
from typing import Final

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from connectors.imap.config import ImapConfig
from connectors.imap.folders import Batch, Folder, Mark, Taken, merge
from connectors.imap.session import FAILURES, Session, explain, is_refused
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.pull import Backoff, Interval
from connectors.sdk.words import say

BUSY_SECONDS: Final = 10.0
"""How long messages are looked for, or gone through that were told before, in one call."""
REFUSED_SECONDS: Final = 60.0
"""The shortest pause after a wrong password: some servers lock out who tries it often."""


class Reader:
    """Reads the mailbox that `config` says from `marks` on, which it keeps up to date, by the names of folders."""

    def __init__(self, config: ImapConfig, marks: dict[str, Mark]) -> None:
        self._config = config
        self._marks = marks
        self._session: Session | None = None
        self._folders: list[Folder] = []
        self._sent: tuple[str, ...] = ()
        self._interval = Interval(config.poll_seconds)
        self._backoff = Backoff()
        self._batch = Batch()

    def read(self, wait_seconds: float) -> list[Taken]:
        """Return the next messages; none after `wait_seconds` without any. Raises `SourceUnavailableError`."""
        if self._backoff.resting:
            raise SourceUnavailableError(self._backoff.trouble)
        try:
            taken = self._read(self._session or self._connect(), wait_seconds)
        except FAILURES as error:
            self.close()
            self._backoff.fail(explain(error, self._config), REFUSED_SECONDS if is_refused(error) else 0.0)
            raise SourceUnavailableError(self._backoff.trouble) from None
        self._backoff.succeed()
        if not taken and self.trouble:
            raise SourceUnavailableError(self.trouble)  # of one folder; the others were read
        return taken

    def close(self) -> None:
        """Let go of the server, and forget what was not taken."""
        if self._session:
            self._session.close()
        self._session = None
        self._folders = []

    @property
    def trouble(self) -> str:
        """What folder the server does not open, in words for people; empty if there is none."""
        closed = next((folder.name for folder in self._folders if folder.trouble), "")
        said = say(f"the server does not open the folder {closed}", f"le serveur n'ouvre pas le dossier {closed}")
        return said if closed else ""

    @property
    def _behind(self) -> bool:
        return any(folder.behind for folder in self._folders)

    def _connect(self) -> Session:
        self._session = session = Session(self._config)
        self._sent = self._config.sent or tuple(filter(None, [session.find_sent()]))
        self._look(session)
        return session

    def _read(self, session: Session, wait_seconds: float) -> list[Taken]:
        if not self._behind:
            if not self._interval.due and not self._watch(session, wait_seconds):
                return []
            self._look(session)
        deadline = time.monotonic() + BUSY_SECONDS
        while self._behind and time.monotonic() < deadline:
            if taken := merge(self._folders, session, self._batch, deadline):
                return taken
        return []

    def _watch(self, session: Session, wait_seconds: float) -> bool:
        """Wait, and return whether there may be something new."""
        first = next(iter(self._folders), None)
        if first is None or first.trouble:
            time.sleep(wait_seconds)
            return False
        if session.opened != first.name:
            first.look(session)
        return first.behind or session.wait(wait_seconds)

    def _look(self, session: Session) -> None:
        """Look at all folders, the first one last: so a question is seen whose answer is, and it is open to be watched."""
        known = {folder.name: folder for folder in self._folders}
        self._folders = [known.get(name) or self._begin(name) for name in self._names(session)]
        for folder in reversed(self._folders):
            try:
                folder.look(session)
            except IMAPClientAbortError:
                raise
            except IMAPClientError:
                folder.reset()
                folder.trouble = True
            else:
                folder.trouble = False
        self._interval.restart()

    def _names(self, session: Session) -> Iterator[str]:
        names = []
        for name in self._config.folders:
            names += session.names(name) if "*" in name or "%" in name else [name]
        yield from (name for name in dict.fromkeys(names) if name not in self._sent)
        yield from self._sent

    def _begin(self, name: str) -> Folder:
        mark = self._marks.setdefault(name, Mark())
        return Folder(name, mark, self._config.start, sent=name in self._sent)
