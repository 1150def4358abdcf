"""Events and rejects of mod_callcenter events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.event_filter import LISTED, EventSocketRecord, filter_event
from connectors.freeswitch.mapping import Context, EventMapping
from connectors.freeswitch.name_resolver import NameResolver
from connectors.freeswitch.stay_tracker import CALL_US, MAX_CALLS, StayTracker
from connectors.sdk.contract import Reject
from connectors.sdk.journaled_stream import LONGEST, JournalEntry, Message
from models.events import Event
from models.identities import IdentityKind, PseudonymKey
from models.reasons import Reason

KEY = PseudonymKey("general", b"k" * 32)
T = 1_773_651_600
NOW = datetime.fromtimestamp(T + 3_600, UTC)
CALL, MEMBER = "0f1e2d3c-0000-4000-8000-000000000001", "0f1e2d3c-0000-4000-8000-0000000000a1"
AGENT = "1001@default"
QUEUES = {"mdph": {"service": "mdph", "site": "annexe", "extensions": ["610"]}, "rsa@default": {"label": "solidarites"}}


def config(**headers: Any) -> FreeswitchConfig:
    given = {"host": "127.0.0.1", "password": "x", "queues": QUEUES, "dids": {"0199000020": {"line": "mdph"}}}
    return FreeswitchConfig.model_validate(given | headers)


def callcenter_event(action: str, at: float = 0, call: str = CALL, member: str = MEMBER, **headers: str) -> Message:
    return {
        "Event-Name": "CUSTOM",
        "Event-Subclass": "callcenter::info",
        "Event-Date-Timestamp": str(int((T + at) * 1_000_000)),
        "CC-Action": action,
        "CC-Queue": "mdph@default",
        "CC-Member-UUID": member,
        "CC-Member-Session-UUID": call,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }


def of_agent(action: str, at: float = 0, agent: str = AGENT, **headers: str) -> Message:
    whole = callcenter_event(action, at, **headers) | {"CC-Agent": agent}
    return {name: value for name, value in whole.items() if "Member" not in name and name != "CC-Queue"}


START = callcenter_event("member-queue-start", CC_Member_CID_Number="0639980012")
PICKED_UP = callcenter_event(
    "bridge-agent-start", 30, CC_Agent=AGENT, CC_Agent_Called_Time=str(T + 26), CC_Agent_Answered_Time=str(T + 30)
)
CONNECTED = of_agent("agent-state-change", 30.02, CC_Agent_State="In a queue call")
ANSWERED = (START, PICKED_UP, CONNECTED)


def parted(at: float = 90, **headers: str) -> Message:
    return callcenter_event("bridge-agent-end", at, CC_Agent=AGENT, **headers)


def terminated(at: float = 90, history: str = "") -> Message:
    end = callcenter_event("member-queue-end", at, CC_Cause="Terminated", Answer_State="answered")
    return end | ({"variable_transfer_history": history} if history else {})


def cancelled(reason: str, at: float = 45, answered: str = "hangup") -> Message:
    return callcenter_event("member-queue-end", at, CC_Cause="Cancel", CC_Cancel_Reason=reason, Answer_State=answered)


class EventMapper:
    """A mapping with its tracker."""

    def __init__(self, tracker: StayTracker | None = None, **options: Any) -> None:
        self.names = NameResolver(config(**options), KEY)
        self.tracker = tracker or StayTracker()
        self.mapping = EventMapping("freeswitch/essai", config(**options), KEY, self.tracker)

    def outcome(self, event: Message, **lists: Any) -> Any:
        filtered = event if event.get("CC-Action") == LISTED else filter_event(event, self.names)
        if filtered is None:
            return []
        return self.mapping.map(
            JournalEntry(msgspec.json.encode(EventSocketRecord(1, T + 3_600.0, filtered, **lists)), NOW)
        )

    def map_events(self, *events: Message) -> list[Event]:
        mapped: list[Event] = []
        for event in events:
            outcome = self.outcome(event)
            assert not isinstance(outcome, Reject), outcome
            mapped += outcome
        return mapped

    def last(self, *events: Message) -> list[Event]:
        """Return the events of the last message."""
        self.map_events(*events[:-1])
        return self.map_events(events[-1])

    def map_lists(self, at: float = 300, **lists: Any) -> list[Event]:
        mapped = self.outcome({"CC-Action": LISTED, "Event-Date-Timestamp": str(int((T + at) * 1_000_000))}, **lists)
        assert not isinstance(mapped, Reject)
        return list(mapped)


def test_waiting_call_is_queued() -> None:
    (queued,) = EventMapper().map_events(START)
    assert queued.type == "call.queued"
    assert (queued.data.queue, queued.data.visit, queued.data.position) == ("mdph", 1, None)
    assert (queued.service, queued.site) == ("mdph", "annexe")
    assert queued.subject == f"call:freeswitch/essai:{CALL}"
    assert queued.time == datetime.fromtimestamp(T, UTC)
    assert queued.identities == KEY.pseudonym(IdentityKind.PHONE, "+33639980012")


@pytest.mark.parametrize("number", ["anonymous", "1002", ""])
def test_withheld_number_has_no_identity(number: str) -> None:
    (queued,) = EventMapper().map_events(callcenter_event("member-queue-start", CC_Member_CID_Number=number))
    assert queued.identities == ""


@pytest.mark.parametrize(
    ("reason", "answered", "mapped"),
    [
        ("BREAK_OUT", "hangup", ("call.abandoned", None)),
        ("NONE", "hangup", ("call.abandoned", None)),
        ("BREAK_OUT", "answered", ("call.left_queue", "withdrawn")),
        ("TIMEOUT", "answered", ("call.left_queue", "timeout")),
        ("TIMEOUT", "hangup", ("call.left_queue", "timeout")),
        ("NO_AGENT_TIMEOUT", "answered", ("call.left_queue", "empty")),
        ("EXIT_WITH_KEY", "answered", ("call.left_queue", "key")),
        ("SOMETHING_NEW", "answered", ("call.left_queue", "other")),
    ],
)
def test_end_of_a_wait_gives_its_event(reason: str, answered: str, mapped: tuple[str, str | None]) -> None:
    (event,) = EventMapper().last(START, cancelled(reason, answered=answered))
    assert (event.type, getattr(event.data, "reason", None)) == mapped
    assert event.data.wait_seconds == 45.0  # type: ignore[union-attr]


def test_cancel_without_channel_state_is_a_hang_up() -> None:
    end = cancelled("BREAK_OUT")
    del end["Answer-State"]
    assert [event.type for event in EventMapper().last(START, end)] == ["call.abandoned"]


class TestConversations:
    def test_conversation_begins_at_the_connection(self) -> None:
        mapper = EventMapper()
        assert mapper.last(START, PICKED_UP) == []
        answered, started = mapper.map_events(CONNECTED)
        assert (answered.type, answered.time) == ("call.answered", datetime.fromtimestamp(T + 30, UTC))
        assert (answered.data.wait_seconds, answered.data.ring_seconds) == (30.0, 4.0)
        assert (started.data.change, started.data.queue) == ("contact_started", "mdph")
        assert started.subject == f"agent:freeswitch/essai:{answered.data.agent}"

    def test_state_of_another_agent_is_ignored(self) -> None:
        other = of_agent("agent-state-change", 31, "1002@default", CC_Agent_State="In a queue call")
        assert EventMapper().last(START, PICKED_UP, other) == []
        waiting = of_agent("agent-state-change", 31, CC_Agent_State="Waiting")
        assert EventMapper().last(START, PICKED_UP, waiting) == []

    @pytest.mark.parametrize("order", [1, -1])
    def test_caller_who_hangs_up_during_the_answer_abandoned(self, order: int) -> None:
        mapper = EventMapper()
        mapper.map_events(START, PICKED_UP)
        both = [cancelled("NONE", 30.5), parted(31, CC_Agent_Bridged="false")][::order]
        (event,) = mapper.map_events(*both)
        assert (event.type, event.time) == ("call.abandoned", datetime.fromtimestamp(T + 30.5, UTC))
        assert mapper.map_events(of_agent("agent-state-change", 40, CC_Agent_State="In a queue call")) == []

    def test_agent_who_hangs_up_before_the_connection_leaves_the_call_waiting(self) -> None:
        mapper = EventMapper()
        assert mapper.last(START, PICKED_UP, parted(31, CC_Agent_Bridged="false")) == []
        assert [event.type for event in mapper.map_events(cancelled("BREAK_OUT"))] == ["call.abandoned"]

    @pytest.mark.parametrize(
        ("disposition", "by"),
        [("recv_bye", "agent"), ("send_bye", "caller"), ("recv_refuse", "system"), ("", "system")],
    )
    def test_agent_leg_reports_who_hung_up(self, disposition: str, by: str) -> None:
        end = parted() | {"variable_sip_hangup_disposition": disposition}
        ended, over = EventMapper().last(*ANSWERED, end, terminated(90.001))
        assert (ended.type, ended.data.ended_by, ended.data.handle_seconds) == ("call.ended", by, 60.001)
        assert over.data.change == "contact_ended"

    def test_conversation_without_a_reported_start_is_started(self) -> None:
        mapped = [event.type for event in EventMapper().map_events(START, PICKED_UP, parted(), terminated())]
        assert mapped == ["call.queued", "call.answered", "agent.state_changed", "call.ended", "agent.state_changed"]

    @pytest.mark.parametrize(
        ("history", "kind", "to"),
        [
            (f"{T + 90}:x:bl_xfer:610/default/XML", "blind", "mdph"),
            (f"{T + 90}:x:bl_xfer:0639980013/default/XML", "blind", ""),
            (f"ARRAY::{T + 30}:x:uuid_br:1001|:{T + 90}:x:att_xfer:610@default/0639980012@default", "attended", ""),
            (f"ARRAY::{T - 9}:x:bl_xfer:620/default/XML|:{T + 90}:x:bl_xfer:610/default/XML", "blind", "mdph"),
        ],
    )
    def test_transferred_call_gives_a_transfer(self, history: str, kind: str, to: str) -> None:
        transferred, over = EventMapper().last(*ANSWERED, parted(), terminated(history=history))
        assert transferred.type == "call.transferred"
        assert (transferred.data.kind, transferred.data.to_queue) == (kind, to)
        assert over.data.change == "contact_ended"

    @pytest.mark.parametrize(
        "history", [f"{T - 9}:x:bl_xfer:610/default/XML", f"{T + 90}:x:uuid_br:1001", ":", "ARRAY::"]
    )
    def test_earlier_or_other_transfer_is_ignored(self, history: str) -> None:
        assert EventMapper().last(*ANSWERED, parted(), terminated(history=history))[0].type == "call.ended"

    @pytest.mark.parametrize(
        ("cause", "rang"),
        [
            ("NO_ANSWER", True),
            ("CALL_REJECTED", True),
            ("ORIGINATOR_CANCEL", False),
            ("LOSE_RACE", False),
            ("USER_BUSY", False),
        ],
    )
    def test_unanswered_ring_depends_on_the_cause(self, cause: str, *, rang: bool) -> None:
        mapped = EventMapper().last(
            START, callcenter_event("bridge-agent-fail", 20, CC_Agent=AGENT, CC_Hangup_Cause=cause)
        )
        assert [event.data.change for event in mapped] == (["ring_unanswered"] if rang else [])

    def test_ended_call_gives_no_events(self) -> None:
        late = callcenter_event("bridge-agent-fail", 46, CC_Agent=AGENT, CC_Hangup_Cause="NO_ANSWER")
        assert EventMapper().last(START, cancelled("BREAK_OUT"), late) == []
        assert EventMapper().last(START, cancelled("BREAK_OUT"), cancelled("BREAK_OUT", 46)) == []


class TestStays:
    def test_each_member_of_a_call_is_a_queue_stay(self) -> None:
        mapper = EventMapper()
        mapper.map_events(*ANSWERED, parted(), terminated())
        (queued,) = mapper.map_events(
            callcenter_event("member-queue-start", 91, member=MEMBER[:-1] + "2", CC_Queue="rsa@default")
        )
        assert (queued.data.queue, queued.data.visit) == ("solidarites", 2)

    def test_resumed_member_is_another_stay(self) -> None:
        mapper = EventMapper()
        first = mapper.map_events(START, cancelled("TIMEOUT", answered="answered"))
        second = mapper.map_events(
            callcenter_event("member-queue-resume", 60), cancelled("TIMEOUT", 99, answered="answered")
        )
        assert [event.data.visit for event in second] == [2, 2]  # type: ignore[union-attr]
        assert not {event.id for event in first} & {event.id for event in second}

    def test_custom_id_is_not_shown(self) -> None:
        (queued,) = EventMapper().map_events(
            callcenter_event("member-queue-start", call="0639980012", member="+33639980012")
        )
        assert "639980012" not in f"{queued}"

    def test_queue_name_may_contain_a_number(self) -> None:
        (queued,) = EventMapper().map_events(START | {"CC-Queue": "0639980012@default"})
        assert queued.data.queue.startswith("queue-")

    def test_memory_is_limited(self) -> None:
        tracker = StayTracker()
        for number in range(MAX_CALLS + 100):
            tracker.end(tracker.begin(f"call-{number}", "m", "q", T))
        assert len(tracker.calls) == MAX_CALLS
        tracker.begin("late", "m", "q", T + 2 * CALL_US)
        assert len(tracker.calls) == MAX_CALLS - 1

    def test_waiting_call_is_not_forgotten(self) -> None:
        tracker = StayTracker()
        tracker.begin("patient", "m", "q", T)
        for number in range(10):
            tracker.end(tracker.begin(f"call-{number}", "m", "q", T + 2 * CALL_US))
        assert "patient" in tracker.calls


class TestAgents:
    TIERS: Any = ({"queue": "mdph@default", "agent": AGENT}, {"queue": "rsa@default", "agent": AGENT})

    def mapped(self, *statuses: str) -> list[list[tuple[str, str]]]:
        mapper = EventMapper()
        mapper.map_lists(0, members=[], agents=[{"name": AGENT, "status": "Logged Out"}], tiers=self.TIERS)
        return [
            [
                (event.data.change.value, event.data.queue)  # type: ignore[union-attr]
                for event in mapper.map_events(of_agent("agent-status-change", at, CC_Agent_Status=status))
            ]
            for at, status in enumerate(statuses)
        ]

    def test_agent_change_is_reported_for_each_queue(self) -> None:
        assert self.mapped("Available", "On Break", "Available (On Demand)", "Available", "Logged Out") == [
            [("logged_in", "mdph"), ("logged_in", "solidarites")],
            [("paused", "mdph"), ("paused", "solidarites")],
            [("unpaused", "mdph"), ("unpaused", "solidarites")],
            [],
            [("logged_out", "mdph"), ("logged_out", "solidarites")],
        ]

    def test_logout_during_a_break_ends_the_break(self) -> None:
        assert self.mapped("On Break", "Logged Out") == [
            [("logged_in", "mdph"), ("paused", "mdph"), ("logged_in", "solidarites"), ("paused", "solidarites")],
            [("unpaused", "mdph"), ("logged_out", "mdph"), ("unpaused", "solidarites"), ("logged_out", "solidarites")],
        ]

    def test_deleted_agent_is_logged_out(self) -> None:
        mapper = EventMapper()
        row = {"name": AGENT, "status": "Available", "last_status_change": str(T)}
        assert len(mapper.map_lists(0, members=[], agents=[row], tiers=self.TIERS)) == 2
        assert [event.data.change for event in mapper.map_lists(60)] == ["logged_out", "logged_out"]  # type: ignore[union-attr]
        assert mapper.map_lists(120) == []

    def test_changes_of_one_agent_have_increasing_times(self) -> None:
        mapper = EventMapper()
        mapper.map_events(of_agent("agent-status-change", 10.5, CC_Agent_Status="Available"))
        row = {"name": AGENT, "status": "Available", "last_status_change": str(T + 10)}
        (mapped,) = mapper.map_lists(10, agents=[row], tiers=self.TIERS[:1])
        assert mapped.time == datetime.fromtimestamp(T + 10.5, UTC) + timedelta(microseconds=1)


class TestRejected:
    @pytest.mark.parametrize(
        ("event", "reason"),
        [
            (callcenter_event("member-queue-start", member=""), Reason.UNREADABLE_LINE),
            (callcenter_event("member-queue-end", call=""), Reason.UNREADABLE_LINE),
            (START | {"CC-Queue": ""}, Reason.UNREADABLE_LINE),
            (of_agent("agent-status-change", agent="", CC_Agent_Status="Available"), Reason.UNREADABLE_LINE),
            (of_agent("agent-status-change", CC_Agent_Status="Asleep"), Reason.UNKNOWN_ENUM),
            ({"Event-Name": "=oversized"}, Reason.OVERSIZED),
        ],
    )
    def test_reject_has_a_reason(self, event: Message, reason: Reason) -> None:
        rejected = EventMapper().outcome(event)
        assert isinstance(rejected, Reject)
        assert rejected.reason is reason

    @pytest.mark.parametrize("before", [(), (START,), (START, PICKED_UP)])
    def test_reject_can_be_mapped_again_alone(self, before: tuple[Message, ...]) -> None:
        mapper, event = EventMapper(), (START, cancelled("BREAK_OUT"), CONNECTED)[len(before)]
        mapper.map_events(*before)
        mapped = mapper.map_events(event)
        assert mapped
        rejected = mapper.mapping.reject(
            JournalEntry(
                msgspec.json.encode(EventSocketRecord(1, T + 3_600.0, filter_event(event, mapper.names) or {})), NOW
            ),
            Reason.TIME_IN_FUTURE,
        )
        tracker = msgspec.json.decode(rejected.context, type=Context).tracker
        assert EventMapper(tracker).mapping.map(JournalEntry(rejected.record, NOW)) == mapped

    @pytest.mark.parametrize("time", ["", "x", "9" * 18, "-1"])
    def test_implausible_time_is_replaced_by_the_receipt_time(self, time: str) -> None:
        (queued,) = EventMapper().map_events(START | {"Event-Date-Timestamp": time})
        assert queued.time == NOW

    def test_implausible_numbers_of_lists_are_ignored(self) -> None:
        row = {
            "queue": "mdph@default",
            "uuid": MEMBER,
            "session_uuid": CALL,
            "state": "Answered",
            "serving_agent": AGENT,
        }
        odd = dict.fromkeys(("joined_epoch", "rejoined_epoch", "bridge_epoch"), "9" * 12)
        queued, answered, _ = EventMapper().map_lists(members=[row | odd])
        assert queued.time == answered.time == datetime.fromtimestamp(T + 300, UTC)


class TestKept:
    NAMES = NameResolver(config(), KEY)

    def test_other_events_are_not_stored(self) -> None:
        assert (
            filter_event(
                {"Event-Name": "CUSTOM", "Event-Subclass": "sofia::register", "CC-Action": "member-queue-start"},
                self.NAMES,
            )
            is None
        )
        assert filter_event(callcenter_event("members-count"), self.NAMES) is None

    def test_call_to_another_number_is_not_stored(self) -> None:
        created = {"Event-Name": "CHANNEL_CREATE", "Call-Direction": "inbound", "Unique-ID": CALL}
        assert filter_event(created | {"Caller-Destination-Number": "0639980013"}, self.NAMES) is None
        assert (
            filter_event(
                created | {"Caller-Destination-Number": "0199000020", "Call-Direction": "outbound"}, self.NAMES
            )
            is None
        )
        (arrived,) = EventMapper().map_events(created | {"Caller-Destination-Number": "+33199000020"})
        assert (arrived.type, arrived.data.line) == ("call.arrived", "mdph")

    def test_names_and_dialled_numbers_are_not_stored(self) -> None:
        history = f"{T + 90}:x:bl_xfer:0639980013/default/XML"
        event = terminated(history=history) | {
            "CC-Member-CID-Name": "Mireille Exemple",
            "variable_sip_from_user": "0639980012",
        }
        assert not [
            value
            for value in str(filter_event(event, self.NAMES)).split("'")
            if "Mireille" in value or "063998" in value
        ]

    def test_long_values_are_cut(self) -> None:
        filtered = filter_event(START | {"CC-Queue": "x" * 10_000}, self.NAMES)
        assert filtered is not None
        assert len(filtered["CC-Queue"]) == LONGEST
