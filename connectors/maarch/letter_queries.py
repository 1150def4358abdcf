"""SQL queries for letters, with keyset pagination.

`ChangedLetters` starts each poll shortly before the newest known change (the overlap). It pages by time of change and number,
so that letters changed at the same instant are not missed. `OpenLetters` pages through all open letters by number, to find
changes that left no date.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from connectors.maarch.api import CHANGED_AT
from connectors.maarch.config import FOLLOWED_UP, MaarchConfig, closed_statuses
from connectors.maarch.letter_facts import Letter
from connectors.maarch.local_time import begin_before, to_local, write_local

BEGINNING: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - local like all times of Maarch
OVERLAP: Final = timedelta(minutes=5)
"""Period before the newest known change that each poll reads again, for changes that became visible late."""


class ReadMark(msgspec.Struct):
    """Read position in the changed letters."""

    since: datetime | None = None
    """Local time of the newest change read; None before the first."""


class LetterQuery(ABC):
    """Ordered query of letters, as SQL for Maarch's list route."""

    order: Sequence[str]

    def __init__(self, config: MaarchConfig) -> None:
        self._zone = ZoneInfo(config.timezone)
        self._start = datetime.combine(config.start, datetime.min.time()) if config.start else BEGINNING
        categories = "'incoming', 'outgoing'" if config.postage else "'incoming'"
        self._filters = [f"category_id in ({categories})"]
        if config.models:
            self._filters.append(f"model_id in ({', '.join(map(str, config.models))})")

    def clause(self, last: Letter | None) -> str:
        """Return the SQL condition for the letters after `last`, or for the start of a poll if `last` is None."""
        return " and ".join((*self._filters, self._after(last) if last else self._first()))

    @abstractmethod
    def key(self, letter: Letter) -> tuple[Any, ...]:
        """Return the sort key of a letter, by the columns of `order`."""

    def advance_to(self, letter: Letter) -> None:  # noqa: B027 - a query may start each poll with the first letter
        """Record that all letters up to `letter` were read; by default, nothing is recorded."""

    @abstractmethod
    def _first(self) -> str: ...

    @abstractmethod
    def _after(self, last: Letter) -> str: ...


class ChangedLetters(LetterQuery):
    """Letters changed since `mark`, which advances with the reading.

    Each poll begins earlier than the mark by the overlap; without a mark, at the configured start.
    """

    order = (CHANGED_AT, "res_id")

    def __init__(self, config: MaarchConfig, mark: ReadMark) -> None:
        super().__init__(config)
        self._mark = mark

    def key(self, letter: Letter) -> tuple[Any, ...]:
        """Return the time of change and the number of a letter."""
        return letter.changed_at, letter.res_id

    def advance_to(self, letter: Letter) -> None:
        """Advance the mark to the time of the last change of `letter`, but never back, or into the future."""
        now = to_local(datetime.now(UTC), self._zone)
        changed_at = max(min(letter.changed_at, now), BEGINNING)  # a date in the future must not hide later changes
        self._mark.since = max(self._mark.since or changed_at, changed_at)

    def _first(self) -> str:
        since = self._mark.since
        begin = begin_before(since, OVERLAP, self._zone) if since else self._start
        return f"{CHANGED_AT} >= '{write_local(begin)}'"

    def _after(self, last: Letter) -> str:
        return f"({CHANGED_AT}, res_id) > ('{write_local(last.changed_at)}', {last.res_id})"


class OpenLetters(LetterQuery):
    """Letters with an open, unknown or missing status, or without a closing date, changed since the configured start.

    The query includes followed-up letters, which earlier versions published as open.
    """

    order = ("res_id",)

    def __init__(self, config: MaarchConfig) -> None:
        super().__init__(config)
        closed = ", ".join(f"'{status}'" for status in closed_statuses(config.statuses))
        self._filters += [
            f"(closing_date is null or status is null or status not in ({closed}) or status = '{FOLLOWED_UP}')",
            f"{CHANGED_AT} >= '{write_local(self._start)}'",
        ]

    def key(self, letter: Letter) -> tuple[Any, ...]:
        """Return the number of a letter."""
        return (letter.res_id,)

    def _first(self) -> str:
        return "res_id > 0"

    def _after(self, last: Letter) -> str:
        return f"res_id > {last.res_id}"
