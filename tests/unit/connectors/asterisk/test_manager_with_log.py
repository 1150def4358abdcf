"""Manager interface and queue_log together: each fact counts once, with the same id."""

from itertools import permutations
from typing import ClassVar

import msgspec
import pytest

from connectors.asterisk.call_history import Call, CallHistory, StoredStay
from connectors.asterisk.manager.ami_protocol import CONNECTED, LISTED
from connectors.asterisk.manager.call_tracker import CallTracker, Leaving, Progress
from connectors.sdk.contract import Reject
from connectors.sdk.journaled_stream import Message
from models.events import Event
from models.identities import IdentityKind
from tests.support.manager_messages import (
    ABANDON,
    AGENT,
    JOIN,
    LEAVE,
    OPTIONS,
    REQUEST,
    MessageMapper,
    ami_message,
    step,
    variable,
)
from tests.support.queue_log import CALL, KEY, Log, T


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
    [JOIN, REQUEST, ABANDON, LEAVE, variable("QUEUESTATUS", "TIMEOUT")],
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
FULL_ELSEWHERE: Step = (
    [ami_message("UserEvent", T + 13.9, UserEvent="FULL", Queue=630)],
    [log_line("FULL", 630, T + 14)],
)
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
    @pytest.mark.parametrize("steps", [*permutations([FULL, EMPTY, FULL_ELSEWHERE, UNKNOWN], 2)])
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
        requested, full = FULL[0]
        written = ami_message("UserEvent", T + 11.01, UserEvent="FULL", Queue=600)
        first, repeated = self.map_messages(([requested, full, written], []))
        assert (first.id, first.data.visit) == (repeated.id, repeated.data.visit)


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
    answered = mapper.events(ami_message("AgentConnect", T + 9, **AGENT | {"Queue": "Support"}, HoldTime=9, RingTime=4))
    assert answered[0].data.visit == 1
