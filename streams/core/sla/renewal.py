"""Decides which contacts get new SLA clocks after a change of policies or calendars, some per tick."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Final

from models.policies import Policies
from streams.core.contacts.contact import Contact
from streams.core.sla.clock import SlaClock
from streams.core.sla.clock_changes import ClockChange, advance
from streams.core.sla.clock_intervals import clock_intervals, has_ended

RENEWED_PER_TICK: Final = 2000
"""Maximum number of contacts checked per tick; the clocks of the open ones are renewed."""
RENEWAL_PENDING: Final = "-"
"""Result of `Renewal.fingerprint` while a renewal is not complete."""


class Renewal:
    """Progress of a renewal of the clocks of all open contacts of a partition."""

    def __init__(self) -> None:
        self._keys: Iterator[bytes] | None = None
        """Contacts left to renew; None if no renewal runs."""
        self._wanted = ""

    @property
    def fingerprint(self) -> str:
        """Return, after `take`, the fingerprint of the policies that all clocks have; `RENEWAL_PENDING` if some lack them."""
        return self._wanted if self._keys is None else RENEWAL_PENDING

    def cancel(self) -> None:
        """End the renewal without completing it; the next `take` starts another one."""
        self._keys = None

    def take(self, known: str, wanted: str, rows: Mapping[bytes, Contact]) -> Iterable[tuple[bytes, Contact]]:
        """Return the open contacts among the next `RENEWED_PER_TICK` rows; first start a renewal of all `rows` if needed.

        `known` and `wanted` are the fingerprints of the policies that the clocks have, and of those in force. If they are equal
        and no renewal runs, the result is empty. If `wanted` changes, the renewal starts over.
        """
        if self._keys is None and known == wanted:
            self._wanted = wanted
            return ()
        if self._keys is None or self._wanted != wanted:
            self._keys, self._wanted = iter(list(rows)), wanted
        keys = list(islice(self._keys, RENEWED_PER_TICK))
        if len(keys) < RENEWED_PER_TICK:
            self._keys = None
        return [(key, row) for key in keys if (row := rows.get(key)) is not None and not row.is_closed]


def renew(row: Contact, policies: Policies, now: int) -> tuple[tuple[SlaClock, ...], list[ClockChange]]:
    """Return the clocks of an open contact by `policies`, and their changes; the row's own clocks if they stay the same.

    Clocks that have been reported as breached stay so, also if events of that time could still arrive.
    """
    complete_until = max(row.last_own_event_at, *(clock.breach_reported_at or 0 for clock in row.clocks), 0)
    had_ended = partial(has_ended, row)
    return advance(row.clocks, clock_intervals(row), policies, now, complete_until, renew=True, had_ended=had_ended)
