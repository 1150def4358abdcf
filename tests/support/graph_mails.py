"""Mailboxes of a fake Graph, and the connector that reads them."""

from itertools import count
from pathlib import Path
from typing import Any

from connectors.graph import CONNECTOR
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons
from connectors.sdk.keys import load_key
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from models.identities import PseudonymKey
from tests.support.fake_graph import FakeGraph
from tests.support.fake_mailbox import FakeMailbox
from tests.support.imap_mails import ADDRESSES, Mail

NUMBERS = count()


class GraphMailbox:
    """Mailbox of a new user of the fake, and the connector that reads it."""

    def __init__(self, fake: FakeGraph, directory: Path) -> None:
        self.fake = fake
        self.user = f"essai{next(NUMBERS)}@example.org"
        self.content = fake.mailboxes[self.user] = FakeMailbox()
        self._directory = directory

    def options(self, **changes: Any) -> dict[str, Any]:
        own = {"mailbox": self.user, "addresses": ADDRESSES, "poll_seconds": 3600}
        return self.fake.options(**(own | changes))

    def harness(self, contact_reasons: ContactReasons = NO_REASONS, **changes: Any) -> ConnectorHarness:
        data, keys = self._directory / "data", self._directory / "keys"
        return ConnectorHarness(CONNECTOR, self.options(**changes), data, keys, contact_reasons)

    def read(self, **changes: Any) -> list[Event]:
        return self.harness(**changes).read_all(confirm=True)

    def pseudonym_key(self) -> PseudonymKey:
        return load_key(self._directory / "keys", "general")

    def put(self, *mails: Mail) -> list[str]:
        """Store these messages, in order, and return their ids."""
        return [self.content.put(folder, at, content) for folder, at, content in mails]
