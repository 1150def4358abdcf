"""Parsing, filtering and mapping of manager interface messages."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.call_history import Call, CallHistory, StoredStay
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.manager.ami_protocol import (
    CONNECTED,
    LISTED,
    MAX_MESSAGE_BYTES,
    OVERSIZED,
    MessageReader,
)
from connectors.asterisk.manager.call_tracker import CallTracker, Leaving, Progress
from connectors.asterisk.manager.mapping import Context, ManagerMapping
from connectors.asterisk.manager.message_filter import ManagerRecord, filter_message
from connectors.asterisk.name_resolver import NameResolver
from connectors.sdk.config import parse
from connectors.sdk.contract import Reject
from connectors.sdk.journaled_stream import LONGEST, JournalEntry, Message
from models.codec import decode, encode
from models.events import Event
from models.identities import IdentityKind
from models.reasons import Reason
from tests.support.queue_log import CALL, KEY, NOW, Log, Mapper, T, data_of

OPTIONS: dict[str, Any] = {
    "ami": {"host": "localhost", "username": "accueil", "secret": "mot-de-passe"},
    "sector": "social",
    "queues": {"600": {"label": "accueil", "extensions": ["600"]}, "610": {"label": "mdph", "extensions": ["610"]}},
    "dids": {"0199000010": {"line": "principale"}},
    "custom_events": {"FULL": "full", "MENU": "menu", "VOICEMAIL": "voicemail", "INFO": "ignore"},
    "menu_options": {"2": "rsa", "main-1": "routes"},
}


def config(**options: Any) -> AsteriskConfig:
    parsed = parse(AsteriskConfig, "essai", OPTIONS | options)
    assert isinstance(parsed, AsteriskConfig)
    return parsed


class MessageMapper(Mapper):
    """A mapping with its tracker."""

    def __init__(self, tracker: CallTracker | None = None, **options: Any) -> None:
        self.tracker = tracker or CallTracker()
        self.mapping = ManagerMapping("asterisk/essai", config(**options), KEY, self.tracker)
        self.names = NameResolver(config(**options), KEY)

    def outcome(self, message: Message, **rows: list[Message]) -> Sequence[Event] | Reject:  # type: ignore[override]
        filtered = message if message["Event"].startswith("=") else filter_message(message, self.names)
        if filtered is None:
            return ()
        raw = JournalEntry(msgspec.json.encode(ManagerRecord(1, T + 3_600, filtered, **rows)), NOW)
        return self.map_or_reject(raw)  # type: ignore[no-any-return]


def ami_message(event: str, at: float = T + 0.25, call: str = CALL, **headers: object) -> Message:
    return {
        "Event": event,
        "Timestamp": f"{at:.6f}",
        "Uniqueid": call,
        "Linkedid": call,
        "Context": "queues",
        **{key: str(value) for key, value in headers.items()},
    }


def variable(name: str, value: str, at: float = T + 9.25) -> Message:
    return ami_message("VarSet", at, Variable=name, Value=value)


def step(
    extension: str, at: float = T + 9.3, context: str = "touches", priority: int = 1, **headers: object
) -> Message:
    place = {"Context": context, "Extension": extension, "Priority": priority}
    return ami_message("Newexten", at, **place | {"Application": "NoOp", "AppData": ""} | headers)


JOIN = ami_message("QueueCallerJoin", Queue=600, Position=2, Exten=600, CallerIDNum="0639980000")
ASKED = step("600", T + 0.2, "queues", Application="Queue", AppData="600,t,,,300")
ABANDON = ami_message("QueueCallerAbandon", T + 9.25, Queue=600, Position=1, OriginalPosition=2, HoldTime=9)
LEAVE = ami_message("QueueCallerLeave", T + 9.25, Queue=600, Count=0, Position=1)
WHO = {"Queue": 600, "MemberName": "PJSIP/31", "Interface": "Local/31@x"}
REFUSED = {"visit": 863}
CONNECT = ami_message("AgentConnect", T + 9.25, **WHO, HoldTime=9, RingTime=4)
HANGUP = ami_message("Hangup", T + 9.4)


def complete(reason: str) -> Message:
    return ami_message("AgentComplete", T + 60.5, **WHO, HoldTime=9, TalkTime=51, Reason=reason)


def transfer(event: str, result: str = "Success", extension: str = "610") -> Message:
    return {
        "Event": event,
        "Result": result,
        "TransfereeUniqueid": CALL,
        "Extension": extension,
        "Timestamp": f"{T + 60}",
    }


TALKED = {"wait_seconds": 9, "handle_seconds": 51}


@pytest.mark.parametrize(
    ("messages", "kind", "data"),
    [
        ([JOIN], "call.queued", {"position": 2}),
        ([JOIN, LEAVE, CONNECT], "call.answered", {"wait_seconds": 9, "ring_seconds": 4}),
        ([JOIN, LEAVE, CONNECT, complete("caller")], "call.ended", {"ended_by": "caller"} | TALKED),
        ([JOIN, LEAVE, CONNECT, complete("agent")], "call.ended", {"ended_by": "agent"} | TALKED),
        ([JOIN, CONNECT, complete("transfer")], "call.transferred", {"kind": "unknown", "to_queue": ""} | TALKED),
        ([JOIN, CONNECT, transfer("BlindTransfer"), complete("transfer")], "call.transferred",
            {"kind": "blind", "to_queue": "mdph"} | TALKED),
        ([JOIN, CONNECT, transfer("BlindTransfer", extension="0639981234"), complete("transfer")], "call.transferred",
            {"kind": "blind", "to_queue": ""} | TALKED),
        ([JOIN, CONNECT, transfer("BlindTransfer", "Fail"), complete("transfer")], "call.transferred",
            {"kind": "unknown", "to_queue": ""} | TALKED),
        ([JOIN, CONNECT, transfer("AttendedTransfer"), complete("transfer")], "call.transferred",
            {"kind": "attended", "to_queue": ""} | TALKED),
        ([JOIN, ASKED, ABANDON, LEAVE, HANGUP], "call.abandoned",
            {"position": 1, "original_position": 2, "wait_seconds": 9}),
        ([JOIN, ASKED, ABANDON, LEAVE, variable("QUEUESTATUS", "TIMEOUT")], "call.left_queue",
            {"reason": "timeout", "wait_seconds": 9}),
        ([JOIN, ASKED, ABANDON, LEAVE, variable("QUEUESTATUS", "LEAVEEMPTY")], "call.left_queue",
            {"reason": "empty", "wait_seconds": 9}),
        ([JOIN, ASKED, ABANDON, LEAVE, variable("QUEUESTATUS", "WITHDRAW")], "call.left_queue",
            {"reason": "withdrawn", "wait_seconds": 9}),
        ([JOIN, LEAVE, variable("QUEUESTATUS", "TIMEOUT")], "call.left_queue", {"reason": "timeout", "wait_seconds": 9}),
        ([JOIN, LEAVE, step("1")], "call.left_queue", {"reason": "key", "wait_seconds": 9}),
        ([JOIN, ami_message("AgentDump", **WHO), ASKED, ABANDON, LEAVE, HANGUP], "call.abandoned",
            {"position": 1, "original_position": 2, "wait_seconds": 9}),
        ([step("600", Application="Queue", AppData="600,t,,,300"), variable("QUEUESTATUS", "FULL")], "call.left_queue",
            {"reason": "full"} | REFUSED),
        ([step("600", Application="Queue", AppData="600"), variable("QUEUESTATUS", "JOINEMPTY")], "call.left_queue",
            {"reason": "empty"} | REFUSED),
        ([ami_message("UserEvent", UserEvent="FULL", Queue=600)], "call.left_queue", {"reason": "full"} | REFUSED),
    ],
)  # fmt: skip
def test_messages_about_a_call_give_its_events(messages: list[Message], kind: str, data: dict[str, Any]) -> None:
    event = MessageMapper().last(*messages)[0]
    agent = {"agent": KEY.pseudonym(IdentityKind.AGENT, "PJSIP/31")} if kind == "call.answered" else {}
    assert event.type == kind
    assert data_of(event) == {"queue": "accueil", "visit": 1} | data | agent
    assert event.subject == f"call:asterisk/essai:{CALL}"
    assert event.time.microsecond == 0


@pytest.mark.parametrize(
    "messages",
    [
        [JOIN, JOIN],
        [JOIN, LEAVE, step("s")],
        [JOIN, LEAVE, step("600", context="queues")],
        [JOIN, LEAVE, step("1", priority=2)],
        [JOIN, LEAVE, CONNECT, HANGUP],
        [JOIN, LEAVE, CONNECT, variable("QUEUESTATUS", "CONTINUE")],
        [JOIN, ami_message("AgentDump", **WHO)],
        [JOIN, ASKED, ABANDON, ABANDON],
        [ami_message("UserEvent", UserEvent="NEWS", Queue=600)],
        [ami_message("UserEvent", UserEvent="INFO", Queue=600)],
        [variable("QUEUESTATUS", "FULL")],
        [variable("VMSTATUS", "SUCCESS")],
        [ami_message("Newchannel", Exten="8123")],
        [ami_message("Newchannel", Exten="0199000010") | {"Linkedid": f"{T}.16"}],
        [ami_message("Newstate", Queue=600)],
        [{"Event": "Hangup"}],
    ],
)
def test_irrelevant_messages_give_no_events(messages: list[Message]) -> None:
    assert MessageMapper().last(*messages) == []


def test_abandoned_call_counts_once() -> None:
    repeated = ami_message("QueueCallerJoin", T + 20.5, Queue=610, Position=1, Exten=610)
    events = MessageMapper().events(JOIN, ASKED, ABANDON, LEAVE, repeated, HANGUP)
    assert [event.type for event in events] == ["call.queued", "call.abandoned", "call.queued"]


class TestOutsideQueues:
    def test_call_to_a_configured_number_has_arrived(self) -> None:
        (event,) = MessageMapper().events(ami_message("Newchannel", Exten="0199000010"))
        assert (event.type, data_of(event)) == ("call.arrived", {"line": "principale"})

    @pytest.mark.parametrize(
        ("chosen", "option"),
        [("2", "rsa"), ("main|1", "routes"), ("3", "3"), ("12", ""), ("0639980000", ""), ("*", ""), ("", "")],
    )
    def test_choice_has_its_configured_label(self, chosen: str, option: str) -> None:
        (event,) = MessageMapper().events(ami_message("UserEvent", UserEvent="MENU", Data=chosen))
        assert (event.type, event.data.option) == ("call.menu_chosen", option)
        assert "0639980000" not in encode(event).decode()

    def test_each_choice_is_a_separate_event(self) -> None:
        choices = [ami_message("UserEvent", T + n, UserEvent="MENU", Data=chosen) for n, chosen in enumerate("2223")]
        assert len({event.id for event in MessageMapper().events(*choices)}) == 4

    def test_voice_message_counts_once(self) -> None:
        arrived = ami_message("Newchannel", Exten="0199000010")
        by_the_dialplan = ami_message("UserEvent", T + 9, UserEvent="VOICEMAIL", Data="23")
        events = MessageMapper().events(arrived, variable("VMSTATUS", "SUCCESS"), by_the_dialplan)
        assert [event.type for event in events] == ["call.arrived", "call.voicemail_left"]


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (ami_message("QueueMemberAdded", **WHO, Paused=0), ["logged_in"]),
        (ami_message("QueueMemberAdded", **WHO, Paused=1), ["logged_in", "paused"]),
        (ami_message("QueueMemberRemoved", **WHO), ["logged_out"]),
        (ami_message("QueueMemberPause", **WHO, Paused=1), ["paused"]),
        (ami_message("QueueMemberPause", **WHO, Paused=0), ["unpaused"]),
        (ami_message("AgentLogin", Agent="PJSIP/31"), ["logged_in"]),
        (ami_message("AgentLogoff", Agent="PJSIP/31", Logintime=60), ["logged_out"]),
        (ami_message("AgentRingNoAnswer", **WHO, RingTime=15000), ["ring_unanswered"]),
    ],
)
def test_message_about_an_agent_gives_its_event(message: Message, changes: list[str]) -> None:
    events = MessageMapper().events(message)
    assert [event.data.change.value for event in events] == changes
    assert {event.subject for event in events} == {
        f"agent:asterisk/essai:{KEY.pseudonym(IdentityKind.AGENT, 'PJSIP/31')}"
    }


def without(message: Message, key: str) -> Message:
    return {name: value for name, value in message.items() if name != key}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (without(JOIN, "Uniqueid"), Reason.UNREADABLE_LINE),
        (without(JOIN, "Queue"), Reason.UNREADABLE_LINE),
        (without(CONNECT, "Queue"), Reason.UNREADABLE_LINE),
        (ami_message("QueueMemberPause", Queue=600, Paused=1), Reason.UNREADABLE_LINE),
        (ami_message("UserEvent", UserEvent="FULL"), Reason.UNREADABLE_LINE),
        (ABANDON, Reason.UNKNOWN_RECORD),
        ({"Event": OVERSIZED}, Reason.OVERSIZED),
    ],
)
def test_rejected_message_has_its_reason(message: Message, reason: Reason) -> None:
    mapper = MessageMapper()
    reject = mapper.outcome(message)
    assert isinstance(reject, Reject)
    assert reject.reason is reason
    tracker = msgspec.json.decode(reject.context, type=Context).manager
    repeated = MessageMapper(tracker).map_or_reject(JournalEntry(reject.record, NOW))
    assert isinstance(repeated, Reject)
    assert mapper.events(ami_message("QueueCallerJoin", call=f"{T}.18", Queue=600)), "the next message is read"


def test_queues_saved_with_their_case_are_the_same_queues() -> None:
    """Calls, conversations and agents in a queue with capitals, as saved by earlier versions."""
    leaving, talking, agent = f"{T}.18", f"{T}.19", KEY.pseudonym(IdentityKind.AGENT, "PJSIP/31")
    saved = CallTracker(
        memory=CallHistory(calls={call: Call(T, [StoredStay("Support", T)]) for call in (CALL, leaving)}),
        calls={CALL: Progress("Support", T, requested="Support"), leaving: Progress(gone=Leaving(T + 1, "Support"))},
        talks={talking: ("Support", agent)},
        members={"Support": {agent: False}},
    )
    mapper = MessageMapper(msgspec.json.decode(msgspec.json.encode(saved), type=CallTracker))
    entry = ami_message("QueueEntry", Queue="Support", Position=1)
    row = {"Event": "QueueMember", "Queue": "Support", "Name": "PJSIP/31", "Paused": "0", "InCall": "1"}
    events = mapper.outcome({"Event": LISTED, "Timestamp": f"{T + 5}.5"}, members=[row], entries=[entry])
    assert not isinstance(events, Reject)
    assert [(event.type, event.data.queue, event.data.visit) for event in events] == [("call.left_queue", "support", 1)]
    assert mapper.tracker.talks == {talking: ("support", agent)}
    answered = mapper.events(ami_message("AgentConnect", T + 9, **WHO | {"Queue": "Support"}, HoldTime=9, RingTime=4))
    assert answered[0].data.visit == 1


def test_invalid_number_is_omitted() -> None:
    (event,) = MessageMapper().last(JOIN, ASKED, ABANDON | {"HoldTime": "-3", "Position": "9" * 20}, LEAVE, HANGUP)
    assert data_of(event) == {"queue": "accueil", "visit": 1, "original_position": 2}


def test_message_without_a_timestamp_has_its_receipt_time() -> None:
    (event,) = MessageMapper().events(without(JOIN, "Timestamp"))
    assert event.time == NOW


class TestWithLog:
    def test_earlier_call_is_left_to_the_log(self) -> None:
        mapper = MessageMapper(path="queue_log")
        mapper.outcome({"Event": CONNECTED, "Timestamp": f"{T}.5"})
        assert mapper.events(JOIN) == []
        assert mapper.events(JOIN | {"Uniqueid": f"{T + 1}.3"}) != []
        assert mapper.events(JOIN | {"Uniqueid": "made-by-hand"}) == []

    def test_waiting_callers_are_left_to_the_log_but_agents_are_not(self) -> None:
        mapper = MessageMapper(path="queue_log")
        row = {"Queue": "600", "Name": "PJSIP/31", "Paused": "0", "InCall": "0"}
        entry = {"Queue": "600", "Uniqueid": CALL, "Wait": "9"}
        outcome = mapper.outcome({"Event": LISTED, "Timestamp": f"{T}.5"}, members=[row], entries=[entry])
        assert not isinstance(outcome, Reject)
        assert [event.type for event in outcome] == ["agent.state_changed"]


def queue_step(queue: int, at: float) -> Message:
    return step("s", at, "queues", Application="Queue", AppData=f"{queue},t")


def log_line(event: str, queue: int, at: int, *parameters: object) -> str:
    return "|".join(map(str, (at, CALL, queue, "NONE", event, *parameters)))


Step = tuple[list[Message], list[str]]
"""Messages of the manager interface, and the corresponding lines of the log."""
QUEUED: Step = (
    [JOIN, ASKED, ABANDON, LEAVE, variable("QUEUESTATUS", "TIMEOUT")],
    [log_line("ENTERQUEUE", 600, T, "", "0639980000", 2), log_line("EXITWITHTIMEOUT", 600, T + 9, 1, 2, 9)],
)
QUEUED_ELSEWHERE: Step = (
    [queue_step(610, T + 20.1), ami_message("QueueCallerJoin", T + 20.2, Queue=610, Position=1, Exten=610)],
    [log_line("ENTERQUEUE", 610, T + 20, "", "", 1)],
)
FULL: Step = [queue_step(600, T + 10.1), variable("QUEUESTATUS", "FULL", T + 10.2)], [log_line("FULL", 600, T + 11)]
EMPTY: Step = (
    [queue_step(620, T + 12.1), variable("QUEUESTATUS", "JOINEMPTY", T + 12.2)],
    [log_line("EMPTY", 620, T + 12)],
)
WRITTEN: Step = [ami_message("UserEvent", T + 13.9, UserEvent="FULL", Queue=630)], [log_line("FULL", 630, T + 14)]
UNKNOWN: Step = [ami_message("UserEvent", T + 15.1, UserEvent="NEWS", Queue=600)], [log_line("NEWS", 600, T + 15)]


class TestBothInterfaces:
    """A fact has the same id and number with the log, the manager interface, or both."""

    OPTIONS: ClassVar = {"custom_events": {"FULL": "full", "EMPTY": "empty"}}

    def map_messages(self, *steps: Step) -> list[Event]:
        return MessageMapper(**self.OPTIONS).events(*(message for messages, _ in steps for message in messages))

    def read(self, *steps: Step) -> list[Event]:
        log = Log(queues=OPTIONS["queues"], **self.OPTIONS)
        outcomes = [log.outcome(line) for _, lines in steps for line in lines]
        return [event for outcome in outcomes if not isinstance(outcome, Reject) for event in outcome]

    @pytest.mark.parametrize("by_manager", range(4))
    @pytest.mark.parametrize("by_log", range(4))
    @pytest.mark.parametrize("steps", [*permutations([FULL, EMPTY, WRITTEN, UNKNOWN], 2)])
    def test_refusals_of_either_interface_change_no_stay_number(
        self, steps: tuple[Step, Step], by_log: int, by_manager: int
    ) -> None:
        def steps_of(by: int) -> list[Step]:
            return [QUEUED, *(step for place, step in enumerate(steps) if by & 1 << place), QUEUED_ELSEWHERE]

        mapped, read = self.map_messages(*steps_of(by_manager)), self.read(*steps_of(by_log))
        facts = {(event.type, event.data.queue, getattr(event.data, "reason", "")) for event in [*mapped, *read]}
        stays = {(event.data.queue, event.data.visit) for event in [*mapped, *read]}
        assert len({event.id for event in [*mapped, *read]}) == len(facts)
        assert len({visit for _, visit in stays}) == len(stays)
        assert {("accueil", 1), ("mdph", 2)} <= stays
        if by_manager == by_log:
            assert [event.id for event in mapped] == [event.id for event in read]

    def test_refusal_under_several_names_counts_once(self) -> None:
        asked_for, full = FULL[0]
        written = ami_message("UserEvent", T + 11.01, UserEvent="FULL", Queue=600)
        first, repeated = self.map_messages(([asked_for, full, written], []))
        assert (first.id, first.data.visit) == (repeated.id, repeated.data.visit)


class TestPrivacy:
    NAMES = NameResolver(config(), KEY)

    def test_only_required_fields_are_stored(self) -> None:
        assert filter_message(step("1", Application="Set", AppData="NUMERO=0639980000"), self.NAMES) == {
            **{key: step("1")[key] for key in ("Event", "Timestamp", "Uniqueid", "Context", "Extension", "Priority")},
            "Application": "Set",
        }
        filtered = filter_message(JOIN | {"CallerIDName": "Mireille Exemple", "Queue": "x" * 1_000}, self.NAMES)
        assert filtered is not None
        assert "CallerIDName" not in filtered
        assert len(filtered["Queue"]) == LONGEST

    @pytest.mark.parametrize(
        ("message", "header", "stored"),
        [
            (JOIN | {"Exten": "0639980000"}, "Exten", False),
            (step("0639980000", Application="Queue", AppData="600"), "Extension", False),
            (step("600", priority=2, Application="Queue", AppData="600"), "Extension", False),
            (transfer("BlindTransfer", extension="0639980000"), "Extension", False),
            (JOIN, "Exten", True),
            (step("1"), "Extension", True),
            (step("610", Application="Queue", AppData="610"), "Extension", True),
            (transfer("BlindTransfer"), "Extension", True),
            (ami_message("Newchannel", Exten="0199000010"), "Exten", True),
        ],
    )
    def test_only_keys_queues_and_lines_are_stored(self, message: Message, header: str, *, stored: bool) -> None:
        filtered = filter_message(message, self.NAMES) or {}
        assert filtered.get(header) == (message[header] if stored else None)
        assert filtered.keys() >= {"Event", "Timestamp"}

    @pytest.mark.parametrize(
        "message",
        [
            step("0639980000"),
            ami_message("Newchannel", Exten="0639980000"),
            ami_message("Newexten", Priority=2, Application="Set", AppData="NUMERO=0639980000"),
            variable("NUMERO", "0639980000"),
            ami_message("MixMonitorStart"),
        ],
    )
    def test_irrelevant_messages_are_dropped(self, message: Message) -> None:
        assert filter_message(message, self.NAMES) is None

    def test_memory_contains_no_number(self) -> None:
        mapper = MessageMapper(queues={"06 39 98 00 00": {"label": "permanence"}})
        moved = step("0639980000", Application="Queue", AppData="06 39 98 00 00,t")
        join = JOIN | {"Queue": "06 39 98 00 00", "Exten": "0639980000"}
        (event,) = mapper.events(moved, join, transfer("BlindTransfer", extension="0639980000"))
        assert event.data.queue == "permanence"
        assert b"39980000" not in msgspec.json.encode(mapper.tracker)
        assert b"39 98" not in msgspec.json.encode(mapper.tracker)

    @pytest.mark.parametrize("number", ["639980012", "0639980012", "33639980012", "2125551234", "inf", "nan"])
    def test_phone_number_is_neither_a_time_nor_a_duration(self, number: str) -> None:
        mapper = MessageMapper()
        gave_up = ABANDON | {"Position": number, "HoldTime": number, "OriginalPosition": number}
        answered = CONNECT | {"HoldTime": number, "Timestamp": number}
        events = mapper.events(JOIN | {"Position": number}, answered, ASKED, gave_up, HANGUP)
        published = "".join(encode(event).decode() for event in events)
        assert number not in published + msgspec.json.encode(mapper.tracker).decode()
        assert {event.time.year for event in events} == {2026}


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (["SUPPORT", "support", "Support"], "aide"),
        (["Accueil général"] * 3, "accueil-general"),
    ],
)
def test_queue_has_one_label_for_all_spellings(names: list[str], label: str) -> None:
    asked, joined, answered = names
    mapper = MessageMapper(queues={"Support": {"label": "aide"}})
    queue_step = step("600", Application="Queue", AppData=f"{asked},t")
    talk = [JOIN | {"Queue": joined}, CONNECT | {"Queue": answered}, complete("caller") | {"Queue": joined}]
    events = mapper.events(queue_step, *talk)
    assert {(event.data.queue, getattr(event.data, "visit", 1)) for event in events} == {(label, 1)}


MESSAGES = [
    JOIN, ASKED, ABANDON, LEAVE, HANGUP, CONNECT, complete("caller"), complete("transfer"), transfer("BlindTransfer"),
    variable("QUEUESTATUS", "TIMEOUT"), variable("QUEUESTATUS", "FULL"), step("1"),
    step("600", Application="Queue", AppData="610"),
    ami_message("AgentRingNoAnswer", **WHO, RingTime=9), ami_message("QueueMemberAdded", **WHO, Paused=1),
    ami_message("QueueMemberRemoved", **WHO),
    ami_message("UserEvent", UserEvent="MENU", Data="2"), ami_message("Newchannel", Exten="0199000010"),
    JOIN | {"Queue": "610", "Timestamp": f"{T + 3}"},
]  # fmt: skip


@given(st.lists(st.sampled_from(MESSAGES), max_size=25), st.integers(0, 25))
@settings(max_examples=80, deadline=None)
def test_restart_at_any_point_gives_the_same_events(messages: list[Message], at: int) -> None:
    def mapped(mapper: MessageMapper, some: list[Message]) -> list[object]:
        return [
            outcome.reason if isinstance(outcome, Reject) else [encode(event) for event in outcome]
            for outcome in map(mapper.outcome, some)
        ]

    whole = mapped(MessageMapper(), messages)
    before = MessageMapper()
    first = mapped(before, messages[:at])
    after = MessageMapper(msgspec.json.decode(msgspec.json.encode(before.tracker), type=CallTracker))
    assert first + mapped(after, messages[at:]) == whole


TEXT = st.text(max_size=12) | st.sampled_from(["NONE", CALL, "600", "-1", "9" * 30, "0639980000"])


@given(st.sampled_from([*MESSAGES, ami_message("AgentLogin", Agent="1")]), st.dictionaries(
    st.sampled_from(["Uniqueid", "Queue", "Timestamp", "MemberName", "HoldTime", "Position", "Value", "UserEvent", "Data"]), TEXT,
))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_no_message_raises(message: Message, otherwise: Message) -> None:
    outcome = MessageMapper().outcome(message | otherwise)
    assert isinstance(outcome, Reject) or all(decode(encode(event)) == event for event in outcome)


class TestWire:
    CONTENT = b"Event: A\r\nKey: one: two\r\nKey: other\r\nEmpty: \r\n\r\n\r\n\r\nResponse: Success\r\n\r\n"

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
    def test_messages_may_be_split_at_any_byte(self, size: int) -> None:
        reader = MessageReader()
        pieces = [self.CONTENT[at : at + size] for at in range(0, len(self.CONTENT), size)]
        found = [message for piece in pieces for message in reader.feed(piece)]
        assert found == [{"Event": "A", "Key": "one: two", "Empty": ""}, {"Response": "Success"}]

    def test_name_in_another_encoding_is_read(self) -> None:
        messages = MessageReader().feed(b"Name: Andr\xe9\r\n\r\nName: Andr\xc3\xa9\r\n\r\nName: Andr\x81\r\n\r\n")
        assert [message["Name"] for message in messages] == ["Andr\xe9", "Andr\xe9", "Andr\x81"]

    @pytest.mark.parametrize("size", [100, 4_096, 200_000])
    def test_oversized_message_is_dropped_and_reported(self, size: int) -> None:
        reader, content = (
            MessageReader(),
            b"Event: A\r\nX: " + b"x" * (2 * MAX_MESSAGE_BYTES) + b"\r\n\r\nEvent: B\r\n\r\n",
        )
        found = []
        for at in range(0, len(content), size):
            found += reader.feed(content[at : at + size])
            assert len(reader._pending) <= MAX_MESSAGE_BYTES + size
        assert found == [{"Event": OVERSIZED}, {"Event": "B"}]
