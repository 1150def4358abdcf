"""The connector imap as any other, on a real server."""

from pathlib import Path
from typing import Any

import pytest

import connectors.imap as imap
from connectors.sdk.testing import Conformance
from tests.support.dovecot import Dovecot, needs_dovecot
from tests.support.imap_mails import ADDRESSES, MAILS, NUMBERS, PERSONAL, put

pytestmark = needs_dovecot


class TestConformance(Conformance):
    connector = imap.CONNECTOR
    readme = Path(imap.__file__).with_name("README.md")
    personal = PERSONAL

    @pytest.fixture(autouse=True)
    def _users(self, server: Dovecot) -> None:
        self._server = server
        self._of: dict[Path, str] = {}

    def options(self, directory: Path) -> dict[str, Any]:
        if directory not in self._of:
            self._of[directory] = self._server.add_user(f"essai{next(NUMBERS)}")
        return self._server.options(self._of[directory], addresses=ADDRESSES)

    def supply(self, directory: Path, part: int, parts: int) -> None:
        size = -(-len(MAILS) // parts)
        mails = MAILS[part * size : (part + 1) * size]
        put(self._server, self._of[directory], *mails)
        (directory / f"supplied-{part}.eml").write_bytes(b"\n".join(one.content for one in mails))
