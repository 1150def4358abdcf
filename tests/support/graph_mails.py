"""Mailboxes of a fake Graph, and the connector that reads them."""

from itertools import count
from pathlib import Path
from typing import Any

from connectors.graph import CONNECTOR
from tests.support.fake_graph import FakeGraph
from tests.support.fake_mailbox import FakeMailbox
from tests.support.imap_mails import ADDRESSES, Mail, ReadableMailbox

NUMBERS = count()


class GraphMailbox(ReadableMailbox):
    """Mailbox of the fake Graph."""

    connector = CONNECTOR

    def __init__(self, fake: FakeGraph, directory: Path) -> None:
        super().__init__(directory)
        self.fake = fake
        self.user = f"essai{next(NUMBERS)}@example.org"
        self.content = fake.mailboxes[self.user] = FakeMailbox()

    def options(self, **changes: Any) -> dict[str, Any]:
        own = {"mailbox": self.user, "addresses": ADDRESSES, "poll_seconds": 3600}
        return self.fake.options(**(own | changes))

    def put(self, *mails: Mail) -> list[str]:
        """Store these messages, in order, and return their ids."""
        return [self.content.put(folder, at, content) for folder, at, content in mails]
