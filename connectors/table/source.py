"""Source of the rows in a set of files.

A file is read in place, up to its end, and on when it grows. After any other change it is read from its beginning: rows that were
read before are known and are skipped.
"""

import glob
import os
import stat
import time
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec
import structlog

from connectors.sdk.attempts import REFUSED
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.errors import ConfigError, SourceMisconfiguredError, describe_os_error, source_error
from connectors.sdk.probe import WAIT_SECONDS, read_available, scratch
from connectors.sdk.record_source import Page, PlacedRecord, RecordSource
from connectors.table.columns import check_columns, list_columns, named_columns
from connectors.table.config import COMPRESSED, TableConfig
from connectors.table.spreadsheet_rows import SUFFIXES, SpreadsheetRows, list_sheets
from connectors.table.text_rows import START, TextPosition, TextRows, checksum_of
from models.locale import _

PAGE_ROWS: Final = 4000
LIST_SECONDS: Final = 1.0
"""Interval between two listings of the files, if a listing takes at most `LIST_SHARE` of it; otherwise longer."""
LIST_SHARE: Final = 0.05
"""Share of the time that listings take at most: those of tens of thousands of files, or of a slow share, take long."""
LONGEST_INTERVAL: Final = 60.0
"""Longest interval between two listings, in multiples of `LIST_SECONDS`."""
ALWAYS_CHECKED_BYTES: Final = 64 << 20
"""Size of a grown file up to which each reading checks that the rows read before are unchanged."""
CHECK_SECONDS: Final = 60.0
"""Time between two such checks of a longer file."""
FORGET_SECONDS: Final = 7 * 86_400.0
"""A position is forgotten if its file is missing for this time. A file that returns later is read again, and its outdated rows
replace their corrections in newer files."""
LOCK_PREFIX: Final = "~$"
"""First characters of the file that Excel writes beside an open workbook."""
SAMPLE_ROWS: Final = 10_000
"""Rows that a trial of a mapping reads from a file."""

log = structlog.get_logger(__name__)


def read_sample(config: TableConfig, path: Path) -> Sequence[PlacedRecord]:
    """Return the first rows of a file, at most `SAMPLE_ROWS`. Raises `ConfigError`."""
    try:
        if path.suffix.lower() in SUFFIXES:
            sheet = SpreadsheetRows(path, config)
            check_columns(named_columns(config), sheet.columns)
            return sheet.read(SAMPLE_ROWS)
        with path.open("rb") as file:
            rows = TextRows(file, config, START)
            check_columns(named_columns(config), rows.columns)
            return rows.read(SAMPLE_ROWS, is_settled=True)
    except OSError as error:
        raise ConfigError(describe_os_error(error, path)) from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}{list_columns(error)}") from None


def list_sample_sheets(path: Path) -> Sequence[str]:
    """Return the names of the sheets of a spreadsheet; none for another file. Raises `ConfigError`."""
    try:
        return list_sheets(path) if path.suffix.lower() in SUFFIXES else ()
    except OSError as error:
        raise ConfigError(describe_os_error(error, path)) from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def probe(config: TableConfig, context: Context) -> Sequence[Outcome]:
    """Map the first rows, and report if there is no file to read.

    Raises `SourceUnavailableError`, also if there are files and none can be used; its text then lists the columns found.
    """
    with scratch(context) as own, closing(TableSource(config, own)) as source:
        outcomes = read_available(source, WAIT_SECONDS)
        if not outcomes and (troubles := source.find_only_troubles()):
            raise SourceMisconfiguredError(troubles)
        if not source.has_files:
            outcomes.trouble = _(
                "no file matches {files}, or all are empty: are upper and lower case right?", files=config.files
            )
        return outcomes


class FilePosition(msgspec.Struct, array_like=True, frozen=True):
    """Position in one file, with the size and time of modification up to which it is read."""

    size: int
    modified_ns: int
    text: TextPosition = START
    is_settled: bool = False
    """True if also an incomplete last row was read."""
    gone_at: float = 0.0
    """Time of the first listing without the file, in seconds since 1970; 0 if it was in the last one."""


class _Trouble(NamedTuple):
    """Why a file cannot be read, and its size and time of modification then; None if it is tried again at each listing."""

    problem: str
    status: tuple[int, int] | None
    columns: str = ""
    """Columns that were found instead of missing ones, for the operator. It is not logged."""


class _OpenFile(NamedTuple):
    name: str
    size: int
    modified_ns: int
    is_settled: bool
    rows: TextRows | SpreadsheetRows
    file: BinaryIO | None


class TableSource(RecordSource):
    """Reads the rows of the files of one instance, the oldest file first."""

    def __init__(self, config: TableConfig, context: Context) -> None:
        """Open the store. Raises `ConnectorError`, and the errors of `Context.pseudonym_key`."""
        super().__init__(config, context)
        self._open: _OpenFile | None = None
        self._config = config
        self._fields = named_columns(config)
        try:
            self._files = {
                name: msgspec.msgpack.decode(saved, type=FilePosition) for name, saved in self.positions.items()
            }
        except (msgspec.DecodeError, TypeError):
            self.close()
            raise self.damaged() from None
        self._troubles: dict[str, _Trouble] = {}
        self._list_at = float("-inf")
        """When the next listing is due."""
        self._changed: deque[Path] = deque()
        """New and changed files of the last listing, the oldest first."""
        self._checked: dict[str, tuple[int, float]] = {}
        """Inode and time of the last check of a file that has grown."""
        self._seen: dict[str, tuple[int, int, float]] = {}
        """Size and time of modification of a file from the future, and the time at which the source first saw them."""
        self._unsaved: set[str] = set()
        """Files that have gone, returned or been forgotten since their position was saved."""
        self._unreadable: dict[str, OSError] = {}
        """Files of the last listing that cannot be opened."""
        self._count = 0
        """Number of files of the last listing that are not empty, or without access."""

    @property
    def has_files(self) -> bool:
        """True if the last listing has found a file that is not empty, or one without access."""
        return self._count > 0

    @property
    def trouble(self) -> str:
        """The files that cannot be read, with the reason; empty if there is none."""
        return "; ".join(f"{name}: {trouble.problem}" for name, trouble in self._troubles.items())

    def find_only_troubles(self) -> str:
        """Return why no file of the last listing can be read, with the columns found; empty if one can, or there is none."""
        if len(self._troubles) < self._count:
            return ""
        return "; ".join(f"{name}: {trouble.problem}{trouble.columns}" for name, trouble in self._troubles.items())

    @property
    def unread_bytes(self) -> int:
        """Size of the files, or parts of files, that were not read yet, without those that cannot be read. Raises OSError."""
        unread = 0
        for path, size, modified_ns in self._list_files():
            known = self._files.get(str(path), FilePosition(-1, 0))
            if (known.size, known.modified_ns) != (size, modified_ns) and str(path) not in self._troubles:
                unread += max(0, size - known.text.offset)
        return unread

    def read_page(self) -> Page:
        """Return the next rows of the open file, or of the next file with new rows. Raises `SourceUnavailableError`."""
        if self._open is None:
            self._open_next()
        if self._open is None:
            return Page(positions=self._encode_unsaved())
        return self._read_open_file(self._open)

    def close(self) -> None:
        """Close the store and the open file."""
        self._close_file()
        super().close()

    def _read_open_file(self, opened: _OpenFile) -> Page:
        before = _text_position(opened.rows)
        try:
            records = self._read_rows(opened.rows, is_settled=opened.is_settled)
            is_valid = _is_still_valid(opened, before, is_at_end=len(records) < PAGE_ROWS)
        except OSError as error:
            self._close_file()
            raise source_error(error, opened.name) from None
        if not is_valid:
            self._close_file()
            return Page()
        if len(records) < PAGE_ROWS:
            position = FilePosition(opened.size, opened.modified_ns, _text_position(opened.rows), opened.is_settled)
            self._close_file()
        else:  # of a spreadsheet that is not finished no position is saved
            position = FilePosition(-1, 0, _text_position(opened.rows))
        self._files[opened.name] = position
        return Page(records, {opened.name: msgspec.msgpack.encode(position)}, Path(opened.name).name)

    def _read_rows(self, rows: TextRows | SpreadsheetRows, *, is_settled: bool) -> list[PlacedRecord]:
        if isinstance(rows, TextRows):
            return rows.read(PAGE_ROWS, is_settled=is_settled)
        return rows.read(PAGE_ROWS)

    def _open_next(self) -> None:
        """Open the oldest file that has changed since it was read; none if no file has, or before the next listing is due."""
        if not self._changed and time.monotonic() >= self._list_at:
            self._find_changed()
        while self._changed and self._open is None:
            self._try_to_open(self._changed.popleft())

    def _find_changed(self) -> None:
        """List the files, and note new and changed files. Raises `SourceUnavailableError`."""
        began_at = time.monotonic()
        try:
            files = self._list_files()
        except OSError as error:
            raise source_error(error, self._config.directory) from None
        names = {*self._unreadable, *(str(path) for path, *_ in files)}
        self._count = len(names)
        self._troubles = {name: trouble for name, trouble in self._troubles.items() if name in names}
        for name, refused in self._unreadable.items():
            self._report(name, _Trouble(describe_os_error(refused, name), None))
        if files:  # otherwise a network share may be away
            self._note_gone(names)
        self._changed.extend(path for path, size, modified_ns in files if self._is_to_read(path, size, modified_ns))
        now = time.monotonic()
        self._list_at = now + LIST_SECONDS * min(max(1.0, (now - began_at) / LIST_SHARE), LONGEST_INTERVAL)

    def _note_gone(self, names: Collection[str]) -> None:
        """Note which files are missing in the listed `names`, and forget files that are missing for `FORGET_SECONDS`."""
        now = time.time()
        for name, position in list(self._files.items()):
            is_gone = name not in names
            if is_gone is not bool(position.gone_at):
                self._files[name] = msgspec.structs.replace(position, gone_at=now if is_gone else 0.0)
            elif is_gone and now - position.gone_at >= FORGET_SECONDS:
                del self._files[name]
                self._checked.pop(name, None)
            else:
                continue
            self._unsaved.add(name)

    def _encode_unsaved(self) -> dict[str, bytes | None]:
        """Return the positions that `_note_gone` has changed, for the store; None for a forgotten one."""
        names, self._unsaved = self._unsaved, set()
        return {name: msgspec.msgpack.encode(at) if (at := self._files.get(name)) else None for name in names}

    def _is_to_read(self, path: Path, size: int, modified_ns: int) -> bool:
        """Return whether a file has changed since it was read, or since it could not be read, and may be read now."""
        name = str(path)
        known, is_settled = self._files.get(name), self._is_settled(name, size, modified_ns)
        if known and (known.size, known.modified_ns) == (size, modified_ns) and (known.is_settled or not is_settled):
            self._troubles.pop(name, None)
            return False
        trouble = self._troubles.get(name)
        if trouble and trouble.status == (size, modified_ns):
            return False
        return is_settled or path.suffix.lower() not in SUFFIXES

    def _try_to_open(self, path: Path) -> None:
        """Open a file unless it is gone, or was changed since it was listed and may not be read now."""
        try:
            status = path.stat()
        except OSError:
            return  # if it is still there, the next listing reports it
        name, size, modified_ns = str(path), status.st_size, status.st_mtime_ns
        if not self._is_to_read(path, size, modified_ns):
            return
        is_settled = self._is_settled(name, size, modified_ns)
        try:
            self._open = self._open_file(path, size, modified_ns, self._files.get(name), is_settled=is_settled)
        except OSError as error:
            self._report(name, _Trouble(describe_os_error(error, name), None))
        except ValueError as error:
            self._report(name, _Trouble(str(error), (size, modified_ns), list_columns(error)))
        else:
            self._troubles.pop(name, None)

    def _list_files(self) -> list[tuple[Path, int, int]]:
        """Return the files that are not empty, the oldest first, with size and time of modification. Raises OSError."""
        with os.scandir(self._config.directory):
            pass  # `glob` finds nothing in a directory that may not be read
        found: list[tuple[Path, int, int]] = []
        self._unreadable.clear()
        for name in glob.glob(self._config.files):  # noqa: PTH207 - an absolute pattern
            path = Path(name)
            if path.name.startswith(LOCK_PREFIX) or path.suffix.lower() in COMPRESSED:
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # just removed or renamed
            except OSError as error:  # a directory that may not be entered, or a network share that is away
                self._unreadable[name] = error
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size:
                found.append((path, status.st_size, status.st_mtime_ns))
        return sorted(found, key=lambda file: (file[2], file[0]))

    def _is_settled(self, name: str, size: int, modified_ns: int) -> bool:
        """Return whether a file has not changed for `settle_seconds`.

        If its time is in the future, as on a file server whose clock is ahead, the time counts from when it was first seen so.
        """
        age_seconds = time.time() - modified_ns / 1e9
        if age_seconds >= 0:
            self._seen.pop(name, None)
            return age_seconds >= self._config.settle_seconds
        now = time.monotonic()
        seen_size, seen_ns, since = self._seen.get(name, (size, modified_ns, now))
        if (seen_size, seen_ns) != (size, modified_ns):
            since = now
        self._seen[name] = size, modified_ns, since
        return now - since >= self._config.settle_seconds

    def _open_file(
        self, path: Path, size: int, modified_ns: int, known: FilePosition | None, *, is_settled: bool
    ) -> _OpenFile:
        """Open a file at its position, or at its beginning if the rows read before have changed. Raises OSError, `ValueError`."""
        name = str(path)
        if path.suffix.lower() in SUFFIXES:
            if size > self._config.max_megabytes << 20:
                raise ValueError(_("it is larger than max_megabytes"))
            sheet = self._attempts.attempt(
                f"{path}|{size}|{modified_ns}".encode("utf-8", "surrogateescape"),
                lambda: SpreadsheetRows(path, self._config),
                _refuse_file,
            )
            check_columns(self._fields, sheet.columns)
            return _OpenFile(name, size, modified_ns, is_settled, sheet, None)
        position = known.text if known and self._is_unchanged(path, size, known.text) else START
        file = path.open("rb")
        try:
            rows = TextRows(file, self._config, position)
            check_columns(self._fields, rows.columns)
        except BaseException:
            file.close()
            raise
        if position is START:
            log.info("table_opened", file=name, detail=rows.form, count=len(rows.columns))
        return _OpenFile(name, size, modified_ns, is_settled, rows, file)

    def _is_unchanged(self, path: Path, size: int, position: TextPosition) -> bool:
        """Return whether the bytes read before are still the same. Raises OSError."""
        if size < position.offset:
            return False
        with path.open("rb") as file:
            inode, now = os.fstat(file.fileno()).st_ino, time.monotonic()
            checked_inode, checked_at = self._checked.get(str(path), (0, 0.0))
            if size > ALWAYS_CHECKED_BYTES and inode == checked_inode and now - checked_at < CHECK_SECONDS:
                return True
            self._checked[str(path)] = inode, now
            return checksum_of(file.fileno(), START, position.offset) == position.checksum

    def _report(self, name: str, trouble: _Trouble) -> None:
        if self._troubles.get(name) != trouble:
            log.warning("table_unusable", file=name, reason=trouble.problem)
        self._troubles[name] = trouble

    def _close_file(self) -> None:
        if self._open and self._open.file:
            self._open.file.close()
        self._open = None


def _refuse_file() -> SpreadsheetRows:
    raise ValueError(REFUSED)


def _is_still_valid(opened: _OpenFile, before: TextPosition, *, is_at_end: bool) -> bool:
    """Return whether the rows after `before` are in the file: it may have been rewritten while they were read."""
    if opened.file is None or not isinstance(opened.rows, TextRows) or opened.rows.is_copy:
        return True
    status = os.fstat(opened.file.fileno())
    if (status.st_size, status.st_mtime_ns) == (opened.size, opened.modified_ns):
        return True
    if is_at_end and opened.is_settled:  # an incomplete last row may have been read
        return False
    after = opened.rows.position
    return checksum_of(opened.file.fileno(), before, after.offset) == after.checksum


def _text_position(rows: TextRows | SpreadsheetRows) -> TextPosition:
    return rows.position if isinstance(rows, TextRows) else START
