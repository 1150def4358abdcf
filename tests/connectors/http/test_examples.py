"""Connector `http`: the examples of its README, and Publik."""

import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import connectors.http as http
from connectors.sdk.mapping.config import PRESETS
from connectors.sdk.testing import ConnectorHarness
from tests.support.http_lists import AUTH, PERSONAL, README, oauth
from tests.support.json_api import BEGIN, JsonApi, form, serving_api, to_text


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
    records = [record | {"url": record["url"].replace("newsletter", "arrete-de-voirie")} for record in records]
    names = {"size_parameter": "limit", "since_parameter": "filter-start-mtime-value", "time_field": "last_update_time"}
    more = {"wrap": lambda rows: rows, "is_since": lambda at, since: at[:16].replace("T", " ") >= since}
    with serving_api("signed", "offset", records=records, **names, **more) as api:
        found = read_example(api, tmp_path, example("publik", api, auth=AUTH["signed"]))
        asked = [request["filter-start-mtime-value"] for request in api.requests]
    assert asked[0] == "2000-01-01 00:00"
    assert asked[-1] > "2026-01-01"
    assert Counter(kind for kind, _, _ in found) == {"form.submitted": 2, "form.decided": 2}
