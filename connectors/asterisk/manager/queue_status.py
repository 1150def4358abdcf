"""Comparison of the queue status at the start of a connection with the tracked state.

If the log is read too, it reports what happened before the connection. Calls that began earlier are then left to the log,
because the number of their earlier stays is unknown here; only the agents' queues and pauses are compared. Without the log,
a caller who no longer waits has left for an unknown reason, and an agent who no longer talks has ended the conversation.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.asterisk.manager.call_tracker import CallTracker, Progress
from connectors.asterisk.manager.manager_event import ManagerEvent, read_message, record
from connectors.asterisk.manager.message_translator import abandonment_records
from connectors.asterisk.name_resolver import UNIQUE_ID, NameResolver, ResolvedName
from connectors.asterisk.queue_log import CONVERSATION_OVER, QueueLogRecord
from connectors.sdk.journaled_stream import Message

LEFT_UNSEEN: Final = "=other"


class QueueStatusComparison:
    """Compares the queue status with the tracked state."""

    def __init__(self, names: NameResolver, tracker: CallTracker, *, with_log: bool) -> None:
        self._names = names
        self._tracker = tracker
        self._with_log = with_log

    def begin(self, second: int) -> None:
        """Record the start of a connection at `second`. If the log is read too, forget earlier calls and conversations."""
        self._tracker.since = second
        if self._with_log:
            self._tracker.calls.clear()
            self._tracker.talks.clear()

    def compare(self, second: int, members: Sequence[Message], entries: Sequence[Message]) -> Iterator[QueueLogRecord]:
        """Yield records for the differences from the `QueueStatus` rows of `second`, and update the state."""
        rows = [read_message(row, second, self._names) for row in members]
        if not self._with_log:
            yield from self._compare_waits(second, [read_message(row, second, self._names) for row in entries])
            yield from self._compare_talks(second, rows)
        yield from self._compare_members(second, [row for row in rows if row.queue and row.agent])

    def is_watched(self, unique_id: str) -> bool:
        """Return whether messages about a call are used; with the log, only if by its id it began after the connection."""
        made = UNIQUE_ID.fullmatch(unique_id)
        return not self._with_log or (made is not None and int(made["second"]) > self._tracker.since)

    def _compare_waits(self, second: int, entries: Sequence[ManagerEvent]) -> Iterator[QueueLogRecord]:
        waiting = {entry.call: entry for entry in entries if entry.call and entry.queue}
        for call, progress in self._tracker.calls.items():
            ami_event = _unreported(second, call)
            if progress.given_up:
                yield from abandonment_records(ami_event, progress)
            elif progress.gone:
                ami_event = ami_event._replace(queue=progress.gone.queue, second=progress.gone.second)
                progress.gone = None
                yield record(ami_event, LEFT_UNSEEN, "")
            elif progress.waiting and (call not in waiting or waiting[call].queue != progress.waiting):
                ami_event = ami_event._replace(queue=progress.waiting)
                progress.waiting = ""
                yield record(ami_event, LEFT_UNSEEN, "")
        for call, entry in waiting.items():
            if self._tracker.progress(call).waiting != entry.queue:
                joined = entry._replace(queue=entry.queue, second=second - int(entry.number("Wait") or 0))
                self._tracker.calls[call] = Progress(entry.queue, joined.second)
                yield record(joined, "ENTERQUEUE", "", entry.get("CallerIDNum"), entry.number("Position"))

    def _compare_talks(self, second: int, members: Sequence[ManagerEvent]) -> Iterator[QueueLogRecord]:
        if not all("InCall" in row.message for row in members):
            return  # older versions do not report who talks
        talking = {row.agent for row in members if row.get("InCall") == "1"}
        for call, (queue, agent) in list(self._tracker.talks.items()):
            if agent not in talking:
                del self._tracker.talks[call]
                yield record(_unreported(second, call)._replace(queue=queue, agent=agent), CONVERSATION_OVER)

    def _compare_members(self, second: int, members: Sequence[ManagerEvent]) -> Iterator[QueueLogRecord]:
        before, now = self._tracker.members, dict[str, dict[str, bool]]()
        for row in members:
            now.setdefault(row.queue, {})[row.agent] = row.get("Paused") == "1"
        self._tracker.members = now
        for queue, agents in before.items():
            for agent in agents.keys() - now.get(queue, {}).keys():
                left = _unreported(second, "")._replace(queue=ResolvedName(queue), agent=ResolvedName(agent))
                yield record(left, "REMOVEMEMBER")
        for row in members:
            paused = now[row.queue][row.agent]
            known = before.get(row.queue, {}).get(row.agent)
            if known is None:
                yield record(row, "ADDMEMBER", "PAUSED" if paused else "")
            elif known != paused:
                yield record(row, "PAUSE" if paused else "UNPAUSE")


def _unreported(second: int, call: str) -> ManagerEvent:
    """Return a message without content, for a fact that no message reported."""
    return ManagerEvent("", second, "", call, "", "", {})
