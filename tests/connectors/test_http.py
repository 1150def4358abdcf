"""HTTP connector on a server that refuses what real ones refuse."""

import json
import re
import sqlite3
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

import connectors.http as http
from connectors.http import authentication, source
from connectors.sdk import instance, pull
from connectors.sdk.errors import CursorDamagedError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.flow import Flow
from connectors.sdk.mapping.config import PRESETS
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import ConnectorHarness, leak_forms
from connectors.sdk.testing.hostile import LARGE_VALUE, VALUES, hostile_json
from connectors.sdk.testing.leaks import DISGUISED, fill, recomputed
from models.codec import encode
from models.events import Event
from models.reasons import Reason
from tests.support.json_api import (
    BEGIN,
    SECRET,
    TOKEN,
    USER,
    ApiSwitch,
    Auth,
    JsonApi,
    Paging,
    form,
    serving_api,
    serving_switch,
    to_text,
)
from tests.support.polled_servers import ServerConformance, unavailable
from tests.support.processes import Child, wait_until
from tests.support.topic_file import ids_in

MAPPING: dict[str, Any] = {
    "id": "id",
    "email": "applicant.email",
    "phone": "applicant.phones[0]",
    "procedure": "procedure.code",
    "values": {"procedure": {"voirie": "arretes-de-voirie"}},
    "state": "status",
    "changed_at": "updated_at",
    "events": [
        {"event": "form.submitted", "time": "submitted_at", "state": ["received"]},
        {"event": "form.taken_up", "state": ["open"]},
        {"event": "form.decided", "state": ["accepted"], "decision": {"value": "accepted"}},
    ],
}
AUTH: dict[Auth, dict[str, Any]] = {
    "basic": {"basic": {"user": USER, "password": SECRET}},
    "bearer": {"bearer": {"token": TOKEN}},
    "header": {"key": {"header": "X-Api-Key", "secret": TOKEN}},
    "parameter": {"key": {"parameter": "api_key", "secret": TOKEN}},
    "signed": {"signed": {"orig": USER, "secret": SECRET}},
}
PAGINATION: dict[Paging, dict[str, Any]] = {
    "link": {"by": "link"},
    "next": {"by": "link", "next": "next"},
    "page": {"by": "page"},
    "offset": {"by": "offset", "size": 10, "size_parameter": "size"},
    "cursor": {"by": "cursor", "next": "meta.next"},
}
README = Path(http.__file__).with_name("README.md")
SINCE = {"parameter": "since", "field": "updated_at", "overlap_seconds": 60}
PERSONAL = ("Mireille Exemple", "mireille.exemple@example.org", "06 39 98 55 11", "rue des Lilas, près du portail vert")


def oauth(api: JsonApi, **changes: Any) -> dict[str, Any]:
    url = api.url.replace("/api/forms/", "/oauth/token/")
    credentials = {"client_id": USER, "client_secret": SECRET, "scope": "forms.read"}
    return {"oauth2": {"token_url": url, **credentials, **changes}}


def options(api: JsonApi, **changes: Any) -> dict[str, Any]:
    own: dict[str, Any] = {
        "url": api.url,
        "records": "data.items",
        "poll_seconds": 3600,
        "requests_per_second": 1000,
    }
    if api.auth:
        own["auth"] = oauth(api) if api.auth == "oauth2" else AUTH[api.auth]
    if api.paging:
        own["pagination"] = PAGINATION[api.paging]
    return {name: value for name, value in (MAPPING | own | changes).items() if value is not None}


def harness(api: JsonApi, tmp_path: Path, data: str = "data", **changes: Any) -> ConnectorHarness:
    return ConnectorHarness(http.CONNECTOR, options(api, **changes), tmp_path / data, tmp_path / "keys")


def forms_of(events: list[Event]) -> list[str]:
    return [event.subject.rpartition(":")[2] for event in events]


def numbered(*numbers: int) -> list[str]:
    return [f"D-{number}" for number in numbers]


def person(number: int) -> dict[str, Any]:
    return {
        "applicant": {"name": PERSONAL[0], "email": PERSONAL[1], "phones": [PERSONAL[2]]},
        "message": f"{PERSONAL[3]} {number}",
    }


RECORDS = [form(number, **person(number)) for number in range(1, 40)]
RECORDS[5] |= {"submitted_at": "hier"}
RECORDS[11] |= {"status": "lost"}
RECORDS[21] |= {"updated_at": PERSONAL[2], "status": "open"}


class TestConformance(ServerConformance):
    connector = http.CONNECTOR
    readme = README
    personal = PERSONAL

    def serve(self, directory: Path) -> AbstractContextManager[JsonApi]:
        return serving_api("bearer", "page")

    def options(self, directory: Path) -> dict[str, Any]:
        return options(self.server(directory), since=SINCE)

    def supply(self, directory: Path, part: int, parts: int) -> None:
        size = -(-len(RECORDS) // parts)
        records = RECORDS[: (part + 1) * size]
        server = self.server(directory)
        server.before_answer = lambda _request: None
        server.records = records
        (directory / "records.json").write_text(json.dumps(records, ensure_ascii=False))

    def supply_hostile(self, directory: Path) -> None:
        records = [LARGE_VALUE, *VALUES.values(), *hostile_json(form(900, **person(900)))]
        pages = [b'{"data":{"items":[' + b",".join(records) + b"]}}"]
        empty = b'{"data":{"items":[]}}'
        self.server(directory).before_answer = lambda _request: Response(pages.pop() if pages else empty)


@pytest.fixture(scope="module")
def switch() -> Iterator[ApiSwitch]:
    with serving_switch() as switch:
        yield switch


@pytest.fixture
def api(request: pytest.FixtureRequest, switch: ApiSwitch) -> JsonApi:
    """Server with the authentication and pagination of the test's parameter, if it has one."""
    auth, paging = getattr(request, "param", ("", ""))
    api = JsonApi(auth, paging, records=[form(number) for number in range(1, 26)])
    switch.switch_to(api)
    return api


@pytest.mark.parametrize("api", [(auth, "page") for auth in (*AUTH, "oauth2")], indirect=True, ids=lambda api: api[0])
def test_each_authentication_opens_the_list(api: JsonApi, tmp_path: Path) -> None:
    assert forms_of(harness(api, tmp_path).read_all(confirm=True)) == numbered(*range(1, 26))
    assert api.refused == []


@pytest.mark.parametrize("api", [("", paging) for paging in PAGINATION], indirect=True, ids=lambda api: api[1])
def test_each_pagination_reads_the_list_once(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path)
    assert forms_of(connector.read_all(confirm=True)) == numbered(*range(1, 26))
    assert connector.read_all(confirm=True) == []
    api.records.append(form(26))
    assert forms_of(connector.read_all(confirm=True)) == numbered(26)


def test_list_without_pages_is_the_response_itself(api: JsonApi, tmp_path: Path) -> None:
    api.wrap = lambda records: records
    assert forms_of(harness(api, tmp_path, records=None).read_all(confirm=True)) == numbered(*range(1, 26))
    assert len(api.requests) == 1


# ------------------------------------------------------------------------------------------------------------ examples
def example(name: str, api: JsonApi, **changes: Any) -> dict[str, Any]:
    """Return the options of an instance in the README, for `api`."""
    blocks = re.findall(r"^```toml\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = [table[name] for table in (tomllib.loads(block)["connectors"] for block in blocks) if name in table]
    del found["connector"]
    return found | {"url": api.url, "poll_seconds": 3600, "requests_per_second": 1000} | changes


def read_example(api: JsonApi, tmp_path: Path, settings: dict[str, Any]) -> list[tuple[str, str, str]]:
    connector = ConnectorHarness(http.CONNECTOR, settings, tmp_path / "data", tmp_path / "keys")
    events = [event for _ in range(3) for event in connector.read_all(confirm=True)]
    assert connector.rejected() == {}
    assert api.refused == []
    assert api.since_parameter in api.requests[-1]
    return [(event.type, event.subject.rpartition(":")[2], to_text(event.time)) for event in events]


def test_example_with_bearer_token_and_links(tmp_path: Path) -> None:
    records = [form(number) | {"number": f"V-{number}", "procedure": {"code": "VOI"}} for number in range(1, 26)]
    records = [row | {"status": ("sent", "open", "accepted", "refused")[n % 4]} for n, row in enumerate(records)]
    names = {"size_parameter": "per_page", "since_parameter": "updated_since", "wrap": lambda rows: rows}
    with serving_api("bearer", "link", records=records, **names) as api:
        found = read_example(api, tmp_path, example("procedures", api, auth=AUTH["bearer"]))
    assert Counter(kind for kind, _, _ in found) == {"form.submitted": 25, "form.taken_up": 6, "form.decided": 12}


def test_example_with_oauth_and_cursor(tmp_path: Path) -> None:
    start = int(BEGIN.timestamp() * 1000)
    records = [
        {"id": f"c{number}", "caller": {"number": PERSONAL[2]}, "queue": {"name": "Accueil"}, "result": result}
        | {"start": start + number, "answer": start + 10_000, "end": start + 60_000 + number}
        for number, result in enumerate(["answered", "abandoned"] * 13)
    ]
    names = {"size_parameter": "limit", "since_parameter": "ended_after", "time_field": "end"}
    envelope = {"wrap": lambda rows: {"data": {"calls": rows}}, "is_since": lambda at, since: at >= int(since)}
    with serving_api("oauth2", "cursor", records=records, **names, **envelope) as api:
        auth = example("cloud-calls", api)["auth"]["oauth2"] | oauth(api, scope="calls.read")["oauth2"]
        del auth["client_secret_file"]
        next_cursor = {"by": "cursor", "next": "meta.next", "size": 200, "size_parameter": "limit"}
        found = read_example(api, tmp_path, example("cloud-calls", api, auth={"oauth2": auth}, pagination=next_cursor))
    assert Counter(kind for kind, _, _ in found) == dict.fromkeys(
        ("call.queued", "call.answered", "call.ended", "call.abandoned"), 13
    ) | {"call.queued": 26}


def test_example_with_publik(tmp_path: Path) -> None:
    """The list of w.c.s. is the response itself, its times are local, and its filter has minutes."""
    records = json.loads((PRESETS / "publik.json").read_text(encoding="utf-8"))
    records = [record | {"form_slug": "arrete-de-voirie"} for record in records]
    names = {"size_parameter": "limit", "since_parameter": "filter-start-mtime-value", "time_field": "last_update_time"}
    more = {"wrap": lambda rows: rows, "is_since": lambda at, since: at[:16].replace("T", " ") >= since}
    with serving_api("signed", "offset", records=records, **names, **more) as api:
        found = read_example(api, tmp_path, example("publik", api, auth=AUTH["signed"]))
        asked = [request["filter-start-mtime-value"] for request in api.requests]
    assert asked[0] == "2000-01-01 00:00"
    assert asked[-1] > "2026-01-01"
    assert Counter(kind for kind, _, _ in found) == {"form.submitted": 2, "form.decided": 2}


# -------------------------------------------------------------------------------------------------------- authentication
@pytest.mark.parametrize("api", [(auth, "") for auth in (*AUTH, "oauth2")], indirect=True, ids=lambda api: api[0])
def test_wrong_secret_is_refused_and_the_option_is_named(api: JsonApi, tmp_path: Path) -> None:
    wrong: dict[str, Any] = {"signed": {"orig": USER, "secret": "wrong"}, "basic": {"user": USER, "password": "wrong"}}
    wrong |= {"bearer": {"token": "wrong"}, "header": {"header": "X-Api-Key", "secret": "wrong"}}
    wrong |= {"parameter": {"parameter": "api_key", "secret": "wrong"}}
    method = {"header": "key", "parameter": "key"}.get(api.auth, api.auth)
    auth = oauth(api, client_secret="wrong") if api.auth == "oauth2" else {method: wrong[api.auth]}
    connector = harness(api, tmp_path, auth=auth)
    with connector.opened() as (flow, _), pytest.raises(SourceRefusedError) as error:
        flow.step()
    assert f"auth.{method}" in str(error.value)
    assert "wrong" not in str(error.value)


def test_missing_authentication_is_named(tmp_path: Path) -> None:
    with serving_api("bearer") as api:
        assert "set auth" in unavailable(harness(api, tmp_path, auth=None))


@pytest.mark.parametrize("api", [("oauth2", "page")], indirect=True)
def test_token_is_renewed_before_it_expires(api: JsonApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(authentication, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    api.token_seconds = 300
    api.page_size = 5
    with harness(api, tmp_path).opened() as (flow, publisher):
        for seconds, tokens, events in ((0, 1, 5), (239, 1, 10), (2, 2, 15), (239, 2, 20), (2, 3, 25)):
            clock[0] += seconds
            flow.step()
            assert (api.tokens_issued, len(publisher.events)) == (tokens, events)
    assert api.refused == []


@pytest.mark.parametrize("api", [("oauth2", "page")], indirect=True)
def test_token_that_is_no_longer_accepted_is_replaced_at_once(api: JsonApi, tmp_path: Path) -> None:
    def revoke(_request: Request) -> None:
        if len(api.requests) == 2 and not api.refused:
            api.revoke_tokens()

    api.before_answer = revoke
    assert forms_of(harness(api, tmp_path).read_all(confirm=True)) == numbered(*range(1, 26))
    assert api.refused == [401]
    assert api.tokens_issued == 2


@pytest.mark.parametrize("api", [("oauth2", "")], indirect=True)
def test_fresh_token_that_is_refused_is_not_renewed_without_a_pause(api: JsonApi, tmp_path: Path) -> None:
    api.before_answer = lambda _request: PlainTextResponse("", 401)
    with harness(api, tmp_path).opened() as (flow, _):
        for _ in range(10):
            with pytest.raises(SourceUnavailableError, match="oauth2"):
                flow.step()
    assert api.tokens_issued <= 2


@pytest.mark.parametrize("api", [("oauth2", "")], indirect=True)
def test_client_in_the_body_of_the_token_request(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path, auth=oauth(api, credentials_in="body"))
    assert len(connector.read_all(confirm=True)) == 25


@pytest.mark.parametrize("api", [("oauth2", "")], indirect=True)
def test_wrong_scope_is_named(api: JsonApi, tmp_path: Path) -> None:
    message = unavailable(harness(api, tmp_path, auth=oauth(api, scope="forms.write")))
    assert "scope" in message
    assert SECRET not in message


@pytest.mark.parametrize("api", [("parameter", "link"), ("signed", "link")], indirect=True)
def test_credentials_that_a_link_repeats_are_not_stored(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path, params={"state": "tous les états"})
    with connector.opened() as (flow, publisher):
        flow.step()  # the position is now the address of the second page
        publisher.confirm()
        stored = b"".join(path.read_bytes() for path in connector.directory.rglob("*") if path.is_file())
        assert b"page=2" in stored
        assert TOKEN.encode() not in stored
        assert b"signature=" not in stored
    assert forms_of(connector.read_all(confirm=True)) == numbered(*range(11, 26))
    assert {request["state"] for request in api.requests} == {"tous les états"}


# ------------------------------------------------------------------------------------------------------------- pages
@pytest.mark.parametrize("api", [("", "page"), ("", "offset")], indirect=True, ids=lambda api: api[1])
@pytest.mark.parametrize("after_end", ["empty", "404", "last"])
@pytest.mark.parametrize("count", [0, 1, 10, 20, 25])
def test_list_ends_where_the_server_says(api: JsonApi, tmp_path: Path, after_end: Any, count: int) -> None:
    api.after_end = after_end
    api.records = [form(number) for number in range(1, count + 1)]
    pagination = {**PAGINATION[api.paging], "size": 11, "size_parameter": "size"}
    connector = harness(api, tmp_path, pagination=pagination)
    assert forms_of(connector.read_all(confirm=True)) == numbered(*range(1, count + 1))
    assert len(api.requests) <= count // 10 + 3
    assert connector.read_all(confirm=True) == []


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_server_with_smaller_pages_than_requested_is_read_to_its_end(api: JsonApi, tmp_path: Path) -> None:
    pagination = {"by": "page", "size": 500, "size_parameter": "size"}
    assert len(harness(api, tmp_path, pagination=pagination).read_all(confirm=True)) == 25


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_parameter_that_the_server_ignores_is_named(api: JsonApi, tmp_path: Path) -> None:
    with harness(api, tmp_path, pagination={"by": "page", "parameter": "pg"}).opened() as (flow, publisher):
        flow.step()
        with pytest.raises(SourceRefusedError, match="parameter pg"):
            flow.step()
    assert len(publisher.events) == 10


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_missing_page_in_the_middle_does_not_end_the_list(api: JsonApi, tmp_path: Path) -> None:
    """A proxy may answer 404 while the server behind it restarts."""
    failures = [True, True]

    def fail(request: Request) -> Response | None:
        is_failing = request.query_params["page"] == "2" and failures
        return PlainTextResponse("no such route", 404) if is_failing and failures.pop() else None

    api.before_answer = fail
    connector = harness(api, tmp_path, since=SINCE)
    events = connector.read_all(confirm=True)
    events += connector.read_all(confirm=True)
    events += connector.read_all(confirm=True)
    assert sorted(forms_of(events), key=lambda name: int(name[2:])) == numbered(*range(1, 26))


@pytest.mark.parametrize("api", [("", "cursor")], indirect=True)
def test_expired_cursor_starts_the_list_again(api: JsonApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "FIRST_PAUSE_SECONDS", 0.0)
    connector = harness(api, tmp_path)
    with connector.opened() as (flow, publisher):
        flow.step()
        publisher.confirm()
        safe = publisher.safe
    api.expire_cursors()
    events = safe + connector.read_all(confirm=True)
    assert forms_of(events) == numbered(*range(1, 26))
    assert api.refused == [400]


def test_link_to_another_server_is_not_followed(api: JsonApi, tmp_path: Path) -> None:
    api.before_answer = lambda _request: JSONResponse(
        {"data": {"items": []}}, headers={"Link": '<https://elsewhere.example.org/?page=2>; rel="next"'}
    )
    message = unavailable(harness(api, tmp_path, pagination={"by": "link"}))
    assert "another server" in message


def test_headers_and_parameters_are_sent(api: JsonApi, tmp_path: Path) -> None:
    seen = []
    api.before_answer = lambda request: seen.append((request.headers["x-tenant"], request.headers["accept"]))
    headers = {"X-Tenant": "aisne", "Accept": "application/vnd.example+json"}
    harness(api, tmp_path, headers=headers, params={"level": 3, "q": "é & +"}).read_all(confirm=True)
    assert seen == [("aisne", "application/vnd.example+json")]
    assert api.requests == [{"level": "3", "q": "é & +"}]


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_crash_in_a_long_list_continues_at_its_page(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path)
    with connector.opened() as (flow, publisher):
        flow.step()
        flow.step()
        publisher.confirm()
    assert len(connector.read_all(confirm=True)) == 5
    assert [request["page"] for request in api.requests] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(("count", "has_more"), [(25, False), (400, True)])
@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_probe_reads_pages_at_the_allowed_rate(api: JsonApi, tmp_path: Path, count: int, *, has_more: bool) -> None:
    api.records = [form(number) for number in range(1, count + 1)]
    found = harness(api, tmp_path, requests_per_second=10).probe()
    assert found.has_more == has_more
    assert (found.records == count) is not has_more


def test_damaged_position_is_reported(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path)
    connector.read_all(confirm=True)
    with closing(sqlite3.connect(connector.directory / "records.db", isolation_level=None)) as database:
        database.execute("UPDATE positions SET position = x'c1'")
    with connector.opened() as (flow, _), pytest.raises(CursorDamagedError):
        flow.step()


# ------------------------------------------------------------------------------------------------------------- since
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


# ----------------------------------------------------------------------------------------------------------- failures
@pytest.mark.parametrize(
    ("response", "message"),
    [
        (PlainTextResponse(f"<html>{PERSONAL[0]}"), "url: the response is not JSON"),
        (JSONResponse({"results": [PERSONAL[0]]}), "records: the response has no list at this path"),
        (JSONResponse({"data": {"items": PERSONAL[0]}}), "records: the response has no list at this path"),
        (PlainTextResponse(PERSONAL[0], 400), "check url, params, pagination and since"),
        (PlainTextResponse("", 301, {"Location": "/"}), "answers 301: is the address right?"),
        (PlainTextResponse("", 503), "is out of order (503)"),
        (Response(b"[" + b"1," * (9 << 20) + b"1]"), "set a smaller pagination.size"),
    ],
)
def test_unusable_response_names_the_option_and_reading_continues(
    api: JsonApi, tmp_path: Path, response: Response, message: str
) -> None:
    api.before_answer = lambda _request: response
    connector = harness(api, tmp_path)
    error = unavailable(connector)
    assert message in error
    assert PERSONAL[0] not in error
    api.before_answer = lambda _request: None
    assert len(connector.read_all(confirm=True)) == 25


def test_response_that_is_not_a_list_needs_records(api: JsonApi, tmp_path: Path) -> None:
    assert "records is missing" in unavailable(harness(api, tmp_path, records=None))


def test_response_without_content_is_an_empty_list(api: JsonApi, tmp_path: Path) -> None:
    api.before_answer = lambda _request: Response(status_code=204)
    connector = harness(api, tmp_path, pagination=PAGINATION["cursor"], since=SINCE)
    assert connector.read_all(confirm=True) == []
    api.before_answer = lambda _request: None
    assert len(connector.read_all(confirm=True)) == 25


def test_longest_read_is_shorter_than_the_time_until_an_instance_is_stuck() -> None:
    request_seconds = pull.TIMEOUT.connect + pull.TIMEOUT.read + pull.TOTAL_SECONDS
    assert source.BUSY_SECONDS + source.LATE_SECONDS + request_seconds < instance.STUCK_SECONDS


def test_entry_that_is_no_object_is_rejected_alone(api: JsonApi, tmp_path: Path) -> None:
    api.before_answer = lambda _request: JSONResponse({"data": {"items": [form(1), PERSONAL[0], None, form(2)]}})
    connector = harness(api, tmp_path)
    assert forms_of(connector.read_all(confirm=True)) == numbered(1, 2)
    entries = [entry.reject for entry in read_rejects(connector.directory)]
    assert [(entry.reason, entry.detail) for entry in entries] == [(Reason.UNREADABLE_LINE, "not a JSON object")] * 2
    assert PERSONAL[0] in entries[0].record.decode()
    assert [entry.context for entry in entries] == [b"record 2", b"record 3"]


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_rate_limit_is_kept(api: JsonApi, tmp_path: Path) -> None:
    requested_at: list[float] = []
    api.before_answer = lambda _request: requested_at.append(time.monotonic())
    with harness(api, tmp_path, requests_per_second=20).opened() as (flow, publisher):
        wait_until(lambda: flow.step() or len(publisher.events) == 25, "all pages")
    pauses = [later - earlier for earlier, later in pairwise(requested_at)]
    assert min(pauses) > 0.04


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_server_that_is_asked_too_fast_gets_the_pause_that_it_wants(api: JsonApi, tmp_path: Path) -> None:
    api.requests_per_second = 2
    connector = harness(api, tmp_path)
    with connector.opened() as (flow, publisher):
        flow.step()
        flow.step()
        with pytest.raises(SourceUnavailableError, match="less often") as error:
            flow.step()
        assert 0 < error.value.retry_after_seconds <= 1
        wait_until(lambda: step_or_wait(flow) or len(publisher.events) == 25, "the end of the pause")
    assert api.refused == [429]


def step_or_wait(flow: Flow) -> None:
    with suppress(SourceUnavailableError):
        flow.step()


# ------------------------------------------------------------------------------------------------------------ privacy
def test_change_of_a_field_that_is_not_named_publishes_nothing(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path)
    connector.read_all(confirm=True)
    api.records = [row | {"comment": PERSONAL[3], "views": 3} for row in api.records]
    assert connector.read_all(confirm=True) == []


def test_personal_value_in_any_field_stays_inside(api: JsonApi, tmp_path: Path) -> None:
    """Each field of a record in turn contains a personal value, also disguised as a number, a time or an id."""
    record = form(1, **person(1))
    for value in DISGUISED:
        api.records = [json.loads(copy) for copy in fill(json.dumps(record).encode(), value)]
        api.records = [
            row | {"id": f"D-{number}"} if row["id"] == "D-1" else row for number, row in enumerate(api.records)
        ]
        connector = harness(api, tmp_path, str(DISGUISED.index(value)))
        with structlog.testing.capture_logs() as logs:
            events = connector.read_all(confirm=True)
        assert events
        details = [entry.reject.detail for entry in read_rejects(connector.directory)]
        outside = "\n".join([*(encode(event).decode() for event in events), *details, str(logs)]).lower()
        leaks = [form for form, text in leak_forms(value, connector.source).items() if text.lower() in outside]
        assert not leaks, value
        assert not [event.type for event in events if recomputed(value, event)], value


# --------------------------------------------------------------------------------------------------------------- kills
def test_reader_that_is_killed_at_random_loses_and_repeats_nothing(tmp_path: Path) -> None:
    records, kills, random = 600, 7, Random(11)
    topic = tmp_path / "topic"
    with serving_api("bearer", "page", page_size=20) as api:
        api.records = [form(number, **person(number)) for number in range(1, records + 1)]
        (tmp_path / "options.json").write_text(json.dumps(options(api, requests_per_second=100)))
        with Child(["-m", "tests.support.record_reader", "http", str(tmp_path)], tmp_path / "reader.log") as reader:
            for part in range(kills):
                reader.start()
                limit = records * part // kills + random.randint(0, records // kills - 1)
                wait_until(partial(has_lines, topic, limit), f"{limit} events")
                reader.kill()
                reader.wait()
            reader.start()
            wait_until(lambda: has_lines(topic, records) and len({*ids_in(topic)}) == records, "all events")
    rows = [json.loads(line.split(" ", 2)[2]) for line in topic.read_text(encoding="utf-8").splitlines()]
    read = list(dict.fromkeys(row["subject"].rpartition(":")[2] for row in rows))
    assert read == numbered(*range(1, records + 1))
    assert len({row["id"] for row in rows}) == records
    pages = [request["page"] for request in api.requests]
    assert len(pages) < 2 * len({*pages}), "the list was read again from its beginning"


def has_lines(path: Path, count: int) -> bool:
    return path.exists() and path.read_bytes().count(b"\n") >= count
