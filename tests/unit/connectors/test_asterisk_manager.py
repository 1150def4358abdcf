"""Messages of the manager interface of an Asterisk: taken apart, kept in part, and translated."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.call_history import CallHistory
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.manager.ami_protocol import (
    CONNECTED,
    LISTED,
    MAX_MESSAGE_BYTES,
    OVERSIZED,
    Message,
    MessageReader,
    encode_action,
)
from connectors.asterisk.manager.call_tracker import CallTracker
from connectors.asterisk.manager.mapping import Context, ManagerMapping
from connectors.asterisk.manager.message_filter import LONGEST, ManagerRecord, filter_message
from connectors.asterisk.mapping import QueueLogMapping
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.queue_log import LogLine
from connectors.sdk.config import parse
from connectors.sdk.contract import Reject
from connectors.sdk.errors import ConfigError
from connectors.sdk.journaled_stream import JournalEntry
from models.codec import decode, encode
from models.events import Event
from models.identities import IdentityKind, PseudonymKey
from models.reasons import Reason

T = 1_773_650_000
NOW = datetime.fromtimestamp(T + 3_600, UTC)
KEY = PseudonymKey("social", bytes(range(32)))
CALL = f"{T}.17"
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


class Ear:
    """A mapping that is told messages."""

    def __init__(self, watch: CallTracker | None = None, *, beside_log: bool = False, **options: Any) -> None:
        self.watch = watch or CallTracker()
        self.mapping = ManagerMapping("asterisk/essai", config(**options), KEY, self.watch, with_log=beside_log)
        self.names = NameResolver(config(**options), KEY)

    def outcome(self, message: Message, **rows: list[Message]) -> Sequence[Event] | Reject:
        kept = message if message["Event"].startswith("=") else filter_message(message, self.names)
        if kept is None:
            return ()
        return self.mapping.map(JournalEntry(msgspec.json.encode(ManagerRecord(1, T + 3_600, kept, **rows)), NOW))

    def hear(self, *messages: Message) -> list[Event]:
        events: list[Event] = []
        for message in messages:
            outcome = self.outcome(message)
            assert not isinstance(outcome, Reject), outcome
            events += outcome
        return events

    def last(self, *messages: Message) -> list[Event]:
        """The events of the last message."""
        self.hear(*messages[:-1])
        return self.hear(messages[-1])


def said(event: str, at: float = T + 0.25, call: str = CALL, **more: object) -> Message:
    return {
        "Event": event,
        "Timestamp": f"{at:.6f}",
        "Uniqueid": call,
        "Linkedid": call,
        "Context": "queues",
        **{key: str(value) for key, value in more.items()},
    }


def variable(name: str, value: str, at: float = T + 9.25) -> Message:
    return said("VarSet", at, Variable=name, Value=value)


def step(extension: str, at: float = T + 9.3, context: str = "touches", priority: int = 1, **more: object) -> Message:
    place = {"Context": context, "Extension": extension, "Priority": priority}
    return said("Newexten", at, **place | {"Application": "NoOp", "AppData": ""} | more)


JOIN = said("QueueCallerJoin", Queue=600, Position=2, Exten=600, CallerIDNum="0639980000")
ASKED = step("600", T + 0.2, "queues", Application="Queue", AppData="600,t,,,300")
ABANDON = said("QueueCallerAbandon", T + 9.25, Queue=600, Position=1, OriginalPosition=2, HoldTime=9)
LEAVE = said("QueueCallerLeave", T + 9.25, Queue=600, Count=0, Position=1)
WHO = {"Queue": 600, "MemberName": "PJSIP/31", "Interface": "Local/31@x"}
REFUSED = {"visit": 863}
CONNECT = said("AgentConnect", T + 9.25, **WHO, HoldTime=9, RingTime=4)
HANGUP = said("Hangup", T + 9.4)


def complete(reason: str) -> Message:
    return said("AgentComplete", T + 60.5, **WHO, HoldTime=9, TalkTime=51, Reason=reason)


def transfer(event: str, result: str = "Success", extension: str = "610") -> Message:
    return {
        "Event": event,
        "Result": result,
        "TransfereeUniqueid": CALL,
        "Extension": extension,
        "Timestamp": f"{T + 60}",
    }


def data_of(event: Event) -> dict[str, Any]:
    return event.data.model_dump(mode="json", exclude_none=True)


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
        ([JOIN, said("AgentDump", **WHO), ASKED, ABANDON, LEAVE, HANGUP], "call.abandoned",
            {"position": 1, "original_position": 2, "wait_seconds": 9}),
        ([step("600", Application="Queue", AppData="600,t,,,300"), variable("QUEUESTATUS", "FULL")], "call.left_queue",
            {"reason": "full"} | REFUSED),
        ([step("600", Application="Queue", AppData="600"), variable("QUEUESTATUS", "JOINEMPTY")], "call.left_queue",
            {"reason": "empty"} | REFUSED),
        ([said("UserEvent", UserEvent="FULL", Queue=600)], "call.left_queue", {"reason": "full"} | REFUSED),
    ],
)  # fmt: skip
def test_messages_about_a_call_give_its_events(messages: list[Message], kind: str, data: dict[str, Any]) -> None:
    event = Ear().last(*messages)[0]
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
        [JOIN, said("AgentDump", **WHO)],
        [JOIN, ASKED, ABANDON, ABANDON],
        [said("UserEvent", UserEvent="NEWS", Queue=600)],
        [said("UserEvent", UserEvent="INFO", Queue=600)],
        [variable("QUEUESTATUS", "FULL")],
        [variable("VMSTATUS", "SUCCESS")],
        [said("Newchannel", Exten="8123")],
        [said("Newchannel", Exten="0199000010") | {"Linkedid": f"{T}.16"}],
        [said("Newstate", Queue=600)],
        [{"Event": "Hangup"}],
    ],
)
def test_irrelevant_messages_give_no_events(messages: list[Message]) -> None:
    assert Ear().last(*messages) == []


def test_abandoned_call_counts_once() -> None:
    again = said("QueueCallerJoin", T + 20.5, Queue=610, Position=1, Exten=610)
    events = Ear().hear(JOIN, ASKED, ABANDON, LEAVE, again, HANGUP)
    assert [event.type for event in events] == ["call.queued", "call.abandoned", "call.queued"]


class TestOutsideQueues:
    def test_call_to_a_configured_number_has_arrived(self) -> None:
        (event,) = Ear().hear(said("Newchannel", Exten="0199000010"))
        assert (event.type, data_of(event)) == ("call.arrived", {"line": "principale"})

    @pytest.mark.parametrize(
        ("chosen", "option"),
        [("2", "rsa"), ("main|1", "routes"), ("3", "3"), ("12", ""), ("0639980000", ""), ("*", ""), ("", "")],
    )
    def test_choice_has_its_configured_label(self, chosen: str, option: str) -> None:
        (event,) = Ear().hear(said("UserEvent", UserEvent="MENU", Data=chosen))
        assert (event.type, event.data.option) == ("call.menu_chosen", option)
        assert "0639980000" not in encode(event).decode()

    def test_each_choice_is_a_separate_event(self) -> None:
        choices = [said("UserEvent", T + n, UserEvent="MENU", Data=chosen) for n, chosen in enumerate("2223")]
        assert len({event.id for event in Ear().hear(*choices)}) == 4

    def test_voice_message_counts_once(self) -> None:
        arrived = said("Newchannel", Exten="0199000010")
        by_the_dialplan = said("UserEvent", T + 9, UserEvent="VOICEMAIL", Data="23")
        events = Ear().hear(arrived, variable("VMSTATUS", "SUCCESS"), by_the_dialplan)
        assert [event.type for event in events] == ["call.arrived", "call.voicemail_left"]


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (said("QueueMemberAdded", **WHO, Paused=0), ["logged_in"]),
        (said("QueueMemberAdded", **WHO, Paused=1), ["logged_in", "paused"]),
        (said("QueueMemberRemoved", **WHO), ["logged_out"]),
        (said("QueueMemberPause", **WHO, Paused=1), ["paused"]),
        (said("QueueMemberPause", **WHO, Paused=0), ["unpaused"]),
        (said("AgentLogin", Agent="PJSIP/31"), ["logged_in"]),
        (said("AgentLogoff", Agent="PJSIP/31", Logintime=60), ["logged_out"]),
        (said("AgentRingNoAnswer", **WHO, RingTime=15000), ["ring_unanswered"]),
    ],
)
def test_message_about_an_agent_gives_its_event(message: Message, changes: list[str]) -> None:
    events = Ear().hear(message)
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
        (said("QueueMemberPause", Queue=600, Paused=1), Reason.UNREADABLE_LINE),
        (said("UserEvent", UserEvent="FULL"), Reason.UNREADABLE_LINE),
        (ABANDON, Reason.UNKNOWN_RECORD),
        ({"Event": OVERSIZED}, Reason.OVERSIZED),
    ],
)
def test_rejected_message_has_its_reason(message: Message, reason: Reason) -> None:
    ear = Ear()
    reject = ear.outcome(message)
    assert isinstance(reject, Reject)
    assert reject.reason is reason
    watch = msgspec.json.decode(reject.context, type=Context).manager
    again = Ear(watch).mapping.map(JournalEntry(reject.record, NOW))
    assert isinstance(again, Reject)
    assert ear.hear(said("QueueCallerJoin", call=f"{T}.18", Queue=600)), "the message after it is read"


def test_invalid_number_is_omitted() -> None:
    (event,) = Ear().last(JOIN, ASKED, ABANDON | {"HoldTime": "-3", "Position": "9" * 20}, LEAVE, HANGUP)
    assert data_of(event) == {"queue": "accueil", "visit": 1, "original_position": 2}


def test_message_without_a_timestamp_has_its_receipt_time() -> None:
    (event,) = Ear().hear(without(JOIN, "Timestamp"))
    assert event.time == NOW


class TestBesideTheLog:
    def test_earlier_call_is_left_to_the_log(self) -> None:
        ear = Ear(beside_log=True)
        ear.outcome({"Event": CONNECTED, "Timestamp": f"{T}.5"})
        assert ear.hear(JOIN) == []
        assert ear.hear(JOIN | {"Uniqueid": f"{T + 1}.3"}) != []
        assert ear.hear(JOIN | {"Uniqueid": "made-by-hand"}) == []

    def test_waiting_callers_are_left_to_the_log_but_agents_are_not(self) -> None:
        ear = Ear(beside_log=True)
        row = {"Queue": "600", "Name": "PJSIP/31", "Paused": "0", "InCall": "0"}
        entry = {"Queue": "600", "Uniqueid": CALL, "Wait": "9"}
        listed = ear.outcome({"Event": LISTED, "Timestamp": f"{T}.5"}, members=[row], entries=[entry])
        assert not isinstance(listed, Reject)
        assert [event.type for event in listed] == ["agent.state_changed"]


def asked(queue: int, at: float) -> Message:
    return step("s", at, "queues", Application="Queue", AppData=f"{queue},t")


def log_line(event: str, queue: int, at: int, *parameters: object) -> str:
    return "|".join(map(str, (at, CALL, queue, "NONE", event, *parameters)))


Step = tuple[list[Message], list[str]]
"""What the manager interface tells, and what the log has of it."""
QUEUED: Step = (
    [JOIN, ASKED, ABANDON, LEAVE, variable("QUEUESTATUS", "TIMEOUT")],
    [log_line("ENTERQUEUE", 600, T, "", "0639980000", 2), log_line("EXITWITHTIMEOUT", 600, T + 9, 1, 2, 9)],
)
QUEUED_ELSEWHERE: Step = (
    [asked(610, T + 20.1), said("QueueCallerJoin", T + 20.2, Queue=610, Position=1, Exten=610)],
    [log_line("ENTERQUEUE", 610, T + 20, "", "", 1)],
)
FULL: Step = [asked(600, T + 10.1), variable("QUEUESTATUS", "FULL", T + 10.2)], [log_line("FULL", 600, T + 11)]
EMPTY: Step = [asked(620, T + 12.1), variable("QUEUESTATUS", "JOINEMPTY", T + 12.2)], [log_line("EMPTY", 620, T + 12)]
WRITTEN: Step = [said("UserEvent", T + 13.9, UserEvent="FULL", Queue=630)], [log_line("FULL", 630, T + 14)]
UNKNOWN: Step = [said("UserEvent", T + 15.1, UserEvent="NEWS", Queue=600)], [log_line("NEWS", 600, T + 15)]


class TestBesideTheLogOrAlone:
    """A fact has one id and one number, whether the log, the manager interface or both tell of it, and of what was before."""

    OPTIONS: ClassVar = {"custom_events": {"FULL": "full", "EMPTY": "empty"}}

    def hear(self, *steps: Step) -> list[Event]:
        return Ear(**self.OPTIONS).hear(*(message for messages, _ in steps for message in messages))

    def read(self, *steps: Step) -> list[Event]:
        mapping = QueueLogMapping("asterisk/essai", config(**self.OPTIONS), KEY, CallHistory())
        outcomes = [mapping.map(LogLine(line.encode(), NOW)) for _, lines in steps for line in lines]
        return [event for outcome in outcomes if not isinstance(outcome, Reject) for event in outcome]

    @pytest.mark.parametrize("by_manager", range(4))
    @pytest.mark.parametrize("by_log", range(4))
    @pytest.mark.parametrize("steps", [*permutations([FULL, EMPTY, WRITTEN, UNKNOWN], 2)])
    def test_refusals_of_either_interface_change_no_stay_number(
        self, steps: tuple[Step, Step], by_log: int, by_manager: int
    ) -> None:
        def told(by: int) -> list[Step]:
            return [QUEUED, *(step for place, step in enumerate(steps) if by & 1 << place), QUEUED_ELSEWHERE]

        heard, read = self.hear(*told(by_manager)), self.read(*told(by_log))
        facts = {(event.type, event.data.queue, getattr(event.data, "reason", "")) for event in [*heard, *read]}
        stays = {(event.data.queue, event.data.visit) for event in [*heard, *read]}
        assert len({event.id for event in [*heard, *read]}) == len(facts)
        assert len({visit for _, visit in stays}) == len(stays)
        assert {("accueil", 1), ("mdph", 2)} <= stays
        if by_manager == by_log:
            assert [event.id for event in heard] == [event.id for event in read]

    def test_refusal_under_several_names_counts_once(self) -> None:
        asked_for, full = FULL[0]
        written = said("UserEvent", T + 11.01, UserEvent="FULL", Queue=600)
        first, again = self.hear(([asked_for, full, written], []))
        assert (first.id, first.data.visit) == (again.id, again.data.visit)

    def test_meaning_configured_later_gives_the_same_refusal_numbers(self) -> None:
        lines = [log_line("BUSY", 600, T + n) for n in range(3)]
        unexplained = QueueLogMapping("asterisk/essai", config(), KEY, CallHistory())
        rejects = [unexplained.map(LogLine(line.encode(), NOW)) for line in lines]
        explained = config(custom_events={"BUSY": "full"})

        def again(memory: CallHistory, line: str) -> list[str]:
            outcome = QueueLogMapping("asterisk/essai", explained, KEY, memory).map(LogLine(line.encode(), NOW))
            assert not isinstance(outcome, Reject)
            return [event.id for event in outcome]

        memories = [msgspec.json.decode(one.context, type=CallHistory) for one in rejects if isinstance(one, Reject)]
        at_once = CallHistory()
        assert list(map(again, memories, lines)) == [again(at_once, line) for line in lines]


class TestPrivacy:
    NAMES = NameResolver(config(), KEY)

    def test_only_required_fields_are_stored(self) -> None:
        assert (
            filter_message(said("Newexten", Priority=2, Application="Set", AppData="NUMERO=0639980000"), self.NAMES)
            is None
        )
        assert filter_message(step("1", Application="Set", AppData="NUMERO=0639980000"), self.NAMES) == {
            **{key: step("1")[key] for key in ("Event", "Timestamp", "Uniqueid", "Context", "Extension", "Priority")},
            "Application": "Set",
        }
        assert filter_message(variable("NUMERO", "0639980000"), self.NAMES) is None
        assert filter_message(said("MixMonitorStart"), self.NAMES) is None
        kept = filter_message(JOIN | {"CallerIDName": "Mireille Exemple", "Queue": "x" * 1_000}, self.NAMES)
        assert kept is not None
        assert "CallerIDName" not in kept
        assert len(kept["Queue"]) == LONGEST

    @pytest.mark.parametrize(
        ("message", "header"),
        [
            (JOIN | {"Exten": "0639980000"}, "Exten"),
            (step("0639980000", Application="Queue", AppData="600"), "Extension"),
            (step("600", priority=2, Application="Queue", AppData="600"), "Extension"),
            (transfer("BlindTransfer", extension="0639980000"), "Extension"),
        ],
    )
    def test_irrelevant_dialled_number_is_dropped(self, message: Message, header: str) -> None:
        assert filter_message(message, self.NAMES) == filter_message(without(message, header), self.NAMES)

    @pytest.mark.parametrize("message", [step("0639980000"), said("Newchannel", Exten="0639980000")])
    def test_irrelevant_dialplan_steps_are_dropped(self, message: Message) -> None:
        assert filter_message(message, self.NAMES) is None

    @pytest.mark.parametrize(
        ("message", "header"),
        [
            (JOIN, "Exten"),
            (step("1"), "Extension"),
            (step("610", Application="Queue", AppData="610"), "Extension"),
            (transfer("BlindTransfer"), "Extension"),
            (said("Newchannel", Exten="0199000010"), "Exten"),
        ],
    )
    def test_keys_queues_and_lines_are_stored(self, message: Message, header: str) -> None:
        assert (filter_message(message, self.NAMES) or {}).get(header) == message[header]

    def test_memory_contains_no_number(self) -> None:
        ear = Ear(queues={"06 39 98 00 00": {"label": "permanence"}})
        moved = step("0639980000", Application="Queue", AppData="06 39 98 00 00,t")
        join = JOIN | {"Queue": "06 39 98 00 00", "Exten": "0639980000"}
        (event,) = ear.hear(moved, join, transfer("BlindTransfer", extension="0639980000"))
        assert event.data.queue == "permanence"
        assert b"39980000" not in msgspec.json.encode(ear.watch)
        assert b"39 98" not in msgspec.json.encode(ear.watch)

    def test_queue_with_an_unusual_name_keeps_its_label(self) -> None:
        ear = Ear()
        odd = {"Queue": "Accueil général"}
        (event,) = ear.last(JOIN | odd, ASKED, ABANDON | odd, LEAVE | odd, HANGUP)
        assert event.data.queue == "accueil-general"


MESSAGES = [
    JOIN, ASKED, ABANDON, LEAVE, HANGUP, CONNECT, complete("caller"), complete("transfer"), transfer("BlindTransfer"),
    variable("QUEUESTATUS", "TIMEOUT"), variable("QUEUESTATUS", "FULL"), step("1"),
    step("600", Application="Queue", AppData="610"),
    said("AgentRingNoAnswer", **WHO, RingTime=9), said("QueueMemberAdded", **WHO, Paused=1), said("QueueMemberRemoved", **WHO),
    said("UserEvent", UserEvent="MENU", Data="2"), said("Newchannel", Exten="0199000010"),
    JOIN | {"Queue": "610", "Timestamp": f"{T + 3}"},
]  # fmt: skip


@given(st.lists(st.sampled_from(MESSAGES), max_size=25), st.integers(0, 25))
@settings(max_examples=80, deadline=None)
def test_restart_at_any_point_gives_the_same_events(messages: list[Message], at: int) -> None:
    def heard(ear: Ear, some: list[Message]) -> list[object]:
        return [
            outcome.reason if isinstance(outcome, Reject) else [encode(event) for event in outcome]
            for outcome in map(ear.outcome, some)
        ]

    whole = heard(Ear(), messages)
    before = Ear()
    first = heard(before, messages[:at])
    after = Ear(msgspec.json.decode(msgspec.json.encode(before.watch), type=CallTracker))
    assert first + heard(after, messages[at:]) == whole


TEXT = st.text(max_size=12) | st.sampled_from(["NONE", CALL, "600", "-1", "9" * 30, "0639980000"])


@given(st.sampled_from([*MESSAGES, said("AgentLogin", Agent="1")]), st.dictionaries(
    st.sampled_from(["Uniqueid", "Queue", "Timestamp", "MemberName", "HoldTime", "Position", "Value", "UserEvent", "Data"]), TEXT,
))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_no_message_raises(message: Message, otherwise: Message) -> None:
    outcome = Ear().outcome(message | otherwise)
    assert isinstance(outcome, Reject) or all(decode(encode(event)) == event for event in outcome)


class TestWire:
    CONTENT = b"Event: A\r\nKey: one: two\r\nKey: other\r\nEmpty: \r\n\r\n\r\n\r\nResponse: Success\r\n\r\n"

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
    def test_messages_may_be_split_at_any_byte(self, size: int) -> None:
        reader = MessageReader()
        pieces = [self.CONTENT[at : at + size] for at in range(0, len(self.CONTENT), size)]
        found = [message for piece in pieces for message in reader.feed(piece)]
        assert found == [{"Event": "A", "Key": "one: two", "Empty": ""}, {"Response": "Success"}]

    def test_encoded_action_can_be_read(self) -> None:
        assert MessageReader().feed(encode_action("Login", Username="a", Secret="b: c")) == [
            {"Action": "Login", "Username": "a", "Secret": "b: c"}
        ]

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


class TestConfig:
    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"ami": None}, r"^essai needs path, ami, or both$"),
            ({"ami": {"host": "a", "username": "b"}}, r"^essai\.ami\.secret is missing$"),
            ({"ami": {"host": "a b", "username": "b", "secret": "c"}}, r"essai\.ami\.host must match"),
            ({"ami": {"host": "a", "username": "b\r\nc", "secret": "c"}}, r"essai\.ami\.username must match"),
            (
                {"ami": {"host": "a", "username": "b", "secret": "c\r\nAction: Originate"}},
                r"secret is empty, or more than one",
            ),
            ({"ami": {"host": "a", "username": "b", "secret": "c", "port": 0}}, r"essai\.ami\.port must be at least 1"),
        ],
    )
    def test_configuration_error_names_the_option(self, options: dict[str, Any], complaint: str) -> None:
        with pytest.raises(ConfigError, match=complaint) as refusal:
            config(**options)
        assert "Originate" not in str(refusal.value)

    @pytest.mark.parametrize(
        ("options", "address"),
        [
            ({"host": "localhost"}, ("localhost", 5038)),
            ({"host": "127.0.0.1"}, ("127.0.0.1", 5038)),
            ({"host": "pbx.example.org"}, ("pbx.example.org", 5039)),
            ({"host": "pbx.example.org", "tls": False}, ("pbx.example.org", 5038)),
            ({"host": "localhost", "tls": True}, ("localhost", 5039)),
            ({"host": "pbx.example.org", "port": 1234}, ("pbx.example.org", 1234)),
        ],
    )
    def test_remote_connection_is_encrypted_by_default(self, options: dict[str, Any], address: tuple[str, int]) -> None:
        manager = config(ami={"username": "a", "secret": "b"} | options).ami
        assert manager is not None
        assert manager.address == address
