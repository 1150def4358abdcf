"""A cursor is valid only for its subject and secret, and unchanged."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.access.concealment import SECRET_BYTES, load_secret
from streams.api.cursors import read, write
from streams.timeline.reader import EntryPosition

SUBJECT = "case:a1b2-1"
SECRET = b"s" * 32
places = st.builds(EntryPosition, st.integers(-(2**63), 2**63 - 1), st.text(st.characters(codec="utf-8"), max_size=60))


def test_secret_is_created_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "access" / "cursors.key"
    secret = load_secret(path)
    assert (len(secret), load_secret(path)) == (SECRET_BYTES, secret)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@given(places)
def test_cursor_is_read_back(place: EntryPosition) -> None:
    assert read(write(place, SUBJECT, SECRET), SUBJECT, SECRET) == place


@given(places, st.data())
def test_changed_cursor_is_refused(place: EntryPosition, data: st.DataObject) -> None:
    written = write(place, SUBJECT, SECRET)
    at = data.draw(st.integers(0, len(written) - 2))  # some bits of the last character are unused
    other = data.draw(st.sampled_from("ABCabc019-_").filter(lambda letter: letter != written[at]))
    assert read(written[:at] + other + written[at + 1 :], SUBJECT, SECRET) is None


@given(st.text(max_size=300))
def test_forged_cursor_is_refused(text: str) -> None:
    assert read(text, SUBJECT, SECRET) is None


@pytest.mark.parametrize(("subject", "secret"), [("case:a1b2-2", SECRET), (SUBJECT, b"t" * 32)])
def test_cursor_is_bound_to_subject_and_secret(subject: str, secret: bytes) -> None:
    assert read(write(EntryPosition(1, "id"), SUBJECT, SECRET), subject, secret) is None
