"""Conformance of the graph connector with a fake Graph."""

from pathlib import Path
from typing import Any

import pytest

import connectors.graph as graph
from connectors.sdk.testing import Conformance
from connectors.sdk.testing.hostile import CONTENTS, VALUES
from tests.support.fake_graph import FakeGraph
from tests.support.graph_mails import GraphMailbox
from tests.support.imap_mails import PERSONAL, supply_part


class TestConformance(Conformance):
    connector = graph.CONNECTOR
    readme = Path(graph.__file__).with_name("README.md")
    personal = PERSONAL

    @pytest.fixture(autouse=True)
    def _set_up_server(self, fake: FakeGraph) -> None:
        self._fake = fake
        self._mailboxes: dict[Path, GraphMailbox] = {}

    def options(self, directory: Path) -> dict[str, Any]:
        if directory not in self._mailboxes:
            self._mailboxes[directory] = GraphMailbox(self._fake, directory)
        return self._mailboxes[directory].options()

    def supply(self, directory: Path, part: int, parts: int) -> None:
        supply_part(self._mailboxes[directory], directory, part, parts)

    def supply_hostile(self, directory: Path) -> None:
        content = self._mailboxes[directory].content
        names = ("From", "To", "Cc", "Reply-To", "Message-ID", "References", "In-Reply-To", "Date", "Content-Type")
        good = {"receivedDateTime": "2026-03-16T18:00:00Z", "internetMessageId": "<a@example.org>"}
        for number, raw in enumerate(CONTENTS.values()):
            text = raw[:40_000].decode("latin-1")  # longer than the part that is read
            headers = [{"name": name, "value": text} for name in names]
            content.add("inbox", **good, internetMessageHeaders=headers)
            recipient = {"emailAddress": {"name": text[:1000], "address": text}}
            own = {"sentDateTime": "2026-03-16T18:00:00Z", "internetMessageId": f"<{number}@example.org>"}
            lists = {name: [recipient] * 3 for name in ("replyTo", "toRecipients", "ccRecipients", "bccRecipients")}
            content.add("sentitems", **(good | own | lists), **{"from": recipient})
        for kind, value in VALUES.items():
            if kind.startswith("nested"):
                continue  # the depth of a response is Graph's own
            for name in ("receivedDateTime", "from", "toRecipients", "internetMessageHeaders", "internetMessageId"):
                content.add("inbox", **(good | {name: value}))
