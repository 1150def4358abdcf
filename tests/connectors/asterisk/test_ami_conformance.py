"""Conformance of the connector with the manager interface as its source."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import count, cycle
from pathlib import Path
from typing import Any

import connectors.asterisk as asterisk
from connectors.asterisk.simulate import ManagerServer, configuration, simulate_day
from connectors.sdk.testing.hostile import CONTENTS
from tests.support.asterisk_harness import MONDAY, NINE, options, serving
from tests.support.socket_sources import SocketConformance

PERSONAL = (
    "0639985511",
    "Mireille Exemple",
    "jean.modele",
    "PJSIP/9901",
    "06.39.98.55.12",
    "06-39-98-55-12",
    "639985511",
)

NO_LINES = {13: None, 10: None}


def bad_messages(seconds: Iterator[int]) -> list[list[dict[str, str]]]:
    """Return malformed messages, and messages with personal data in every possible field, each with its own second.

    The messages of a call that is followed to its end are together.
    """
    first = next(seconds)
    call = {"Uniqueid": f"{first}.900001", "Linkedid": f"{first}.900001"}
    who = {
        "CallerIDNum": PERSONAL[0],
        "CallerIDName": PERSONAL[1],
        "ConnectedLineName": PERSONAL[2],
        "Exten": PERSONAL[4],
    }
    member = {"MemberName": PERSONAL[3], "Interface": PERSONAL[3]}
    odd = call | who | member | {"Queue": PERSONAL[5], "Position": PERSONAL[0], "HoldTime": "x"}
    numbers = dict.fromkeys(("Position", "OriginalPosition", "HoldTime", "TalkTime", "RingTime"), PERSONAL[0])
    by_hand = who | {"Uniqueid": PERSONAL[0], "Queue": "600"}
    groups: list[list[dict[str, str]]] = [
        [{"Event": "QueueCallerJoin", "Queue": "600", **who}],
        [{"Event": "QueueCallerJoin", **call, **who}],
        [{"Event": "QueueMemberPause", "Queue": "600", "PausedReason": PERSONAL[1]}],
        [{"Event": "UserEvent", "UserEvent": "FULL", **call, "Queue": "", "Data": PERSONAL[5]}],
        [{"Event": event, **odd} for event in ("QueueCallerJoin", "QueueCallerLeave", "AgentConnect", "AgentComplete")],
        [
            {"Event": event, "Queue": "600", **by_hand, **member, **numbers, "Uniqueid": f"{PERSONAL[6]}1.1"}
            for event in (
                "QueueCallerJoin",
                "AgentConnect",
                "AgentRingNoAnswer",
                "AgentComplete",
                "QueueCallerAbandon",
                "Hangup",
            )
        ],
        [{"Event": event, **by_hand} for event in ("QueueCallerJoin", "Hangup")],
        [{"Event": "UserEvent", "UserEvent": PERSONAL[1], **call, "Data": PERSONAL[0]}],
        [{"Event": "UserEvent", "UserEvent": "MENU", **call, "Data": PERSONAL[0]}],
        [{"Event": "VarSet", **call, "Variable": "NUMERO", "Value": PERSONAL[0]}],
        [{"Event": "Hangup", **call, "Padding": "x" * 70_000}],
        [{"Event": event, **call, **who, "Queue": "600"} for event in ("QueueCallerAbandon", "Hangup")],
    ]
    return [
        [{"Privilege": "agent,all", "Timestamp": f"{next(seconds)}.250000", **message} for message in group]
        for group in groups
    ]


class TestConformance(SocketConformance):
    connector = asterisk.CONNECTOR
    readme = Path(asterisk.__file__).with_name("README.md")
    personal = PERSONAL

    def serve(self, directory: Path) -> AbstractContextManager[ManagerServer]:
        return serving(NINE, listener=directory)

    def options(self, directory: Path) -> dict[str, Any]:
        return configuration(ami=options(self.server(directory)))

    def send(self, server: ManagerServer, item: str | list[dict[str, str]]) -> None:
        if isinstance(item, str):
            server.publish(item, int(item.partition("|")[0]) + 0.5)
        else:
            for message in item:
                server.send_event(message)

    def supply_hostile(self, directory: Path) -> None:
        second = int(NINE) + 3_600
        good = {"Uniqueid": f"{second}.1", "Linkedid": f"{second}.1", "Queue": "600", "MemberName": "PJSIP/12"}
        good |= {"Position": "1", "HoldTime": "1", "Exten": "600", "Variable": "ABANDONED", "Value": "TRUE"}
        texts = [content.decode("utf-8", "replace") for content in CONTENTS.values()]
        events = ("QueueCallerJoin", "AgentConnect", "VarSet", "Newchannel", "UserEvent", "QueueMemberPause", "Hangup")
        for text, event, name in zip(texts, cycle(events), cycle([*good, "Timestamp", "Event"]), strict=False):
            message = {"Event": event, "Privilege": "agent,all", "Timestamp": f"{second}.5", **good, name: text}
            self.server(directory).send_event({key: value.translate(NO_LINES) for key, value in message.items()})

    def items(self, directory: Path) -> list[str | list[dict[str, str]]]:
        day = directory / "day"
        if not day.exists():
            simulate_day(day, day=MONDAY, seed=3, calls=40)
        lines = day.read_text().splitlines(keepends=True)
        seconds = [int(line.partition("|")[0]) for line in lines]
        bad = bad_messages(second for second in count(seconds[len(seconds) // 2]) if second not in seconds)
        (directory / "bad").write_text(str(bad))
        items: list[str | list[dict[str, str]]] = [*lines]
        for place, messages in enumerate(reversed(bad)):
            items.insert(len(items) - 1 - place * (len(lines) // (2 * len(bad))), messages)
        return items
