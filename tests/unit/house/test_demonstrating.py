"""What the demo has ready: a token, and the number of somebody with a story."""

import stat
from pathlib import Path

import pytest

from connectors.sdk.keys import load_key
from models.identities import IdentityKind, normalise_phone
from streams.access.audit import read as read_audit
from streams.access.permissions import Role
from streams.access.tokens import find
from streams.demonstrating import RANGES, SECTOR, find_number, keep_number, make_token
from streams.settings import Settings
from streams.timelines import open_timeline
from streams.tokens_cli import open_tokens
from tests.support.api import call, letter, now
from tests.support.timelines import entries_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


def test_a_token_is_made_once_and_is_for_this_user_alone(settings: Settings) -> None:
    path = make_token(settings)
    secret = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = find(open_tokens(settings).list(), secret, now())
    assert token
    assert (token.role, token.sectors) == (Role.DPO, (SECTOR,))
    assert (make_token(settings), path.read_text().strip()) == (path, secret)
    records = [line.record or {} for line in read_audit(settings.data / "audit")]
    assert [(one["whose"], one["result"]) for one in records if "whose" in one] == [
        ("token:demo-1", "begun"),
        ("token:demo-1", "done"),
    ]


def test_a_token_that_is_lost_or_was_revoked_is_replaced(settings: Settings) -> None:
    path = make_token(settings)
    path.unlink()
    make_token(settings)
    open_tokens(settings).revoke("demo-1", 1)
    make_token(settings)
    tokens = open_tokens(settings).list()
    assert [(one.name, one.revoked_at) for one in tokens] == [("demo-1", 1), ("demo-2", None)]
    assert find(tokens, path.read_text().strip(), now())


def test_a_number_is_named_once_somebody_came_by_several_channels(settings: Settings) -> None:
    (settings.data / RANGES).write_text("01990000\n")
    assert find_number(settings, settings.data) is None  # no database yet
    timeline = open_timeline(settings)
    key = load_key(settings.data / "connectors" / "keys", SECTOR)

    def phone(number: str) -> str:
        return key.pseudonym(IdentityKind.PHONE, normalise_phone(number) or "")

    case, other = (key.pseudonym(IdentityKind.CASE, f"D-{number}") for number in range(2))
    shared, own = phone("0199000001"), phone("0199000007")
    for number, of in enumerate((f"{case} {shared}", f"{other} {shared}", f"{case} {own}")):
        timeline.write(entries_of(letter(str(number), 0, of, sector=SECTOR)))
    assert find_number(settings, settings.data) is None  # one is several people's, the other wrote letters alone
    timeline.write(entries_of(call("1", 100, own, sector=SECTOR)))
    timeline.close()
    named = find_number(settings, settings.data)
    assert named == "01 99 00 00 07"
    make_token(settings)
    assert keep_number(settings, named).read_text() == "01 99 00 00 07\n"
