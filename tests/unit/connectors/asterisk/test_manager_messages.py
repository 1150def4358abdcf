"""Events and rejects of each kind of manager interface message."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.manager.ami_protocol import OVERSIZED
from connectors.asterisk.manager.call_tracker import CallTracker
from connectors.asterisk.manager.mapping import Context
from connectors.sdk.contract import Reject
from connectors.sdk.journaled_stream import JournalEntry, Message
from models.codec import decode, encode
from models.identities import IdentityKind
from models.reasons import Reason
from tests.support.manager_messages import (
    ABANDON,
    AGENT,
    CONNECT,
    HANGUP,
    JOIN,
    LEAVE,
    REQUEST,
    MessageMapper,
    ami_message,
    complete,
    step,
    transfer,
    variable,
)
from tests.support.queue_log import CALL, KEY, NOW, T, data_of

REFUSED = {"visit": 863}
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
        ([JOIN, REQUEST, ABANDON, LEAVE, HANGUP], "call.abandoned",
            {"position": 1, "original_position": 2, "wait_seconds": 9}),
        ([JOIN, REQUEST, ABANDON, LEAVE, variable("QUEUESTATUS", "TIMEOUT")], "call.left_queue",
            {"reason": "timeout", "wait_seconds": 9}),
        ([JOIN, REQUEST, ABANDON, LEAVE, variable("QUEUESTATUS", "LEAVEEMPTY")], "call.left_queue",
            {"reason": "empty", "wait_seconds": 9}),
        ([JOIN, REQUEST, ABANDON, LEAVE, variable("QUEUESTATUS", "WITHDRAW")], "call.left_queue",
            {"reason": "withdrawn", "wait_seconds": 9}),
        ([JOIN, LEAVE, variable("QUEUESTATUS", "TIMEOUT")], "call.left_queue", {"reason": "timeout", "wait_seconds": 9}),
        ([JOIN, LEAVE, step("1")], "call.left_queue", {"reason": "key", "wait_seconds": 9}),
        ([JOIN, ami_message("AgentDump", **AGENT), REQUEST, ABANDON, LEAVE, HANGUP], "call.abandoned",
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
        [JOIN, ami_message("AgentDump", **AGENT)],
        [JOIN, REQUEST, ABANDON, ABANDON],
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
    events = MessageMapper().events(JOIN, REQUEST, ABANDON, LEAVE, repeated, HANGUP)
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
        (ami_message("QueueMemberAdded", **AGENT, Paused=0), ["logged_in"]),
        (ami_message("QueueMemberAdded", **AGENT, Paused=1), ["logged_in", "paused"]),
        (ami_message("QueueMemberRemoved", **AGENT), ["logged_out"]),
        (ami_message("QueueMemberPause", **AGENT, Paused=1), ["paused"]),
        (ami_message("QueueMemberPause", **AGENT, Paused=0), ["unpaused"]),
        (ami_message("AgentLogin", Agent="PJSIP/31"), ["logged_in"]),
        (ami_message("AgentLogoff", Agent="PJSIP/31", Logintime=60), ["logged_out"]),
        (ami_message("AgentRingNoAnswer", **AGENT, RingTime=15000), ["ring_unanswered"]),
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


def test_invalid_number_is_omitted() -> None:
    (event,) = MessageMapper().last(JOIN, REQUEST, ABANDON | {"HoldTime": "-3", "Position": "9" * 20}, LEAVE, HANGUP)
    assert data_of(event) == {"queue": "accueil", "visit": 1, "original_position": 2}


def test_message_without_a_timestamp_has_its_receipt_time() -> None:
    (event,) = MessageMapper().events(without(JOIN, "Timestamp"))
    assert event.time == NOW


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (["SUPPORT", "support", "Support"], "aide"),
        (["Accueil général"] * 3, "accueil-general"),
    ],
)
def test_queue_has_one_label_for_all_spellings(names: list[str], label: str) -> None:
    requested, joined, answered = names
    mapper = MessageMapper(queues={"Support": {"label": "aide"}})
    queue_step = step("600", Application="Queue", AppData=f"{requested},t")
    talk = [JOIN | {"Queue": joined}, CONNECT | {"Queue": answered}, complete("caller") | {"Queue": joined}]
    events = mapper.events(queue_step, *talk)
    assert {(event.data.queue, getattr(event.data, "visit", 1)) for event in events} == {(label, 1)}


MESSAGES = [
    JOIN, REQUEST, ABANDON, LEAVE, HANGUP, CONNECT, complete("caller"), complete("transfer"), transfer("BlindTransfer"),
    variable("QUEUESTATUS", "TIMEOUT"), variable("QUEUESTATUS", "FULL"), step("1"),
    step("600", Application="Queue", AppData="610"),
    ami_message("AgentRingNoAnswer", **AGENT, RingTime=9), ami_message("QueueMemberAdded", **AGENT, Paused=1),
    ami_message("QueueMemberRemoved", **AGENT),
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
