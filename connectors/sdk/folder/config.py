"""Options of a hot folder, and checks of its directories."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from connectors.sdk.config import ConnectorConfig
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.errors import ConfigError, SourceMisconfiguredError, source_error
from models.locale import _


class FolderConfig(ConnectorConfig):
    """Options of every hot folder."""

    inbox: Path
    """Directory where files are dropped. Subdirectories are ignored."""
    archive: Path
    """Destination: `work/`, `done/<date>/`, `rejected/<reason>/`. On the file system of the inbox, and outside it."""
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = 2.0
    """Time without a change of size and modification time before a file is read. 0 if complete files are renamed into place."""
    pair_seconds: Annotated[float, Field(ge=0, le=86400)] = 30.0
    """Longest wait for the counterpart of a file (scan, sidecar); the file is then processed alone."""
    max_megabytes: Annotated[int, Field(ge=1, le=256)] = 100
    """Larger files are rejected unread. Reading a file of this size must take less than about 20 seconds."""
    afterwards: Literal["keep", "delete"] = "keep"
    """Processed files are kept in `done/`, or deleted. Rejected files are always kept."""

    @field_validator("archive")
    @classmethod
    def _apart(cls, archive: Path, info: ValidationInfo) -> Path:
        inbox = info.data.get("inbox")
        if inbox and overlap(inbox, archive):
            raise ValueError(_("must be outside the inbox and not contain it"))
        return archive


def check_folders(config: FolderConfig, context: Context) -> None:
    """Check that the folders can work together now; symbolic links may have changed since the configuration was read.

    Raises `ConfigError`, and `SourceUnavailableError` if the inbox is missing or cannot be used.
    """
    if overlap(config.inbox, config.archive) or overlap(config.inbox, context.directory):
        raise ConfigError(
            _(
                "{inbox} overlaps the archive or the data directory: archived files would be read again",
                inbox=config.inbox,
            )
        )
    try:
        with os.scandir(config.inbox):
            device = config.inbox.stat().st_dev
    except OSError as error:
        raise source_error(error, config.inbox) from None
    if not os.access(config.inbox, os.W_OK | os.X_OK):
        raise SourceMisconfiguredError(_("no permission to move files out of {inbox}", inbox=config.inbox))
    nearest = next(path for path in (config.archive, *config.archive.absolute().parents) if path.exists())
    if nearest.stat().st_dev != device:
        raise ConfigError(
            _(
                "{archive} is on another file system than {inbox}: files can only be renamed within one",
                archive=config.archive,
                inbox=config.inbox,
            )
        )


def probe(config: FolderConfig, context: Context) -> Sequence[Outcome]:
    """Check that the folders can be used, and touch no file; for `Connector.probe`. Raises the errors of `check_folders`."""
    check_folders(config, context)
    return ()


def overlap(first: Path, second: Path) -> bool:
    """Return whether two directories are the same, or one contains the other, with symbolic links resolved."""
    first, second = first.resolve(), second.resolve()
    return first == second or first in second.parents or second in first.parents
