"""Messages of the Asterisk manager interface about a call, and the mapping used to test them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.manager.call_tracker import CallTracker
from connectors.asterisk.manager.mapping import ManagerMapping
from connectors.asterisk.manager.message_filter import ManagerRecord, filter_message
from connectors.asterisk.name_resolver import NameResolver
from connectors.sdk.config import parse
from connectors.sdk.contract import Reject
from connectors.sdk.journaled_stream import JournalEntry, Message
from models.events import Event
from tests.support.queue_log import CALL, KEY, NOW, Mapper, T

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
REQUEST = step("600", T + 0.2, "queues", Application="Queue", AppData="600,t,,,300")
ABANDON = ami_message("QueueCallerAbandon", T + 9.25, Queue=600, Position=1, OriginalPosition=2, HoldTime=9)
LEAVE = ami_message("QueueCallerLeave", T + 9.25, Queue=600, Count=0, Position=1)
AGENT = {"Queue": 600, "MemberName": "PJSIP/31", "Interface": "Local/31@x"}
CONNECT = ami_message("AgentConnect", T + 9.25, **AGENT, HoldTime=9, RingTime=4)
HANGUP = ami_message("Hangup", T + 9.4)


def complete(reason: str) -> Message:
    return ami_message("AgentComplete", T + 60.5, **AGENT, HoldTime=9, TalkTime=51, Reason=reason)


def transfer(event: str, result: str = "Success", extension: str = "610") -> Message:
    return {
        "Event": event,
        "Result": result,
        "TransfereeUniqueid": CALL,
        "Extension": extension,
        "Timestamp": f"{T + 60}",
    }
