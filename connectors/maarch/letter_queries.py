"""Which letters are asked for, in which order, and how to go on after one.

`Changes` begins each turn shortly before the newest change known (the overlap), and pages by time of change and number: of
letters that changed in the same instant none is missed. `Open` goes through all open letters by number, and finds what left
no date.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from connectors.maarch.api import CHANGED_AT
from connectors.maarch.config import MaarchConfig
from connectors.maarch.letter_facts import Letter
from connectors.maarch.local_time import begin_before, to_local, write_local
from connectors.maarch.statuses import FOLLOWED_UP, closed_statuses

BEGINNING: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - local, as Maarch's times


class ReadMark(msgspec.Struct):
    """How far the changes were read."""

    since: datetime | None = None
    """The newest change read, local, with all before it."""


class LetterQuery(ABC):
    """A list of letters, in SQL as Maarch takes it."""

    order: Sequence[str]

    def __init__(self, config: MaarchConfig) -> None:
        self._zone = ZoneInfo(config.timezone)
        self._start = datetime.combine(config.start, datetime.min.time()) if config.start else BEGINNING
        categories = "'incoming', 'outgoing'" if config.postage else "'incoming'"
        self._filters = [f"category_id in ({categories})"]
        if config.models:
            self._filters.append(f"model_id in ({', '.join(map(str, config.models))})")

    def clause(self, last: Letter | None) -> str:
        """Return which letters come after `last`; from the beginning of a turn on if there is none."""
        return " and ".join((*self._filters, self._after(last) if last else self._first()))

    @abstractmethod
    def is_after(self, letter: Letter, last: Letter) -> bool:
        """Return whether `letter` comes after `last`."""

    @abstractmethod
    def advance_to(self, letter: Letter) -> None:
        """Take note that all up to `letter` was told."""

    @abstractmethod
    def _first(self) -> str: ...

    @abstractmethod
    def _after(self, last: Letter) -> str: ...


class ChangedLetters(LetterQuery):
    """The letters that changed since `mark`, which is kept up to date."""

    order = (CHANGED_AT, "res_id")

    def __init__(self, config: MaarchConfig, mark: ReadMark) -> None:
        super().__init__(config)
        self._mark = mark
        self._overlap = timedelta(seconds=config.overlap_seconds)

    def is_after(self, letter: Letter, last: Letter) -> bool:
        """Return whether it changed later, or at the same time with a higher number."""
        return (letter.changed_at, letter.res_id) > (last.changed_at, last.res_id)

    def advance_to(self, letter: Letter) -> None:
        """Take note that all changes up to that of `letter` were told."""
        now = to_local(datetime.now(UTC), self._zone)
        changed_at = max(min(letter.changed_at, now), BEGINNING)  # a date far ahead must not hide what comes
        self._mark.since = max(self._mark.since or changed_at, changed_at)

    def _first(self) -> str:
        since = self._mark.since
        begin = begin_before(since, self._overlap, self._zone) if since else self._start
        return f"{CHANGED_AT} >= '{write_local(begin)}'"

    def _after(self, last: Letter) -> str:
        return f"({CHANGED_AT}, res_id) > ('{write_local(last.changed_at)}', {last.res_id})"


class OpenLetters(LetterQuery):
    """All letters that have an open status or no closing date, or are followed up: an earlier version took those for open."""

    order = ("res_id",)

    def __init__(self, config: MaarchConfig) -> None:
        super().__init__(config)
        closed = ", ".join(f"'{status}'" for status in closed_statuses(config.statuses))
        self._filters += [
            f"(closing_date is null or status is null or status not in ({closed}) or status = '{FOLLOWED_UP}')",
            f"{CHANGED_AT} >= '{write_local(self._start)}'",
        ]

    def is_after(self, letter: Letter, last: Letter) -> bool:
        """Return whether its number is higher."""
        return letter.res_id > last.res_id

    def advance_to(self, letter: Letter) -> None:
        """Do nothing: each turn begins with the first one."""

    def _first(self) -> str:
        return "res_id > 0"

    def _after(self, last: Letter) -> str:
        return f"res_id > {last.res_id}"
