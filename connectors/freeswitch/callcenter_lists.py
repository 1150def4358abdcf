"""Comparison of mod_callcenter's lists with the tracked state: all at the start of a connection, later only those of agents.

Events from before the connection are lost. A caller who no longer waits has left for an unknown reason, and an agent who
no longer talks has ended the conversation. Calls with events during the listing are left to these events, and so is the
status of such agents.
"""

from collections.abc import Iterator, Sequence

from connectors.freeswitch.event_factory import SECOND_US, EventFactory
from connectors.freeswitch.event_filter import EventSocketRecord
from connectors.freeswitch.name_resolver import NameResolver
from connectors.freeswitch.stay_tracker import STATUS, Agent, StayTracker
from connectors.sdk.journaled_stream import Message
from connectors.sdk.telephony import epoch
from models.events import EndedBy, Event, LeaveReason

WAITS, TALKS, GAVE_UP = ("Waiting", "Trying"), "Answered", "Abandoned"


class CallcenterListComparison:
    """Compares the lists with the tracked state."""

    def __init__(self, names: NameResolver, tracker: StayTracker) -> None:
        self._names = names
        self._tracker = tracker

    def compare(self, record: EventSocketRecord, at: int, factory: EventFactory) -> Iterator[Event]:
        """Yield events for the differences between the lists and the tracked state, and update it.

        `at` is the time of the lists in microseconds since 1970. A record without `members` lists only agents.
        """
        if record.members is not None:
            stays = {"|".join(map(self._names.call, key.split("|"))) for key in record.reported if "|" in key}
            yield from self._compare_calls(record.members, stays, at, factory)
        yield from self._compare_agents(record, set(map(self._names.agent, record.reported)), at, factory)

    def _compare_calls(
        self, rows: Sequence[Message], reported: set[str], at: int, factory: EventFactory
    ) -> Iterator[Event]:
        current = {
            f"{self._names.call(row.get('session_uuid', ''))}|{self._names.call(row.get('uuid', ''))}": row
            for row in rows
            if row.get("state") in (*WAITS, TALKS) and row.get("session_uuid") and row.get("uuid") and row.get("queue")
        }
        gave_up = {self._names.call(row.get("uuid", "")): row for row in rows if row.get("state") == GAVE_UP}
        for key, stay in list(self._tracker.stays.items()):
            if key in reported or key in current:
                continue
            self._tracker.end(stay)
            ended_at = max(at, stay.since, stay.answered_at)  # the clock has a resolution of one second
            gone_at = _epoch(gave_up.get(stay.member, {}), "abandoned_epoch", at)
            if stay.given_up_at:
                yield factory.abandoned(stay, stay.given_up_at)
            elif stay.talks:
                yield from factory.ended(
                    stay, EndedBy.SYSTEM, ended_at, busy=self._tracker.is_busy(stay.agent), observed=False
                )
            else:
                left_at = max(gone_at, stay.since) if gone_at else ended_at
                yield factory.left(stay, LeaveReason.OTHER, left_at, observed=gone_at > 0)
        for key, row in current.items():
            if key not in reported:
                yield from self._compare_row(key, row, at, factory)

    def _compare_row(self, key: str, row: Message, at: int, factory: EventFactory) -> Iterator[Event]:
        stay = self._tracker.stays.get(key)
        if stay is None:
            call, _, member = key.partition("|")
            since = max(_epoch(row, "joined_epoch", at), _epoch(row, "rejoined_epoch", at)) or at
            stay = self._tracker.begin(call, member, self._names.queue_key(row["queue"]), since)
            yield factory.queued(stay, self._names.caller(row.get("cid_number", "")))
        if row["state"] == TALKS and not stay.talks:
            stay.agent = self._names.agent(row.get("serving_agent", ""))
            stay.answered_at = stay.answered_at or max(_epoch(row, "bridge_epoch", at), stay.since)
            stay.talks = True
            self._tracker.answering.pop(stay.agent, None)
            yield from factory.answered(stay)

    def _compare_agents(
        self, record: EventSocketRecord, reported: set[str], at: int, factory: EventFactory
    ) -> Iterator[Event]:
        queues: dict[str, list[str]] = {}
        for tier in record.tiers:
            queues.setdefault(self._names.agent(tier.get("agent", "")), []).append(
                self._names.queue_key(tier.get("queue", ""))
            )
        rows = {self._names.agent(row.get("name", "")): row for row in record.agents}
        for name in {**dict.fromkeys(self._tracker.agents), **rows}:
            before = self._tracker.agents.get(name, Agent())
            row = rows.get(name, {})
            status = before.status if name in reported else STATUS.get(row.get("status", ""), "")
            after = Agent(status, sorted(filter(None, queues.get(name, ()))), before.at)
            if not name or after == before:
                continue
            if name in rows or name in reported:
                self._tracker.agents[name] = after
            else:
                del self._tracker.agents[name]
            if before.status or after.status:
                changed_at = _epoch(row, "last_status_change", at) if status != before.status else 0
                after.at = max(changed_at or at, before.at + 1)
                yield from factory.state_changed(name, before, after)


def _epoch(row: Message, column: str, at: int) -> int:
    """Return the time in a column of a list made at `at`, in microseconds since 1970; 0 if missing or implausible."""
    return epoch(row.get(column, ""), at / SECOND_US) * SECOND_US
