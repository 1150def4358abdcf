"""States in tables: the events are those of the changes that polls at any moments can see, through any restarts."""

import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from connectors.sdk.mapping.config import read_mapping
from connectors.simulator import illisa
from connectors.simulator.illisa.platform import PATH, TOKEN, Illisa
from connectors.simulator.illisa.procedures import PROCEDURES, Procedure
from models.reasons import Reason
from tests.support.illisa_walk import Change, changes
from tests.support.state_tables import STEP_EVENTS, Poller, Seen, expected_facts, facts, find_changes, mapped

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
CASES = 10_000
POLLS = 60


# ----------------------------------------------------------------------------------------------------- cases of Illisa
@pytest.fixture(scope="module")
def walk() -> list[Change]:
    """All changes until `CASES` cases are submitted."""
    found, submitted = list[Change](), 0
    for change in changes(7, START):
        submitted += change.step == "submitted"
        if submitted > CASES:
            break
        found.append(change)
    return found


@pytest.mark.parametrize("name", PROCEDURES)
def test_polls_of_illisa_see_the_changes_that_can_be_seen(name: str, walk: Sequence[Change], tmp_path: Path) -> None:
    random, own = Random(name), [change for change in walk if change.procedure == name]
    moments = [START + (walk[-1].at - START) * random.random() for _ in range(POLLS)]
    polls = [moment.replace(microsecond=0) for moment in sorted((*moments, walk[-1].at))]
    config = mapped(read_mapping(str(Path(illisa.__file__).with_name(f"{name}.toml"))))
    with closing(Illisa(tmp_path / "illisa.db")) as platform, TestClient(platform.app) as client:
        fetch = _fetch(PROCEDURES[name], tmp_path / "illisa.db", client)
        poller = Poller(config, tmp_path, fetch)
        ahead = list(reversed(own))
        for poll in polls:
            while ahead and ahead[-1].at <= poll:
                ahead.pop().apply(platform)
            random.choice((poller.poll, poller.poll, poller.restart_and_poll, poller.poll_and_die))()
        poller.close()
    assert not poller.rejects
    assert facts(poller.events.values()) == expected_facts(own, polls)


def _fetch(procedure: Procedure, path: Path, client: TestClient) -> Callable[[str], list[Mapping[str, Any]]]:
    """Return a function that returns the cases changed since a time; all if it is empty."""

    def select(since: str) -> list[Mapping[str, Any]]:
        with closing(sqlite3.connect(path)) as database:
            database.row_factory = sqlite3.Row
            rows = database.execute(f"SELECT * FROM {procedure.table} WHERE changed_at >= ?", (since,))
            return [dict(row) for row in rows]

    def list_by_api(since: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for page in range(1, 1000):
            answer = client.get(
                PATH.format(procedure=procedure.name),
                params={"page": page, **({"modifie_depuis": f"{since}Z"} if since else {})},
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
            if not (listed := answer.raise_for_status().json()["dossiers"]):
                break
            found += listed
        return found

    return list_by_api if procedure.is_listed_by_api else select


def test_the_walk_reaches_every_state_and_repeats_some(walk: Sequence[Change]) -> None:
    for name in PROCEDURES:
        own = [change for change in walk if change.procedure == name]
        assert {change.step for change in own} == {*PROCEDURES[name].states}
        steps = [(change.number, change.step) for change in own]
        assert len(set(steps)) < len(steps)


# --------------------------------------------------------------------------------------------------------- any states
STATES = ("submitted", "taken_up", "correction_requested", "accepted", "waiting", "test", "unknown")
DRAWN = (*STATES, "taken_up", "taken_up", "waiting")
MADE_UP: Mapping[str, Any] = {
    "id": "number",
    "state": "state",
    "changed_at": "at",
    "procedure": {"value": "essai"},
    "ignored": {"state": ["test"]},
    "values": {"state": {**{name: name for name in STATES[:4]}, "waiting": ""}},
    "events": [
        {"event": "form.submitted", "state": "submitted"},
        {"event": "form.taken_up", "state": "taken_up"},
        {"event": "form.correction_requested", "state": "correction_requested"},
        {"event": "form.decided", "state": "accepted", "decision": {"value": "accepted"}},
    ],
}
"""A mapping with a state without an event, an ignored one, and one that it does not know."""
MADE_UP_EVENTS: Mapping[str, tuple[str, str]] = {
    **{name: STEP_EVENTS[name] for name in STATES[1:4]},
    "submitted": ("form.submitted", ""),
}


@st.composite
def polled_cases(draw: st.DrawFn) -> tuple[list[list[Seen]], list[tuple[datetime, str]]]:
    """Draw the histories of some cases, and the times of polls with what the process does then."""
    histories = []
    for _case in range(draw(st.integers(1, 4))):
        minutes = sorted(draw(st.sets(st.integers(0, 12), min_size=1, max_size=8)))
        histories.append([Seen(draw(st.sampled_from(DRAWN)), START + timedelta(minutes=at)) for at in minutes])
    times = sorted(draw(st.sets(st.integers(0, 14), min_size=1, max_size=10)))
    actions = st.sampled_from(["poll", "restart_and_poll", "poll_and_die"])
    return histories, [(START + timedelta(minutes=at), draw(actions)) for at in times]


@settings(max_examples=60, deadline=None)
@given(polled_cases())
def test_polls_at_any_moments_see_what_can_be_seen(
    drawn: tuple[list[list[Seen]], list[tuple[datetime, str]]],
) -> None:
    histories, polls = drawn
    with tempfile.TemporaryDirectory() as directory:
        clock = [START]

        def fetch(_since: str) -> list[Mapping[str, Any]]:
            rows = []
            for number, history in enumerate(histories):
                begun = [seen for seen in history if seen.changed_at <= clock[-1]]
                if begun:
                    rows.append({"number": number, "state": begun[-1].state, "at": begun[-1].changed_at.isoformat()})
            return rows

        poller = Poller(mapped(MADE_UP), Path(directory), fetch)
        for poll, action in polls:
            clock.append(poll)
            getattr(poller, action)()
        poller.close()
    expected = [
        (number, *_made_up_fact(seen))
        for number, history in enumerate(histories)
        for seen in find_changes(history, [at for at, _action in polls], hidden={"unknown"})
        if seen.state in MADE_UP_EVENTS
    ]
    assert facts(poller.events.values()) == sorted(expected)
    assert {reject.reason for reject in poller.rejects} <= {Reason.UNKNOWN_ENUM}


def _made_up_fact(seen: Seen) -> tuple[str, datetime, str]:
    kind, decision = MADE_UP_EVENTS[seen.state]
    return kind, seen.changed_at, decision
