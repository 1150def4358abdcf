"""Dossiers that walk over states at random, polled at random moments: the events are those that could be seen."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.state_walks import EVENTS, Walk, run


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 12), st.floats(0.05, 1))
@settings(max_examples=40, deadline=None)
def test_events_are_those_that_could_be_seen(seed: int, dossiers: int, polls: int, share: float) -> None:
    walk = Walk.of(seed, dossiers)
    with pytest.MonkeyPatch.context() as monkeypatch, TemporaryDirectory() as directory:
        assert run(walk, polls, share, Path(directory), monkeypatch) == walk.expected


def test_events_of_ten_thousand_dossiers_are_those_that_could_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = Walk.of(23, 10_000)
    assert run(walk, 12, 0.4, tmp_path, monkeypatch) == walk.expected
    assert {event for event, _, _ in walk.expected} == set(EVENTS.values())
    assert max(walk.expected.values()) == 1
    began = {(event, number) for event, number, _ in walk.expected}
    assert len(began) < walk.expected.total(), "no dossier came back to a state, so this test shows less"
