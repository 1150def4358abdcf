"""Position in a list that is polled, also in the middle of a poll. Pure.

While a poll reads several pages, records may move between them: a record that is inserted or deleted moves all later ones. One
poll may therefore miss a record. With `since`, the next polls request the same records again until one finds nothing older
that is new. Only then do later polls begin at a later time. From time to time a poll requests the whole list.
"""

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from connectors.http.pages import PageName

_EPOCH_UNITS: Final = {"epoch": 1, "epoch_ms": 1000}


class PollPosition(msgspec.Struct, frozen=True, array_like=True):
    """Position in a list. Times are in seconds since 1970."""

    since: float | None = None
    """Time up to which all records were read; None before the first complete poll."""
    newest: float | None = None
    """Newest time in the records of all earlier polls."""
    page: PageName | None = None
    """Next page of the poll in progress; None between two polls."""
    responses: int = 0
    """Number of responses that the poll in progress has read."""
    found: float | None = None
    """Newest time in the records of the poll in progress."""
    is_moving: bool = False
    """True if the poll in progress found a new record that is older than `newest`."""
    is_past_end: bool = False
    """True if the server has no page after `page`, which is read again to confirm this."""
    is_whole: bool = False
    """True if the poll in progress reads the whole list."""
    began_at: float = 0.0
    """Begin of the poll in progress."""
    whole_at: float = 0.0
    """Begin of the last complete poll of the whole list."""

    def begin(self, page: PageName, now: float, whole_seconds: float = 0.0) -> "PollPosition":
        """Return the position at the beginning of a poll, which reads the whole list every `whole_seconds`, if not 0."""
        is_whole = self.since is None or 0 < whole_seconds <= now - self.whole_at
        return PollPosition(self.since, self.newest, page, is_whole=is_whole, began_at=now, whole_at=self.whole_at)

    def after(
        self, page: PageName | None, times: Iterable[float | None], news: Iterable[bool], now: float
    ) -> "PollPosition":
        """Return the position after a response whose next page is `page`; None ends the poll.

        `times` and `news` contain the time of each record, if known, and whether it is new. Times after `now` count as `now`.
        """
        dated = [
            (min(at, now), is_new)
            for at, is_new in zip(times, news, strict=True)
            if at is not None and math.isfinite(at)
        ]
        position = msgspec.structs.replace(
            self,
            page=page,
            responses=self.responses + 1,
            found=_newest([self.found, *(at for at, _is_new in dated)]),
            is_moving=self.is_moving
            or (self.newest is not None and any(is_new and at <= self.newest for at, is_new in dated)),
            is_past_end=False,
        )
        return position if page is not None else position.end()

    def end(self) -> "PollPosition":
        """Return the position after the last page of a poll."""
        newest = _newest([self.newest, self.found])
        since = self.since if self.is_moving else self.newest
        if self.responses <= 1:  # one response shows the list at one time
            since = newest
        return PollPosition(since, newest, whole_at=self.began_at if self.is_whole else self.whole_at)


def _newest(times: Iterable[float | None]) -> float | None:
    return max((at for at in times if at is not None), default=None)


def time_writer(time_format: str, zone: ZoneInfo | None) -> Callable[[float], str]:
    """Return a function that writes a time, in seconds since 1970, as `since.format` says, rounded down."""
    if unit := _EPOCH_UNITS.get(time_format):
        return lambda at: str(math.floor(at) * unit)
    if time_format != "iso":
        return lambda at: datetime.fromtimestamp(math.floor(at), zone or UTC).strftime(time_format)
    if zone is None:
        return lambda at: f"{datetime.fromtimestamp(math.floor(at), UTC):%Y-%m-%dT%H:%M:%SZ}"
    return lambda at: f"{datetime.fromtimestamp(math.floor(at), zone):%Y-%m-%dT%H:%M:%S}"
