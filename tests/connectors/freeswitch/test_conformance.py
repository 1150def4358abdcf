"""Conformance of the FreeSWITCH connector, with a simulated event socket."""

from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path
from typing import Any

import connectors.freeswitch as freeswitch
from connectors.freeswitch.simulate import Callcenter, CallcenterChange, EventSocket, configuration
from connectors.sdk.testing.hostile import CONTENTS
from tests.support.freeswitch_harness import NINE, serving, simulate_calls
from tests.support.socket_sources import SocketConformance

PERSONAL = (
    "0639985511",
    "Mireille Exemple",
    "jean.modele@example.org",
    "06.39.98.55.12",
    "06-39-98-55-12",
    "+33639985513",
    "jean.modele",
    "639985511",
)


TIMES = ("CC-Member-Joined-Time", "CC-Agent-Called-Time", "CC-Agent-Answered-Time")


def bad_events() -> list[CallcenterChange]:
    """Return malformed events, and events with personal data in every possible field."""
    base = {
        "Event-Name": "CUSTOM",
        "Event-Subclass": "callcenter::info",
        "Event-Date-Timestamp": str(int(NINE + 600) * 1_000_000),
    }
    call = {"CC-Member-UUID": PERSONAL[0], "CC-Member-Session-UUID": PERSONAL[3], "CC-Queue": PERSONAL[4]}
    who = {
        "CC-Member-CID-Number": PERSONAL[0],
        "CC-Member-CID-Name": PERSONAL[1],
        "Channel-Name": f"sofia/external/{PERSONAL[2]}",
        "variable_sip_from_user": PERSONAL[5],
        "variable_transfer_history": f"{int(NINE)}:x:bl_xfer:{PERSONAL[5]}/default/XML",
    }
    odd = base | call | who | {"CC-Agent": PERSONAL[2]}
    groups = [
        [base | who | {"CC-Action": "member-queue-start", "CC-Queue": "accueil"}],
        [base | {"CC-Action": "agent-status-change", "CC-Agent-Status": "Available"}],
        [base | {"CC-Action": "agent-status-change", "CC-Agent": PERSONAL[2], "CC-Agent-Status": PERSONAL[1]}],
        [base | {"CC-Action": "members-count", "CC-Selection": PERSONAL[1]}],
        [base | who | call | {"CC-Action": "member-queue-end", "CC-Padding": "x" * 300_000}],
        [
            odd | {"CC-Action": action, "CC-Cause": "Terminated", "CC-Agent-Bridged": PERSONAL[1]}
            for action in ("member-queue-start", "bridge-agent-start", "bridge-agent-end", "member-queue-end")
        ],
        [
            odd | {"CC-Queue": PERSONAL[2], "CC-Action": action, "CC-Cause": "Terminated"}
            for action in ("member-queue-start", "bridge-agent-start", "bridge-agent-end", "member-queue-end")
        ],
        [
            odd
            | {"CC-Queue": PERSONAL[2], "CC-Action": action, "CC-Cause": "Terminated"}
            | dict.fromkeys(TIMES, PERSONAL[0])
            for action in ("member-queue-start", "bridge-agent-start", "bridge-agent-end", "member-queue-end")
        ],
        [
            base
            | {"Event-Name": "CHANNEL_CREATE", "Call-Direction": "inbound", "Caller-Destination-Number": "0199000010"}
        ],
    ]
    for event in groups[-1]:
        event.pop("Event-Subclass", None)
    return [CallcenterChange(NINE + 600, [], group) for group in groups]


class TestConformance(SocketConformance):
    connector = freeswitch.CONNECTOR
    readme = Path(freeswitch.__file__).with_name("README.md")
    personal = PERSONAL

    def serve(self, directory: Path) -> AbstractContextManager[EventSocket]:
        return serving(NINE, listener=directory)

    def options(self, directory: Path) -> dict[str, Any]:
        return configuration(self.server(directory).port)

    def send(self, server: EventSocket, item: CallcenterChange) -> None:
        server.apply(item)

    def supply_hostile(self, directory: Path) -> None:
        good = {"Event-Date-Timestamp": str(int(NINE + 7_200) * 1_000_000), "CC-Queue": "accueil", "CC-Agent": "agent"}
        good |= {"CC-Member-UUID": "9" * 8, "CC-Member-Session-UUID": "8" * 8, "CC-Agent-Status": "Available"}
        actions = ("member-queue-start", "bridge-agent-start", "bridge-agent-end", "member-queue-end")
        contents = [content.decode("utf-8", "replace") for content in CONTENTS.values()]
        names = cycle([*good, "CC-Action", "variable_transfer_history", "CC-Member-CID-Number"])
        for text, action, name in zip(contents, cycle([*actions, "agent-status-change"]), names, strict=False):
            event = {"Event-Name": "CUSTOM", "Event-Subclass": "callcenter::info", **good, "CC-Action": action}
            self.server(directory).apply(CallcenterChange(NINE + 7_200, [], [event | {name: text}]))

    def items(self, directory: Path) -> list[CallcenterChange]:
        happened: list[CallcenterChange] = []
        simulate_calls(Callcenter(happened.append), calls_per_hour=30)
        bad = bad_events()
        (directory / "bad").write_text(str(bad))
        for place, item in enumerate(bad, 1):
            happened.insert(place * len(happened) // (len(bad) + 1), item)
        return happened
