"""Fixtures of the imap connector tests."""

from collections.abc import Iterator

import pytest

from tests.support.dovecot import Dovecot, dovecot
from tests.support.imap_mails import NUMBERS


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as started:
        yield started


@pytest.fixture
def user(server: Dovecot) -> str:
    return server.add_user(f"essai{next(NUMBERS)}")
