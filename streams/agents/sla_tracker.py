"""SLA clocks of one partition's contacts; decides when a passed deadline is reported, as its event may still arrive.

`streams.core.sla.clock_changes` has the rules.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from models import topics
from models.ids import source_of
from models.policies import Policies
from streams.core.contacts.contact import Contact
from streams.core.contacts.history_detection import HistoryDetector
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_counts import EditFigure, count_clocks, count_contact
from streams.core.sla import events
from streams.core.sla import open_targets as targets
from streams.core.sla.clock import SlaClock
from streams.core.sla.clock_changes import ClockChange, advance, advance_time, cancel
from streams.core.sla.clock_intervals import clock_intervals, has_ended
from streams.core.sla.deadlines import DeadlineIndex
from streams.core.sla.open_targets import open_targets
from streams.core.sla.renewal import Renewal, renew
from streams.core.sla.report_delay import LATE_MS, SlaDelays, report_lag
from streams.core.timeline import entries
from streams.engine.job import Step, Table

CHECKED_PER_TICK: Final = 5000
"""Maximum number of contacts with due clocks checked per tick."""


class SlaTracker:
    """SLA clocks of the contacts in the table `contacts`, counted in the figures through `edit`.

    `next_targets_time` returns, given the current time, the time for a record of open SLA targets: later than all earlier ones.
    """

    def __init__(
        self,
        contacts: Table[bytes, Contact],
        edit: EditFigure,
        policies: Callable[[], Policies],
        sla_delays: SlaDelays,
        next_targets_time: Callable[[int], int],
    ) -> None:
        self._contacts: Final = contacts
        self._edit: Final = edit
        self._load_policies: Final = policies
        self._policies = policies()
        self._delays: Final = sla_delays
        self._next_targets_time: Final = next_targets_time
        self._deadlines: Final = DeadlineIndex(self._lag)
        self._ticking_since = self._ticked_at = 0
        self._renewal: Final = Renewal()

    def restore(self) -> None:
        """Rebuild the index of deadlines from the loaded rows, and end a renewal without completing it."""
        self._ticked_at = 0
        self._deadlines.rebuild(self._contacts.rows)
        self._renewal.cancel()

    def undo(self) -> None:
        """Restore the deadlines of the rows that a failed step changed, and make a renewal in progress start over."""
        self._renewal.cancel()
        for key in self._contacts.before:
            self._deadlines.restore(key, self._contacts.rows.get(key))

    @property
    def has_no_targets(self) -> bool:
        """Return whether the loaded SLA file has no policy."""
        return self._policies.empty

    @property
    def next_at(self) -> int | None:
        """Return the time of the next check of a deadline, as `DeadlineIndex.next_at`: None if it is not in the current slot."""
        return self._deadlines.next_at

    def oldest_overdue(self, dimensions: Dimensions) -> int | None:
        """Return the earliest passed deadline of the overdue clocks counted in these dimensions, in milliseconds since 1970.

        Returns None without one.
        """
        return self._deadlines.oldest_overdue(dimensions, self._contacts.rows)

    def set(self, key: bytes, before: Contact | None, after: Contact, step: Step) -> None:
        """Set the clocks of `after`, a row that this step changed, count them, and report the changes that its events cause."""
        had_ended = partial(has_ended, before)
        clocks, news = advance(
            after.clocks, clock_intervals(after), self._policies, step.now, after.last_own_event_at, had_ended=had_ended
        )
        if after.is_retracted:
            news = cancel(after.clocks, step.now)
        self._put(key, before, after, clocks, step, news)

    def renew(self, known: str, step: Step) -> str:
        """Load the policies. After a change of policies or calendars, renew the clocks of open contacts, some per tick.

        The open SLA targets of these contacts' cases are sent to the timelines again, also if they stay the same.

        `known` is the fingerprint of the policies that the clocks have. Returns the fingerprint of the current policies once all
        clocks have them, until then `renewal.RENEWAL_PENDING`.
        """
        self._policies = self._load_policies()
        for key, row in self._renewal.take(known, self._policies.fingerprint_at(step.now), self._contacts.rows):
            clocks, news = renew(row, self._policies, step.now)
            if clocks is not row.clocks:
                self._put_changed(key, row, clocks, step, news)
            current = open_targets(clocks)
            if current and current == open_targets(row.clocks) and not row.stays and not row.is_removed:
                # `_put` sends changed targets only. A new timeline database lacks the others, as does an earlier release's.
                self._send_open_targets(key, row, step)
        return self._renewal.fingerprint

    def check_deadlines(self, step: Step, history: HistoryDetector) -> None:
        """Report deadlines that have passed, and targets that became at risk, once earlier events would have arrived.

        Checks at most `CHECKED_PER_TICK` contacts, and postpones those for which such events may still arrive.
        """
        now, rows = step.now, self._contacts.rows
        if abs(now - self._ticked_at) >= LATE_MS:
            self._ticking_since = now
        self._ticked_at = now
        channels = history.channels(now)
        for key in self._deadlines.due(step.as_of, rows, CHECKED_PER_TICK):
            before = rows[key]
            lag = self._lag(before)
            is_late = before.touched_at - before.last_own_event_at > max(lag, LATE_MS)
            clear_at = history.clear_at(now, source_of(key.decode()), before.channel, channels, is_late=is_late)
            if clear_at is None:
                # After an outage the source may still be catching up, and after a late event the next one may follow soon.
                since = max(self._ticking_since, before.touched_at) if is_late else self._ticking_since
                clear_at = since + self._delays.grace
            if now < clear_at:
                self._deadlines.postpone(key, clear_at)
                continue
            clocks, news = advance_time(before.clocks, now, step.as_of - lag)
            self._put_changed(key, before, clocks, step, news)

    def _lag(self, row: Contact) -> int:
        return report_lag(row, self._delays)

    def _put_changed(
        self, key: bytes, before: Contact, clocks: tuple[SlaClock, ...], step: Step, news: list[ClockChange]
    ) -> None:
        """Set the clocks of a contact that did not change otherwise, report `news`, and count the contact again."""
        after = before.__copy__()
        self._contacts.put(key, after)
        self._put(key, before, after, clocks, step, news)
        count_contact(before, after, self._edit)

    def _put(
        self,
        key: bytes,
        before: Contact | None,
        after: Contact,
        clocks: tuple[SlaClock, ...],
        step: Step,
        news: list[ClockChange],
    ) -> None:
        """Set the clocks of the new row `after`, count them, and add the records of their changes to the step's outputs.

        Does nothing if `clocks` is the tuple of `before`.
        """
        known = before.clocks if before is not None else ()
        if clocks is known:
            return
        after.clocks = clocks
        step.outputs[topics.SLA.name] += [events.record(key, after.sector, change, step.now) for change in news]
        if not after.is_removed:
            step.outputs[topics.TIMELINE.name] += [
                entries.clock_record(change, after, key.decode())
                for change in news
                if change.kind in entries.TIMELINE_KINDS
            ]
            if not after.stays and open_targets(known) != open_targets(clocks):
                self._send_open_targets(key, after, step)
        count_clocks(known, clocks, self._edit)
        self._deadlines.update(key, before, after)

    def _send_open_targets(self, key: bytes, row: Contact, step: Step) -> None:
        """Add the record with the open SLA targets of a case to the step's outputs for the timelines."""
        record = targets.record(row, key.decode(), self._next_targets_time(step.now))
        step.outputs[topics.TIMELINE.name].append(record)
