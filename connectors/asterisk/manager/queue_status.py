"""What is so when a connection begins: who waits and who is there to answer, told as far as it was not known.

What happened while nobody watched is told by the log, if that is read too, and is left to it: calls that began before the
connection are none of ours then, since the stays that they had already cannot be numbered. Without the log, who no longer waits
has left for an unknown reason, and who no longer talks has ended the conversation.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.asterisk.manager.ami_protocol import Message
from connectors.asterisk.manager.call_tracker import CallTracker, Progress
from connectors.asterisk.manager.manager_event import ManagerEvent, read_message, record
from connectors.asterisk.manager.message_translator import abandonment_records
from connectors.asterisk.name_resolver import UNIQUE_ID, NameResolver, ResolvedName
from connectors.asterisk.queue_log import CONVERSATION_OVER, QueueLogRecord

GONE: Final = "=other"


class QueueStatusComparison:
    """Compares what is so with what is known."""

    def __init__(self, names: NameResolver, watch: CallTracker, *, beside_log: bool) -> None:
        self._names = names
        self._watch = watch
        self._beside_log = beside_log

    def begin(self, second: int) -> None:
        """Begin to watch at `second`."""
        self._watch.since = second
        if self._beside_log:
            self._watch.calls.clear()
            self._watch.talks.clear()

    def compare(self, second: int, members: Sequence[Message], entries: Sequence[Message]) -> Iterator[QueueLogRecord]:
        """Yield what the rows of `QueueStatus`, made at `second`, tell that was not known."""
        for name in {row.get("Queue", "") for row in (*members, *entries)}:
            if previous := self._names.previous_queue_key(name):
                self._watch.rename(previous, self._names.queue_key(name))
        rows = [read_message(row, second, self._names) for row in members]
        if not self._beside_log:
            yield from self._compare_waits(second, [read_message(row, second, self._names) for row in entries])
            yield from self._compare_talks(second, rows)
        yield from self._compare_members(second, [row for row in rows if row.queue and row.agent])

    def is_watched(self, unique_id: str) -> bool:
        """Return whether all that happens to a call is heard, from its first stay in a queue on."""
        made = UNIQUE_ID.fullmatch(unique_id)
        return not self._beside_log or (made is not None and int(made["second"]) > self._watch.since)

    def _compare_waits(self, second: int, entries: Sequence[ManagerEvent]) -> Iterator[QueueLogRecord]:
        there = {entry.call: entry for entry in entries if entry.call and entry.queue}
        for call, progress in self._watch.calls.items():
            known = _said(second, call)
            if progress.given_up:
                yield from abandonment_records(known, progress)
            elif progress.gone:
                known = known.at(queue=progress.gone.queue, second=progress.gone.second)
                progress.gone = None
                yield record(known, GONE, "")
            elif progress.waiting and (call not in there or there[call].queue != progress.waiting):
                known = known.at(queue=progress.waiting)
                progress.waiting = ""
                yield record(known, GONE, "")
        for call, entry in there.items():
            if self._watch.progress(call).waiting != entry.queue:
                joined = entry.at(queue=entry.queue, second=second - int(entry.number("Wait") or 0))
                self._watch.calls[call] = Progress(entry.queue, joined.second)
                yield record(joined, "ENTERQUEUE", "", entry.get("CallerIDNum"), entry.number("Position"))

    def _compare_talks(self, second: int, members: Sequence[ManagerEvent]) -> Iterator[QueueLogRecord]:
        if not all("InCall" in row.message for row in members):
            return  # older ones do not say who talks
        talking = {row.agent for row in members if row.get("InCall") == "1"}
        for call, (queue, agent) in list(self._watch.talks.items()):
            if agent not in talking:
                del self._watch.talks[call]
                yield record(_said(second, call)._replace(queue=queue, agent=agent), CONVERSATION_OVER)

    def _compare_members(self, second: int, members: Sequence[ManagerEvent]) -> Iterator[QueueLogRecord]:
        before, now = self._watch.members, dict[str, dict[str, bool]]()
        for row in members:
            paused = row.get("Paused") == "1"
            known = before.get(row.queue, {}).get(row.agent)
            now.setdefault(row.queue, {})[row.agent] = paused
            if known is None:
                yield record(row, "ADDMEMBER", "PAUSED" if paused else "")
            elif known != paused:
                yield record(row, "PAUSE" if paused else "UNPAUSE")
        self._watch.members = now
        for queue, agents in before.items():
            for agent in agents.keys() - now.get(queue, {}).keys():
                yield record(
                    _said(second, "")._replace(queue=ResolvedName(queue), agent=ResolvedName(agent)), "REMOVEMEMBER"
                )


def _said(second: int, call: str) -> ManagerEvent:
    """Return what nobody said, but is so."""
    return ManagerEvent("", second, "", call, "", "", {})
