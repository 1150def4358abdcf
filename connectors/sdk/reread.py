"""Read a source again from its beginning.

The instance's position is moved aside. From then on the publisher marks each older event with the header `topics.REREAD`. Workers
refuse a marked event if its contact was counted and dropped; events of contacts that they still know count once by their id.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace as changed
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from connectors.sdk.contract import Context, Outcome, Reject
from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import ConnectorError, SourceUnavailableError, safe_error_text
from connectors.sdk.files import make_private_directory, replace, sync_directory
from connectors.sdk.instance import Instance
from connectors.sdk.probe import NOT_COPIED, read_first
from models.timestamps import milliseconds

MARK: Final = "reread.json"
"""In the instance's directory: when the source was last begun anew."""
ASIDE: Final = "before-reread"
"""In the instance's directory: the position that was last moved aside."""
_SIBLINGS: Final = ("", "-wal", "-shm")
"""Endings of the files of one SQLite database."""


class FirstRecords(NamedTuple):
    """The first records of a source."""

    records: int
    first_at: int | None
    """Time of the earliest event among them, milliseconds since 1970; None if none of them is an event."""


def last_reread_ms(home: Path) -> int:
    """Return when the source of the instance in `home` was last begun anew, milliseconds since 1970; 0 if it never was."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads((home / MARK).read_bytes())["at"])
    return 0


def mark(home: Path) -> None:
    """Record that the source of the instance in `home` is begun anew now."""
    replace(home / MARK, json.dumps({"at": int(time.time() * 1000)}).encode())


def find_position_files(instance: Instance, context: Context) -> list[Path]:
    """Return the files that hold how far the source was read; none if it cannot be read again, or was never read."""
    names = [name + ending for name in instance.connector.position_files(instance.config) for ending in _SIBLINGS]
    return [path for name in names if (path := context.directory / name).exists()]


def read_beginning(instance: Instance, context: Context) -> FirstRecords:
    """Read the first records of the source from its beginning, and change nothing. Raises `ConnectorError`."""
    try:
        with _begun_anew(instance, context) as own:
            outcomes = read_first(instance.connector, instance.config, own)
    except ConnectorError:
        raise
    except Exception as error:  # noqa: BLE001 - its own text may hold values of records
        raise SourceUnavailableError(safe_error_text(error)) from None
    return FirstRecords(len(outcomes), min(_times(outcomes), default=None))


def start_reread(instance: Instance, context: Context) -> Path:
    """Have the source read from its beginning at the next start; return where the position is kept.

    The caller holds the instance's lock. After a crash in its middle it can be called again.
    """
    home, aside = context.directory, context.directory / ASIDE
    mark(home)
    make_private_directory(aside)
    for path in find_position_files(instance, context):
        os.utime(path)  # retention counts from now on
        path.rename(aside / path.name)
    sync_directory(home)
    return aside


def _times(outcomes: Sequence[Outcome]) -> Iterator[int]:
    for outcome in outcomes:
        if not isinstance(outcome, Reject):
            yield from (milliseconds(event.time) for event in outcome)


@contextmanager
def _begun_anew(instance: Instance, context: Context) -> Iterator[Context]:
    """Yield a context with a copy of the instance's directory, without its position."""
    names = [path.name for path in find_position_files(instance, context)]
    with TemporaryDirectory() as name:
        directory = Path(name)
        copytree(
            context.directory, directory, ignore=ignore_patterns(*NOT_COPIED, ASIDE, MARK, *names), dirs_exist_ok=True
        )
        yield changed(context, directory=directory, cursor=Cursor(directory))
