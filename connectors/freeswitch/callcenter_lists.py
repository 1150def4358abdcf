"""What is so when a connection begins: told as far as it was not known.

What happened while nobody listened is told by nobody: who no longer waits has left for an unknown reason, and who no longer talks
has ended the conversation. Of what an event told while the lists were made, events tell what follows, and the lists nothing.
"""

from collections.abc import Iterator, Mapping, Sequence

from connectors.freeswitch.event_factory import SECOND_US, EventFactory
from connectors.freeswitch.event_filter import EventSocketRecord
from connectors.freeswitch.event_socket_protocol import Message
from connectors.freeswitch.name_resolver import NameResolver
from connectors.freeswitch.stay_tracker import Agent, StayTracker
from connectors.sdk.telephony import epoch
from models.events import EndedBy, Event, LeaveReason

WAITS, TALKS, GAVE_UP = ("Waiting", "Trying"), "Answered", "Abandoned"


class CallcenterListComparison:
    """Compares what is so with what is known. `status` says what an agent's status means."""

    def __init__(self, names: NameResolver, watch: StayTracker, status: Mapping[str, str]) -> None:
        self._names = names
        self._watch = watch
        self._status = status

    def compare(self, told: EventSocketRecord, at: int, facts: EventFactory) -> Iterator[Event]:
        """Yield what lists, made at `at`, tell that was not known."""
        if told.members is not None:
            stays = {"|".join(map(self._names.call, one.split("|"))) for one in told.heard if "|" in one}
            yield from self._compare_calls(told.members, stays, at, facts)
        yield from self._compare_agents(told, set(map(self._names.agent, told.heard)), at, facts)

    def _compare_calls(self, rows: Sequence[Message], heard: set[str], at: int, facts: EventFactory) -> Iterator[Event]:
        there = {
            f"{self._names.call(row.get('session_uuid', ''))}|{self._names.call(row.get('uuid', ''))}": row
            for row in rows
            if row.get("state") in (*WAITS, TALKS) and row.get("session_uuid") and row.get("uuid") and row.get("queue")
        }
        gave_up = {self._names.call(row.get("uuid", "")): row for row in rows if row.get("state") == GAVE_UP}
        for key, stay in list(self._watch.stays.items()):
            if key in heard or key in there:
                continue
            self._watch.end(stay)
            now = max(at, stay.since, stay.answered_at)  # the clock has whole seconds
            gone_at = _epoch(gave_up.get(stay.member, {}), "abandoned_epoch", at)
            if stay.given_up_at:
                yield facts.abandoned(stay, stay.given_up_at)
            elif stay.talks:
                yield from facts.ended(stay, EndedBy.SYSTEM, now, busy=self._watch.is_busy(stay.agent), seen=False)
            else:
                left_at = max(gone_at, stay.since) if gone_at else now
                yield facts.left(stay, LeaveReason.OTHER, left_at, seen=gone_at > 0)
        for key, row in there.items():
            if key not in heard:
                yield from self._find(key, row, at, facts)

    def _find(self, key: str, row: Message, at: int, facts: EventFactory) -> Iterator[Event]:
        """Yield that a call waits or talks."""
        stay = self._watch.stays.get(key)
        if stay is None:
            call, _, member = key.partition("|")
            since = max(_epoch(row, "joined_epoch", at), _epoch(row, "rejoined_epoch", at)) or at
            stay = self._watch.begin(call, member, self._names.queue_key(row["queue"]), since)
            yield facts.queued(stay, self._names.caller(row.get("cid_number", "")))
        if row["state"] == TALKS and not stay.talks:
            stay.agent = self._names.agent(row.get("serving_agent", ""))
            stay.answered_at = stay.answered_at or max(_epoch(row, "bridge_epoch", at), stay.since)
            stay.talks = True
            self._watch.answering.pop(stay.agent, None)
            yield from facts.answered(stay)

    def _compare_agents(
        self, told: EventSocketRecord, heard: set[str], at: int, facts: EventFactory
    ) -> Iterator[Event]:
        queues: dict[str, list[str]] = {}
        for tier in told.tiers:
            queues.setdefault(self._names.agent(tier.get("agent", "")), []).append(
                self._names.queue_key(tier.get("queue", ""))
            )
        rows = {self._names.agent(row.get("name", "")): row for row in told.agents}
        for name in {**dict.fromkeys(self._watch.agents), **rows}:
            before = self._watch.agents.get(name, Agent())
            row = rows.get(name, {})
            status = before.status if name in heard else self._status.get(row.get("status", ""), "")
            after = Agent(status, sorted(filter(None, queues.get(name, ()))), before.at)
            if not name or after == before:
                continue
            if name in rows or name in heard:
                self._watch.agents[name] = after
            else:
                del self._watch.agents[name]
            if before.status or after.status:
                changed_at = _epoch(row, "last_status_change", at) if status != before.status else 0
                after.at = max(changed_at or at, before.at + 1)
                yield from facts.became(name, before, after)


def _epoch(row: Message, column: str, at: int) -> int:
    """Return a time of a row made at `at` in microseconds, 0 if it has none."""
    return epoch(row.get(column, ""), at / SECOND_US) * SECOND_US
