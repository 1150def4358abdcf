"""Fixtures of the imap connector tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dovecot import Dovecot, dovecot
from tests.support.imap_mails import Mailbox


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as started:
        yield started


@pytest.fixture
def mailbox(server: Dovecot, tmp_path: Path) -> Mailbox:
    return Mailbox(server, tmp_path)
