"""Reading of a source again, from its beginning or from where its option `start` begins.

The instance's position is moved aside. The publisher then marks each older event with the header `topics.REREAD`. Workers reject
a marked event if its contact was counted and removed. For contacts that are still stored, known event ids count once.
"""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from connectors.sdk.contract import Context, Reject
from connectors.sdk.files import make_private_directory, replace, sync_directory
from connectors.sdk.instance import Instance
from connectors.sdk.probe import read_first, scratch
from connectors.sdk.record_store import ASIDE
from models.timestamps import milliseconds

MARK: Final = "reread.json"
"""File in the instance's directory with the time at which the last reread was requested."""
_SIBLINGS: Final = ("", "-wal", "-shm")
"""Suffixes of the files of one SQLite database."""


def last_reread_ms(home: Path) -> int:
    """Return the time of the last reread of the instance in `home`, in milliseconds since 1970; 0 if there is none."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads((home / MARK).read_bytes())["at"])
    return 0


def mark(home: Path) -> None:
    """Save the current time as the start of a reread of the instance in `home`."""
    replace(home / MARK, json.dumps({"at": int(time.time() * 1000)}).encode())


def find_position_files(instance: Instance, context: Context) -> list[Path]:
    """Return the existing files with the position of the source; none if it cannot be read again, or was never read."""
    names = [name + ending for name in instance.connector.position_files(instance.config) for ending in _SIBLINGS]
    return [path for name in names if (path := context.directory / name).exists()]


def find_first_event_ms(instance: Instance, context: Context) -> int | None:
    """Return the earliest event time of the first records, in milliseconds since 1970; None if they give no events.

    The source is read as on its first start. Changes nothing. Raises `ConnectorError` if the source cannot be read.
    """
    position = [path.name for path in find_position_files(instance, context)]
    with scratch(context, ASIDE, MARK, *position) as own:
        outcomes = read_first(instance.connector, instance.config, own)
    events = (event for outcome in outcomes if not isinstance(outcome, Reject) for event in outcome)
    return min((milliseconds(event.time) for event in events), default=None)


def start_reread(instance: Instance, context: Context) -> Path:
    """Make the next start read the source as on its first start; return the directory with the old position.

    The caller holds the instance's lock. After a crash within this function, call it again.
    """
    home, aside = context.directory, context.directory / ASIDE
    mark(home)
    make_private_directory(aside)
    for path in find_position_files(instance, context):
        os.utime(path)  # the retention period starts now
        path.rename(aside / path.name)
    sync_directory(home)
    return aside
