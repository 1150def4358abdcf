"""Connector `http`: polls for changes only."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
import structlog
from starlette.requests import Request

from connectors.http import source
from connectors.sdk import pull
from models.events import Event
from tests.support.http_lists import PAGINATION, SINCE, forms_of, harness, numbered, step_or_wait
from tests.support.json_api import BEGIN, JsonApi, form, serving_api, to_text


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_later_polls_request_only_changes(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path, since=SINCE)
    for _ in range(3):
        connector.read_all(confirm=True)
    asked = [request.get("since") for request in api.requests]
    assert asked == [None] * 8 + ["2026-03-16T08:24:00Z"] * 2
    api.records.append(form(3, minute=30, status="open"))
    events = connector.read_all(confirm=True)
    assert [(event.type, event.subject[-3:]) for event in events] == [("form.taken_up", "D-3")]


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_whole_list_is_read_from_time_to_time(api: JsonApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that becomes visible long after its time is missed by all polls with `since`."""
    connector = harness(api, tmp_path, since=SINCE)
    for _ in range(3):
        connector.read_all(confirm=True)
    api.records.insert(0, form(90, minute=-500))
    assert connector.read_all(confirm=True) == []
    later = time.time() + 86_400
    monkeypatch.setattr(source, "time", SimpleNamespace(time=lambda: later, monotonic=time.monotonic, sleep=time.sleep))
    assert forms_of(connector.read_all(confirm=True)) == numbered(90)
    before = len(api.requests)
    connector.read_all(confirm=True)
    assert api.requests[before]["since"] == "2026-03-16T08:24:00Z"
    connector.read_all(confirm=True)


def test_one_response_with_the_whole_list_needs_no_second_poll(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path, since=SINCE | {"start": "2026-03-16"})
    connector.read_all(confirm=True)
    connector.read_all(confirm=True)
    assert [request["since"] for request in api.requests] == ["2026-03-16T00:00:00Z", "2026-03-16T08:24:00Z"]


@pytest.mark.parametrize("api", [("", paging) for paging in ("page", "offset", "link")], indirect=True)
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("change", ["delete", "update", "insert"])
def test_record_that_moves_while_pages_are_read_is_not_lost(
    api: JsonApi, tmp_path: Path, change: str, *, newest_first: bool
) -> None:
    api.newest_first = newest_first
    moved = []

    def move(request: Request) -> None:
        if len(api.requests) != 1 or moved:
            return
        moved.append(api.records[-1 if newest_first else 0])
        if change == "delete":
            api.records.remove(moved[0])
        elif change == "update":
            api.records[api.records.index(moved[0])] = form(int(moved[0]["id"][2:]), minute=40, status="open")
        else:
            api.records.append(form(99, minute=40))

    api.before_answer = move
    connector = harness(api, tmp_path, since=SINCE)
    events = [event for _ in range(4) for event in connector.read_all(confirm=True)]
    submitted = sorted(
        int(event.subject[event.subject.rindex("-") + 1 :]) for event in events if event.type == "form.submitted"
    )
    assert submitted == [*range(1, 26), *([99] if change == "insert" else [])]
    assert sum(event.type == "form.taken_up" for event in events) == (change == "update")
    assert "since" in api.requests[-1]


@pytest.mark.parametrize("seed", range(8))
def test_random_changes_and_restarts_lose_and_repeat_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Records are inserted, changed and deleted between any two requests, and the connector is killed at random."""
    monkeypatch.setattr(pull, "FIRST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(pull, "LONGEST_PAUSE_SECONDS", 0.0)
    random = Random(seed)
    paging = random.choice([*PAGINATION])
    with serving_api("", paging, page_size=random.choice([3, 10])) as api:
        api.newest_first = random.random() < 0.5
        api.after_end = random.choice(["empty", "404"])
        api.records = [form(number) for number in range(1, 60)]
        minutes = count(100)
        numbers = count(1000)

        def change(_request: Request) -> None:
            for _ in range(random.randint(0, 2)):
                row = random.randrange(len(api.records))
                number = int(api.records[row]["id"][2:])
                match random.choice(["insert", "update", "delete"]):
                    case "insert":
                        minute = next(minutes)
                        at = to_text(BEGIN + timedelta(minutes=minute))
                        api.records.append(form(next(numbers), minute, submitted_at=at))
                    case "update":
                        status = {"received": "open", "open": "accepted", "accepted": "accepted"}[
                            api.records[row]["status"]
                        ]
                        api.records[row] = api.records[row] | form(number, next(minutes), status)
                    case "delete":
                        del api.records[row]

        api.before_answer = change
        connector = harness(api, tmp_path, since=SINCE)
        safe: list[Event] = []
        for _ in range(15):
            with connector.opened() as (flow, publisher):
                for _ in range(random.randint(1, 8)):
                    step_or_wait(flow)
                    publisher.confirm(random.randint(0, 1))
                safe += publisher.safe
        api.before_answer = lambda _request: None
        safe += [event for _ in range(4) for event in connector.read_all(confirm=True)]
        assert "since" in api.requests[-1]
        # With this many changes, several polls in a row may miss the same record; the poll of the whole list does not.
        later = time.time() + 86_400
        monkeypatch.setattr(
            source, "time", SimpleNamespace(time=lambda: later, monotonic=time.monotonic, sleep=time.sleep)
        )
        safe += connector.read_all(confirm=True)
        last: dict[str, str] = {}
        for event in safe:
            last[event.subject.rpartition(":")[2]] = event.type
        kinds = {"received": "form.submitted", "open": "form.taken_up", "accepted": "form.decided"}
        wrong = [row for row in api.records if last.get(row["id"]) != kinds[row["status"]]]
        assert not wrong
        assert connector.rejected() == {}
        seen = Counter(event.id for event in safe)
        assert max(seen.values()) == 1


def test_since_without_an_effect_is_logged(api: JsonApi, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        harness(api, tmp_path, since=SINCE | {"field": "changed"}).read_all(confirm=True)
    assert [log["reason"] for log in logs if log["event"] == "since_has_no_effect"] == [
        "since.field: no record has a time at changed"
    ]
    api.records[0]["updated_at"] = "2026-03-01T00:00:00Z"
    connector = harness(api, tmp_path, "ignored", since=SINCE | {"parameter": "modified_after"})
    with structlog.testing.capture_logs() as logs:
        connector.read_all(confirm=True)
        connector.read_all(confirm=True)
    assert [log["reason"] for log in logs if log["event"] == "since_has_no_effect"] == [
        "since.parameter: the server lists older records, too"
    ]


def test_time_in_the_future_does_not_hide_later_changes(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path, since=SINCE)
    api.records.append(form(50, updated_at="2199-01-01T00:00:00Z"))
    connector.read_all(confirm=True)
    connector.read_all(confirm=True)
    assert api.requests[-1]["since"] < to_text(datetime.now(UTC))


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_other_list_is_read_from_its_beginning(api: JsonApi, tmp_path: Path) -> None:
    for _ in range(3):
        harness(api, tmp_path, since=SINCE).read_all(confirm=True)
    before = len(api.requests)
    connector = harness(api, tmp_path, since=SINCE, params={"category": ["2", "3"]})
    assert connector.read_all(confirm=True) == []  # the same records
    assert "since" not in api.requests[before]
    assert api.requests[before]["category"] == "3"  # the last of both
