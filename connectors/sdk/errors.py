"""What can go wrong in a connector, by what helps."""

import traceback


class ConnectorError(Exception):
    """The text is for people: it names files, options and servers, and no record's values. It is logged and shown."""


class ConfigError(ConnectorError):
    """A configuration cannot be used; each line of the text names a key and says what is wrong. Fix it and start again."""


class KeyFileError(ConnectorError):
    """A key file cannot be used; the text names it and says what to do."""


class CursorDamagedError(ConnectorError):
    """No saved position can be read, though there is one; the text says what to do."""


class InstanceInUseError(ConnectorError):
    """Another process runs the same instance."""


class SpoolFullError(ConnectorError):
    """The spool, or the disk it is on, has no room for these records: none of them was taken."""


class SourceUnavailableError(ConnectorError):
    """The source cannot be read now: its file is not there, its server does not answer. It is tried again."""


def describe(error: Exception) -> str:
    """Return what may be said of `error`: its text only if it surely holds no record's values."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, ConnectorError | OSError) else f"{name} at {_place(error)}"


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
