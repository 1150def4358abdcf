"""What can go wrong in a connector, by what helps."""

import errno
import traceback
from typing import Final

from connectors.sdk.i18n import say


class ConnectorError(Exception):
    """The text is for people: it names files, options and servers, and no record's values. It is logged and shown."""

    retry_after_seconds = 0.0
    """How long whoever was asked wants to be left alone from now on; 0 if that was not said."""


class ConfigError(ConnectorError):
    """A configuration cannot be used; each line of the text names a key and says what is wrong. Fix it and start again."""


class KeyFileError(ConnectorError):
    """A key file cannot be used; the text names it and says what to do."""


class CursorDamagedError(ConnectorError):
    """No saved position can be read, though there is one; the text says what to do."""


class InstanceInUseError(ConnectorError):
    """Another process runs the same instance."""


class StuckError(ConnectorError):
    """An instance has not moved for so long that only a new process can help."""


class SpoolFullError(ConnectorError):
    """The spool, or the disk it is on, has no room for these records: none of them was taken."""


class SourceUnavailableError(ConnectorError):
    """The source cannot be read now: its file is not there, its server does not answer. It is tried again."""

    def __init__(self, words: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(words)
        self.retry_after_seconds = retry_after_seconds


class SourceRefusedError(SourceUnavailableError):
    """The source was reached, and refuses who asks, or what is asked: a secret, a right or an option is to be mended.

    It is tried again all the same, since that may be mended there.
    """


class SourceMisconfiguredError(SourceUnavailableError):
    """What an option names on this machine cannot be used: it is not there, is something else, or is not for this user.

    The option, or a right, is to be mended. It is tried again all the same: a log may come later, a directory be mounted.
    """


_FILES: Final = {
    errno.ENOENT: ("is not there: is the path right?", "n'existe pas : le chemin est-il juste ?"),
    errno.ENOTDIR: ("is not there: is the path right?", "n'existe pas : le chemin est-il juste ?"),
    errno.EACCES: (
        "may not be read by this user: give it the right, or its group",
        "ne peut pas être lu par cet utilisateur : lui en donner le droit, ou le groupe",
    ),
    errno.EISDIR: ("is a directory, not a file", "est un dossier, pas un fichier"),
    errno.ENOSPC: ("has no room left: the disk is full", "n'a plus de place : le disque est plein"),
}


def describe_os_error(error: OSError, path: object) -> str:
    """Return what is wrong with the file or directory at `path`."""
    known = _FILES.get(error.errno or 0)
    return f"{path} {say(*known)}" if known else f"{path}: {error.strerror or type(error).__name__}"


def source_error(error: OSError, path: object) -> SourceUnavailableError:
    """Return what to raise if the file or directory at `path`, which an option names, cannot be read: by the error's type."""
    kind = SourceMisconfiguredError if isinstance(error, _TO_BE_MENDED) else SourceUnavailableError
    return kind(describe_os_error(error, path))


_TO_BE_MENDED: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


def safe_error_text(error: Exception) -> str:
    """Return what may be said of `error`: its text only if it surely holds no record's values."""
    if isinstance(error, ConnectorError):
        return str(error)
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, OSError) else f"{name} at {_place(error)}"


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
