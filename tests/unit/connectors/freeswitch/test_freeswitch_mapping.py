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
from models.codec import encode
from models.events import Event
from models.identities import IdentityKind, PseudonymKey
from models.reasons import Reason
from tests.support.queue_log import Mapper

KEY = PseudonymKey("general", b"k" * 32)
T = 1_773_651_600
NOW = datetime.fromtimestamp(T + 3_600, UTC)
CALL, MEMBER = "0f1e2d3c-0000-4000-8000-000000000001", "0f1e2d3c-0000-4000-8000-0000000000a1"
OTHER = {"CC-Member-Session-UUID": CALL[:-1] + "2", "CC-Member-UUID": MEMBER[:-1] + "2"}
AGENT = "1001@default"
QUEUES = {"mdph": {"service": "mdph", "site": "annexe", "extensions": ["610"]}, "rsa@default": {"label": "solidarites"}}
TIERS: Any = ({"queue": "mdph@default", "agent": AGENT}, {"queue": "rsa@default", "agent": AGENT})
ROW = {"queue": "mdph@default", "uuid": MEMBER, "session_uuid": CALL, "serving_agent": AGENT}


def config(**headers: Any) -> FreeswitchConfig:
    given = {"host": "127.0.0.1", "password": "x", "queues": QUEUES, "dids": {"0199000020": {"line": "mdph"}}}
    return FreeswitchConfig.model_validate(given | headers)


NAMES = NameResolver(config(), KEY)


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


def bridge_ended(at: float = 90, disposition: str = "", **headers: str) -> Message:
    end = callcenter_event("bridge-agent-end", at, CC_Agent=AGENT, **headers)
    return end | {"variable_sip_hangup_disposition": disposition}


def terminated(at: float = 90, history: str = "") -> Message:
    end = callcenter_event("member-queue-end", at, CC_Cause="Terminated", Answer_State="answered")
    return end | ({"variable_transfer_history": history} if history else {})


def cancelled(reason: str, at: float = 45, answered: str = "hangup") -> Message:
    return callcenter_event("member-queue-end", at, CC_Cause="Cancel", CC_Cancel_Reason=reason, Answer_State=answered)


def failed(cause: str, at: float = 20) -> Message:
    return callcenter_event("bridge-agent-fail", at, CC_Agent=AGENT, CC_Hangup_Cause=cause)


class EventMapper(Mapper):
    def __init__(self, tracker: StayTracker | None = None, **options: Any) -> None:
        self.names = NameResolver(config(**options), KEY)
        self.tracker = tracker or StayTracker()
        self.mapping = EventMapping("freeswitch/essai", config(**options), KEY, self.tracker)

    def outcome(self, event: Message, **lists: Any) -> Any:  # type: ignore[override]
        filtered = event if event.get("CC-Action") == LISTED else filter_event(event, self.names)
        if filtered is None:
            return []
        record = EventSocketRecord(1, T + 3_600.0, filtered, **lists)
        return self.map_or_reject(JournalEntry(msgspec.json.encode(record), NOW))

    def map_lists(self, at: float = 300, **lists: Any) -> list[Event]:
        mapped = self.outcome({"CC-Action": LISTED, "Event-Date-Timestamp": str(int((T + at) * 1_000_000))}, **lists)
        assert not isinstance(mapped, Reject)
        return list(mapped)


def details(events: list[Event]) -> list[tuple[str, str]]:
    """Return the type of each event, with its reason, change, kind or who ended it."""
    names = ("reason", "change", "kind", "ended_by")
    return [
        (event.type, next((getattr(event.data, n) for n in names if hasattr(event.data, n)), "")) for event in events
    ]


def published_and_saved(events: list[Event], tracker: StayTracker) -> str:
    """Return everything that is published or saved."""
    return "".join(encode(event).decode() for event in events) + msgspec.json.encode(tracker).decode()


def test_waiting_call_is_queued() -> None:
    (queued,) = EventMapper().events(START)
    assert (queued.type, queued.data.queue, queued.data.visit, queued.data.position) == ("call.queued", "mdph", 1, None)
    assert (queued.service, queued.site) == ("mdph", "annexe")
    assert queued.subject == f"call:freeswitch/essai:{CALL}"
    assert queued.time == datetime.fromtimestamp(T, UTC)
    assert queued.identities == KEY.pseudonym(IdentityKind.PHONE, "+33639980012")


@pytest.mark.parametrize("number", ["anonymous", "1002", ""])
def test_withheld_number_has_no_identity(number: str) -> None:
    (queued,) = EventMapper().events(START | {"CC-Member-CID-Number": number})
    assert queued.identities == ""


ENDED, FREE = ("call.ended", "system"), ("agent.state_changed", "contact_ended")
ABANDONED, BUSY = ("call.abandoned", ""), ("agent.state_changed", "contact_started")


@pytest.mark.parametrize(
    ("events", "mapped"),
    [
        ([START, cancelled("BREAK_OUT")], [ABANDONED]),
        ([START, cancelled("NONE")], [ABANDONED]),
        ([START, cancelled("BREAK_OUT", answered="answered")], [("call.left_queue", "withdrawn")]),
        ([START, cancelled("TIMEOUT", answered="answered")], [("call.left_queue", "timeout")]),
        ([START, cancelled("TIMEOUT")], [("call.left_queue", "timeout")]),
        ([START, cancelled("NO_AGENT_TIMEOUT", answered="answered")], [("call.left_queue", "empty")]),
        ([START, cancelled("EXIT_WITH_KEY", answered="answered")], [("call.left_queue", "key")]),
        ([START, cancelled("SOMETHING_NEW", answered="answered")], [("call.left_queue", "other")]),
        # Answered: the conversation begins at the connection.
        ([START, PICKED_UP], []),
        ([START, PICKED_UP, of_agent("agent-state-change", 31, "1002@default", CC_Agent_State="In a queue call")], []),
        ([START, PICKED_UP, of_agent("agent-state-change", 31, CC_Agent_State="Waiting")], []),
        ([*ANSWERED, bridge_ended(disposition="recv_bye"), terminated()], [("call.ended", "agent"), FREE]),
        ([*ANSWERED, bridge_ended(disposition="send_bye"), terminated()], [("call.ended", "caller"), FREE]),
        ([*ANSWERED, bridge_ended(disposition="recv_refuse"), terminated()], [ENDED, FREE]),
        ([START, PICKED_UP, bridge_ended()], [("call.answered", ""), BUSY]),
        ([START, PICKED_UP, bridge_ended(), terminated()], [ENDED, FREE]),
        # The agent hangs up before the connection: the call still waits.
        ([START, PICKED_UP, bridge_ended(31, CC_Agent_Bridged="false")], []),
        ([START, PICKED_UP, bridge_ended(31, CC_Agent_Bridged="false"), cancelled("BREAK_OUT")], [ABANDONED]),
        # Not every ring that ends is unanswered.
        ([START, failed("NO_ANSWER")], [("agent.state_changed", "ring_unanswered")]),
        ([START, failed("CALL_REJECTED")], [("agent.state_changed", "ring_unanswered")]),
        ([START, failed("ORIGINATOR_CANCEL")], []),
        ([START, failed("LOSE_RACE")], []),
        ([START, failed("USER_BUSY")], []),
        # After its end, a call gives no events.
        ([START, cancelled("BREAK_OUT"), failed("NO_ANSWER", 46)], []),
        ([START, cancelled("BREAK_OUT"), cancelled("BREAK_OUT", 46)], []),
    ],
)  # fmt: skip
def test_last_event_of_a_call_gives_its_events(events: list[Message], mapped: list[tuple[str, str]]) -> None:
    assert details(EventMapper().last(*events)) == mapped


def test_times_and_agent_of_a_conversation() -> None:
    mapper = EventMapper()
    answered, started = mapper.last(*ANSWERED)
    assert answered.time == datetime.fromtimestamp(T + 30, UTC)
    assert (answered.data.wait_seconds, answered.data.ring_seconds) == (30.0, 4.0)
    assert started.subject == f"agent:freeswitch/essai:{answered.data.agent}"
    assert mapper.last(bridge_ended(), terminated(90.001))[0].data.handle_seconds == 60.001
    assert EventMapper().last(START, cancelled("BREAK_OUT"))[0].data.wait_seconds == 45.0


def test_cancel_without_channel_state_is_a_hang_up() -> None:
    end = cancelled("BREAK_OUT")
    del end["Answer-State"]
    assert details(EventMapper().last(START, end)) == [ABANDONED]


@pytest.mark.parametrize("order", [1, -1])
def test_caller_who_hangs_up_during_the_answer_abandoned(order: int) -> None:
    mapper = EventMapper()
    mapper.events(START, PICKED_UP)
    (event,) = mapper.events(*[cancelled("NONE", 30.5), bridge_ended(31, CC_Agent_Bridged="false")][::order])
    assert (event.type, event.time) == ("call.abandoned", datetime.fromtimestamp(T + 30.5, UTC))
    assert mapper.events(of_agent("agent-state-change", 40, CC_Agent_State="In a queue call")) == []


@pytest.mark.parametrize(
    ("history", "kind", "to"),
    [
        (f"{T + 90}:x:bl_xfer:610/default/XML", "blind", "mdph"),
        (f"{T + 90}:x:bl_xfer:0639980013/default/XML", "blind", ""),
        (f"ARRAY::{T + 30}:x:uuid_br:1001|:{T + 90}:x:att_xfer:610@default/0639980012@default", "attended", ""),
        (f"ARRAY::{T - 9}:x:bl_xfer:620/default/XML|:{T + 90}:x:bl_xfer:610/default/XML", "blind", "mdph"),
        *((other, "", "") for other in (f"{T - 9}:x:bl_xfer:610/default/XML", f"{T + 90}:x:uuid_br:1", ":", "ARRAY::")),
    ],
)
def test_transfer_during_the_conversation_gives_a_transfer(history: str, kind: str, to: str) -> None:
    event, over = EventMapper().last(*ANSWERED, bridge_ended(), terminated(history=history))
    assert event.type == ("call.transferred" if kind else "call.ended")
    assert (getattr(event.data, "kind", ""), getattr(event.data, "to_queue", "")) == (kind, to)
    assert over.data.change == "contact_ended"


class TestStays:
    def test_each_member_of_a_call_is_a_queue_stay(self) -> None:
        mapper = EventMapper()
        mapper.events(*ANSWERED, bridge_ended(), terminated())
        other = callcenter_event("member-queue-start", 91, member=MEMBER[:-1] + "2", CC_Queue="rsa@default")
        (queued,) = mapper.events(other)
        assert (queued.data.queue, queued.data.visit) == ("solidarites", 2)

    def test_resumed_member_is_another_stay(self) -> None:
        mapper, resumed = EventMapper(), callcenter_event("member-queue-resume", 60)
        first = mapper.events(START, cancelled("TIMEOUT", answered="answered"))
        second = mapper.events(resumed, cancelled("TIMEOUT", 99, answered="answered"))
        assert [event.data.visit for event in second] == [2, 2]  # type: ignore[union-attr]
        assert not {event.id for event in first} & {event.id for event in second}

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
    def changes(self, mapper: EventMapper, at: int, status: str) -> list[tuple[str, str]]:
        events = mapper.events(of_agent("agent-status-change", at, CC_Agent_Status=status))
        return [(event.data.change.value, event.data.queue) for event in events]  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("statuses", "changes"),
        [
            (
                ["Available", "On Break", "Available (On Demand)", "Available", "Logged Out"],
                ["logged_in", "paused", "unpaused", "", "logged_out"],
            ),
            (["On Break", "Logged Out"], ["logged_in paused", "unpaused logged_out"]),
        ],
    )
    def test_agent_change_is_reported_for_each_queue(self, statuses: list[str], changes: list[str]) -> None:
        mapper = EventMapper()
        mapper.map_lists(0, members=[], agents=[{"name": AGENT, "status": "Logged Out"}], tiers=TIERS)
        for at, (status, expected) in enumerate(zip(statuses, changes, strict=True)):
            assert self.changes(mapper, at, status) == [
                (change, queue) for queue in ("mdph", "solidarites") for change in expected.split()
            ]

    def test_deleted_agent_is_logged_out(self) -> None:
        mapper = EventMapper()
        row = {"name": AGENT, "status": "Available", "last_status_change": str(T)}
        assert len(mapper.map_lists(0, members=[], agents=[row], tiers=TIERS)) == 2
        assert [event.data.change for event in mapper.map_lists(60)] == ["logged_out", "logged_out"]  # type: ignore[union-attr]
        assert mapper.map_lists(120) == []

    def test_changes_of_one_agent_have_increasing_times(self) -> None:
        mapper = EventMapper()
        mapper.events(of_agent("agent-status-change", 10.5, CC_Agent_Status="Available"))
        row = {"name": AGENT, "status": "Available", "last_status_change": str(T + 10)}
        (mapped,) = mapper.map_lists(10, agents=[row], tiers=TIERS[:1])
        assert mapped.time == datetime.fromtimestamp(T + 10.5, UTC) + timedelta(microseconds=1)

    def test_agent_with_two_calls_is_on_a_contact_until_both_end(self) -> None:
        mapper = EventMapper()
        mapper.events(*ANSWERED, START | OTHER, PICKED_UP | OTHER, CONNECTED)
        assert details(mapper.events(bridge_ended(), terminated())) == [ENDED]
        assert details(mapper.events(bridge_ended() | OTHER, terminated() | OTHER)) == [ENDED, FREE]


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

    @pytest.mark.parametrize(
        ("event", "is_answer"), [(PICKED_UP, True), (bridge_ended(), True), (terminated(), True), (START, False)]
    )
    def test_rejected_answer_is_marked_as_an_answer(self, event: Message, *, is_answer: bool) -> None:
        assert EventMapper().outcome(event | {"CC-Queue": ""}).reports_answer == is_answer

    @pytest.mark.parametrize("before", [(), (START,), (START, PICKED_UP)])
    def test_reject_can_be_mapped_again_alone(self, before: tuple[Message, ...]) -> None:
        mapper, event = EventMapper(), (START, cancelled("BREAK_OUT"), CONNECTED)[len(before)]
        mapper.events(*before)
        mapped = mapper.events(event)
        assert mapped
        record = EventSocketRecord(1, T + 3_600.0, filter_event(event, mapper.names) or {})
        rejected = mapper.mapping.reject(JournalEntry(msgspec.json.encode(record), NOW), Reason.TIME_IN_FUTURE)
        tracker = msgspec.json.decode(rejected.context, type=Context).tracker
        assert EventMapper(tracker).mapping.map(JournalEntry(rejected.record, NOW)) == mapped

    @pytest.mark.parametrize("time", ["", "x", "9" * 18, "-1"])
    def test_implausible_time_is_replaced_by_the_receipt_time(self, time: str) -> None:
        (queued,) = EventMapper().events(START | {"Event-Date-Timestamp": time})
        assert queued.time == NOW

    def test_implausible_numbers_of_lists_are_ignored(self) -> None:
        odd = dict.fromkeys(("joined_epoch", "rejoined_epoch", "bridge_epoch"), "9" * 12)
        queued, answered, _ = EventMapper().map_lists(members=[ROW | odd | {"state": "Answered"}])
        assert queued.time == answered.time == datetime.fromtimestamp(T + 300, UTC)


class TestPrivacy:
    @pytest.mark.parametrize(
        "event",
        [
            {"Event-Name": "CUSTOM", "Event-Subclass": "sofia::register", "CC-Action": "member-queue-start"},
            callcenter_event("members-count"),
            *(
                {"Event-Name": "CHANNEL_CREATE", "Call-Direction": direction, "Caller-Destination-Number": number}
                for direction, number in (("inbound", "0639980013"), ("outbound", "0199000020"))
            ),
        ],
    )
    def test_other_events_and_calls_to_other_numbers_are_not_stored(self, event: Message) -> None:
        assert filter_event(event, NAMES) is None

    def test_call_to_a_configured_number_has_arrived(self) -> None:
        created = {"Event-Name": "CHANNEL_CREATE", "Call-Direction": "inbound", "Unique-ID": CALL}
        (arrived,) = EventMapper().events(created | {"Caller-Destination-Number": "+33199000020"})
        assert (arrived.type, arrived.data.line) == ("call.arrived", "mdph")

    def test_only_required_fields_are_stored(self) -> None:
        event = terminated(history=f"{T + 90}:x:bl_xfer:0639980013/default/XML")
        event |= {"CC-Member-CID-Name": "Mireille Exemple", "variable_sip_from_user": "0639980012"}
        filtered = filter_event(event | {"CC-Queue": "x" * 10_000}, NAMES)
        assert filtered is not None
        assert "Mireille" not in str(filtered)
        assert "063998" not in str(filtered)
        assert len(filtered["CC-Queue"]) == LONGEST

    def test_custom_ids_and_numbers_are_not_shown(self) -> None:
        custom = callcenter_event("member-queue-start", call="0639980012", member="+33639980012")
        (queued,) = EventMapper().events(custom | {"CC-Queue": "0639980012@default"})
        assert "639980012" not in f"{queued}"
        assert queued.data.queue.startswith("queue-")

    @pytest.mark.parametrize(
        ("name", "label"),
        [
            ("accueil@default", "accueil"),
            ("accueil@10.0.0.1", "accueil"),
            ("800@pbx.example.org", "800"),
            ("mdph@pbx.example.org", "mdph"),
            ("jean.modele@example.org", None),
            ("Camille@example.org", None),
            ("camille@example.org:5060", None),
            ("camille@xn--exmple-cua.xn--p1ai", None),
            ("camille@exämple.örg", None),
        ],
    )
    def test_queue_name_that_may_be_an_address_is_hidden(self, name: str, label: str | None) -> None:
        mapper = EventMapper()
        events = mapper.events(START | {"CC-Queue": name})
        shown = events[0].data.queue
        assert shown == label or (label is None and shown.startswith("queue-"))
        assert label or name.partition("@")[0] not in published_and_saved(events, mapper.tracker)

    @pytest.mark.parametrize(
        ("name", "label"), [("support@pbx.example.org", "support"), ("jean.modele@example.org", "direction")]
    )
    def test_configured_address_has_its_label(self, name: str, label: str) -> None:
        queues = {"support@pbx.example.org": {}, "jean.modele@example.org": {"label": "direction"}}
        assert EventMapper(queues=queues).events(START | {"CC-Queue": name})[0].data.queue == label

    @pytest.mark.parametrize("number", ["0639980012", "639980012", "2125551234", "33639980012", "1_773_651"])
    def test_phone_number_is_not_a_time(self, number: str) -> None:
        mapper = EventMapper()
        joined = PICKED_UP | {"CC-Member-Joined-Time": number, "CC-Agent-Called-Time": number}
        events = mapper.events(joined, CONNECTED, bridge_ended(), terminated())
        for at in (number, f"{number}000000"):
            events += mapper.events(START | OTHER | {"CC-Member-Session-UUID": CALL, "Event-Date-Timestamp": at})
        row = ROW | {"session_uuid": OTHER["CC-Member-Session-UUID"], "state": "Waiting"}
        events += mapper.map_lists(
            members=[row | dict.fromkeys(("joined_epoch", "bridge_epoch", "abandoned_epoch"), number)]
        )
        assert len(events) > 4
        assert number not in published_and_saved(events, mapper.tracker)
        assert {event.time.year for event in events} == {2026}
