"""Decides when the rows of contacts and agents are deleted, and which events are then rejected as possibly counted before."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from models.ids import source_of
from models.topics import Channel
from streams.core.contacts import agent
from streams.core.contacts.agent import Agent
from streams.core.contacts.contact import Contact

LIVE_CHANNELS: Final = frozenset({Channel.CALL, Channel.VISIT})
"""Channels whose sources emit events in order of time."""
MAX_SOURCES_LENGTH: Final = 120_000
"""Maximum length of all source names in `DroppedRows`, with 20 characters added to each: about three thousand sources."""
OTHERS: Final = ""
"""Key in `DroppedRows` that all sources share beyond `MAX_SOURCES_LENGTH`."""
EARLIER: Final = "*"
"""Key in `DroppedRows` for rows of any source that an earlier release may have deleted."""
_NEVER: Final = -(1 << 62)


class RowRetention(NamedTuple):
    """Retention of the rows of closed contacts and of agents, in milliseconds; both times must pass.

    The rows are needed to recognise duplicates.
    """

    closed: int
    """Time after the last event: longer than the retention of the source topics, so that these can be replayed."""
    touched: int
    """Time after the last change, by the worker's clock: longer than a source takes to repeat events after a failure."""


def expires_at(row: Contact, keep: RowRetention) -> int | None:
    """Return the earliest time at which the row may be deleted; None while the contact is open.

    A call that reached no queue counts as closed here: a switchboard does not report the end of such a call. After deleting a
    row the caller must reject its events, or they would be counted again.
    """
    closed_at = row.last_at if row.channel is Channel.CALL and not row.stays else row.closed_at
    if closed_at is None:
        return None
    return max(max(closed_at, row.last_at) + keep.closed, row.touched_at + keep.touched)


def agent_has_expired(row: Agent, keep: RowRetention, time_to_live: int, now: int) -> bool:
    """Return whether the row of an agent may be deleted at `now`: never while the agent is logged in to a queue.

    The last event must be older than `time_to_live` and `keep.closed`, and the last change older than `keep.touched`.
    """
    last_at = max(row.last_at + max(time_to_live, keep.closed), row.touched_at + keep.touched)
    return last_at < now and not agent.states(row)


class DroppedRows:
    """Source → latest event time in its deleted rows, in milliseconds since 1970.

    An event that is not later may have been counted in a deleted row. It is rejected if its contact has no row, or a row that
    begins after it. Sources that emit in order lose no events by this.
    """

    def __init__(self, latest: Mapping[str, int]) -> None:
        """Use `latest`, which is stored in `Progress.dropped`."""
        self._latest = latest
        self.until = max(latest.values(), default=_NEVER)
        """Latest time in all deleted rows: no later event is rejected."""

    def may_have_counted(
        self, key: bytes, at: int, row: Contact | None = None, *, is_ordered: bool = True, is_reread: bool = False
    ) -> bool:
        """Return whether an event of the time `at` may have been counted in a deleted row of its source.

        Without `is_ordered` (for channels other than `LIVE_CHANNELS`), an event is checked only if its connector deliberately
        read it again (`is_reread`).
        """
        if not is_reread and not is_ordered:
            return False
        get = self._latest.get
        until = max(get(source_of(key.decode()), _NEVER), get(OTHERS, _NEVER))
        if is_reread:
            until = max(until, get(EARLIER, _NEVER))
        return at <= until and (row is None or at < row.began_at)


def record_dropped(latest: dict[str, int], key: bytes, last_at: int) -> None:
    """Add the deletion of a row with the latest event time `last_at` to the content of `DroppedRows`."""
    source = source_of(key.decode())
    if source not in latest and sum(len(known) + 20 for known in latest) > MAX_SOURCES_LENGTH:
        source = OTHERS
    if last_at > latest.get(source, _NEVER):
        latest[source] = last_at


def assume_dropped(told_at: Mapping[str, int], until: int) -> dict[str, int]:
    """Return the content of `DroppedRows` for the state of an earlier release, which may have deleted rows up to `until`.

    `told_at` is `Progress.told_at`.
    """
    return {source: min(at, until) for source, at in told_at.items()} | {EARLIER: until}
