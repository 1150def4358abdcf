"""Errors of connectors, classified by the action that resolves them."""

import errno
import traceback
from typing import Final

from models.locale import N_, _


class ConnectorError(Exception):
    """Base class. The text is logged and shown to the operator: it names files, options and servers, but no record's values."""

    retry_after_seconds = 0.0
    """Time in seconds that the server asked to wait before the next request; 0 if it did not."""


class ConfigError(ConnectorError):
    """The configuration is invalid. Each line of the text describes one error; errors of options begin with the key."""


class KeyFileError(ConnectorError):
    """A key file cannot be used; the text names the file and says what to do."""


class CursorDamagedError(ConnectorError):
    """A saved position, or state saved with it, is damaged, missing or of another version; the text says what to do."""


class StorageError(ConnectorError):
    """A SQLite file of Accueil is damaged, missing, locked or on a full disk; the text names the file."""


class InstanceInUseError(ConnectorError):
    """The lock of an instance, an archive or another directory is held: it is in use by another process or instance."""


class StuckError(ConnectorError):
    """An instance has stopped making progress, and only a restart of the process can help."""


class SpoolFullError(ConnectorError):
    """The spool, or its disk, has no room for these records: none of them was stored."""


class SourceUnavailableError(ConnectorError):
    """The source cannot be read now: the file is missing, or the server does not respond. The SDK tries again."""

    def __init__(self, words: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(words)
        self.retry_after_seconds = retry_after_seconds


class SourceRefusedError(SourceUnavailableError):
    """The source was reached and refuses access or the request: correct a secret, a permission or an option.

    The SDK tries again, since the cause may be corrected on the source's side.
    """


class SourceMisconfiguredError(SourceUnavailableError):
    """The file, folder or port of an option cannot be used: it is missing, in use or of the wrong type, or access is denied.

    Correct the option or the permission. The SDK tries again, since a log may appear later or a directory may be mounted.
    """


_FILES: Final = {
    errno.ENOENT: N_("is not there: is the path right?"),
    errno.ENOTDIR: N_("is not there: is the path right?"),
    errno.EACCES: N_("may not be read by this user: grant the permission, or add the user to its group"),
    errno.EISDIR: N_("is a directory, not a file"),
    errno.ENOSPC: N_("has no room left: the disk is full"),
}


def describe_os_error(error: OSError, path: object) -> str:
    """Return one line, without a full stop: `path` (a file, a directory or an address) and a description of `error`."""
    known = _FILES.get(error.errno or 0)
    return f"{path} {_(known)}" if known else f"{path}: {error.strerror or type(error).__name__}"


def source_error(error: OSError, path: object) -> SourceUnavailableError:
    """Return the error to raise if the path of an option cannot be read: misconfigured if missing, denied or of a wrong type."""
    kind = SourceMisconfiguredError if isinstance(error, _CONFIGURATION_ERRORS) else SourceUnavailableError
    return kind(describe_os_error(error, path))


_CONFIGURATION_ERRORS: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


def safe_error_text(error: Exception) -> str:
    """Return a text for `error` that contains no record's values.

    It is the text of a `ConnectorError`, the class and text of an `OSError`, and otherwise the class, with file and line.
    """
    if isinstance(error, ConnectorError):
        return str(error)
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, OSError) else f"{name} at {_location(error)}"


def _location(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
