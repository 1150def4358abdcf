"""Reader of one mailbox: keeps the connection, polls all folders, and watches the first one with IDLE in between."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from connectors.imap.config import ImapConfig
from connectors.imap.folders import Folder, FolderMessage, ReadMark, merge
from connectors.imap.session import FAILURES, ImapSession, explain, is_misconfigured, is_refused
from connectors.sdk.errors import SourceMisconfiguredError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.mail.headers import FIELDS
from connectors.sdk.pull import Backoff, Interval

BUSY_SECONDS: Final = 10.0
"""Default of `busy_seconds`; also the longest time for which one `ImapSource.read` skips published messages, in seconds."""
REFUSED_SECONDS: Final = 60.0
"""Shortest pause after a refused login, in seconds; some servers lock an account after frequent attempts."""


class MailboxReader:
    """Read the mailbox of `config` from the positions in `marks` on, and update them in place.

    The keys of `marks` are hashed folder names; `hide` returns the hash of a name. A new folder gets an entry. One call searches
    for messages for about `busy_seconds` at most. `fields` are the groups of headers to fetch.
    """

    def __init__(
        self,
        config: ImapConfig,
        marks: dict[str, ReadMark],
        hide: Callable[[str], str],
        busy_seconds: float = BUSY_SECONDS,
        fields: Sequence[Sequence[str]] = FIELDS,
    ) -> None:
        self._fields = fields
        self._busy_seconds = busy_seconds
        self._config = config
        self._marks = marks
        self._hide = hide
        self._session: ImapSession | None = None
        self._folders: list[Folder] = []
        self._pending: list[Folder] = []
        """Folders not yet examined in this poll; the last one is examined next."""
        self._sent: dict[str, str] | None = None
        """Folder of sent mail → its label; None until the first poll of a connection."""
        self._interval = Interval(config.poll_seconds)
        self._backoff = Backoff()

    def read(self, wait_seconds: float) -> list[FolderMessage]:
        """Return the next messages of all folders, in order of receipt.

        Empty after `wait_seconds` without any, or after `busy_seconds` of searching. Raises `SourceUnavailableError` after a
        failure, in the pause that follows, or if there are no messages and one folder cannot be read. A refused login raises
        `SourceRefusedError`, and a wrong setting `SourceMisconfiguredError`.
        """
        if self._backoff.is_paused:
            raise SourceUnavailableError(self._backoff.trouble)
        deadline = time.monotonic() + self._busy_seconds
        try:
            session = self._session = self._session or ImapSession(self._config, self._fields)
            taken = self._read(session, wait_seconds, deadline)
        except SourceUnavailableError as error:  # no token
            self.close()
            self._backoff.record_failure(str(error), REFUSED_SECONDS if isinstance(error, SourceRefusedError) else 0.0)
            raise
        except FAILURES as error:
            self.close()
            refused = is_refused(error)
            self._backoff.record_failure(explain(error, self._config), REFUSED_SECONDS if refused else 0.0)
            kind = SourceMisconfiguredError if is_misconfigured(error) else SourceUnavailableError
            raise (SourceRefusedError if refused else kind)(self._backoff.trouble) from None
        self._backoff.record_success()
        if not taken and self.trouble:
            raise SourceUnavailableError(self.trouble)  # one folder cannot be read; the others were read
        return taken

    def close(self) -> None:
        """Close the connection and drop the messages that `read` has not returned. The next `read` connects and polls again."""
        if self._session:
            self._session.close()
        self._session = self._sent = None
        self._pending = []
        self._interval = Interval(self._config.poll_seconds)  # makes the next poll due immediately
        for folder in self._folders:
            folder.reset()

    @property
    def trouble(self) -> str:
        """Message for the operator on the first folder that cannot be read; empty if all can be read."""
        return next((folder.trouble for folder in self._folders if folder.trouble), "")

    @property
    def _behind(self) -> bool:
        return any(folder.behind for folder in self._folders)

    def _read(self, session: ImapSession, wait_seconds: float, deadline: float) -> list[FolderMessage]:
        if time.monotonic() > deadline:  # connecting may take long
            return []
        if self._pending or not self._behind:
            if not (self._pending or self._interval.due or self._watch(session, wait_seconds)):
                return []
            self._poll(session, deadline)
        while not self._pending and self._behind and time.monotonic() < deadline:
            if taken := merge(self._folders, session, deadline):
                return taken
        return []

    def _watch(self, session: ImapSession, wait_seconds: float) -> bool:
        """Wait up to `wait_seconds` for new mail in the first folder, and return whether it may have some.

        Without IDLE, or if the folder cannot be read, only sleep and return False.
        """
        first = next(iter(self._folders), None)
        if first is None or first.trouble or not session.can_idle:
            time.sleep(wait_seconds)
            return False
        if not session.idling:
            first.examine(session)  # IDLE does not report the mail received since the poll
        return first.behind or session.wait(wait_seconds)

    def _poll(self, session: ImapSession, deadline: float) -> None:
        """Examine all folders, the first one last.

        A question received during the poll is then seen together with its answer, and the first folder stays open for IDLE.
        The poll stops at `deadline`, after at least one folder, and the next call continues it.
        """
        if not self._pending:
            self._list_folders(session)
        while self._pending:
            self._pending.pop().examine(session)
            if time.monotonic() > deadline:
                break
        if not self._pending:
            self._interval.restart()

    def _list_folders(self, session: ImapSession) -> None:
        if self._sent is None:
            self._sent = {name: name for name in self._config.sent or filter(None, [session.find_sent()])}
        # A folder matched by a pattern is labelled by the pattern: its name may be a citizen's.
        labels: dict[str, str] = {}
        for label in self._config.folders:
            names = session.names(label) if "*" in label or "%" in label else [label]
            labels |= {name: label for name in names if name not in labels and name not in self._sent}
        known = {folder.name: folder for folder in self._folders}
        self._folders = [
            known.get(name) or self._open_folder(name, label) for name, label in (labels | self._sent).items()
        ]
        self._pending = [*self._folders]

    def _open_folder(self, name: str, label: str) -> Folder:
        mark = self._marks.setdefault(self._hide(name), ReadMark())
        return Folder(name, label, mark, self._config.start, sent=name in (self._sent or ()))
