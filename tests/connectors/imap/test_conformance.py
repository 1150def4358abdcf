"""Conformance of the imap connector with a Dovecot server."""

from pathlib import Path
from typing import Any

import pytest

import connectors.imap as imap
from connectors.sdk.testing import Conformance
from connectors.sdk.testing.hostile import CONTENTS
from tests.support.dovecot import Dovecot, needs_dovecot
from tests.support.imap_mails import PERSONAL, Mailbox, mail, supply_part

pytestmark = needs_dovecot


class TestConformance(Conformance):
    connector = imap.CONNECTOR
    readme = Path(imap.__file__).with_name("README.md")
    personal = PERSONAL

    @pytest.fixture(autouse=True)
    def _set_up_server(self, server: Dovecot) -> None:
        self._server = server
        self._mailboxes: dict[Path, Mailbox] = {}

    def options(self, directory: Path) -> dict[str, Any]:
        if directory not in self._mailboxes:
            self._mailboxes[directory] = Mailbox(self._server, directory)
        return self._mailboxes[directory].options()

    def supply(self, directory: Path, part: int, parts: int) -> None:
        supply_part(self._mailboxes[directory], directory, part, parts)

    def supply_hostile(self, directory: Path) -> None:
        names = ("From", "To", "Cc", "Reply-To", "Message-ID", "References", "In-Reply-To", "Date", "Content-Type")
        contents = [content.replace(b"\0", b"").replace(b"\r", b"") for content in CONTENTS.values()]
        mails = []
        for number, content in enumerate(contents):
            good = mail(f"hostile{number}", 600 + number)
            lines = b"".join(b"%s: %s\r\n" % (name.encode(), content[:100_000]) for name in names)
            address = mail(f"address{number}", 600 + number)
            mails += [good._replace(content=lines + good.content)]
            mails += [address._replace(content=b"Cc: %s\r\n" % content + address.content)]
        self._mailboxes[directory].put(*mails)
