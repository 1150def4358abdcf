"""Connector `http`: the conformance tests, personal values, and kills."""

import json
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import structlog
from starlette.responses import Response

import connectors.http as http
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import leak_forms
from connectors.sdk.testing.hostile import LARGE_VALUE, VALUES, hostile_json
from connectors.sdk.testing.leaks import DISGUISED, fill, recomputed
from models.codec import encode
from tests.support.http_lists import PERSONAL, README, SINCE, harness, numbered, options, person
from tests.support.json_api import JsonApi, form, serving_api
from tests.support.polled_servers import ServerConformance
from tests.support.processes import Child, wait_until
from tests.support.topic_file import ids_in

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
