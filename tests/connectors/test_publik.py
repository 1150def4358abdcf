"""The presets for Publik read a server that lists forms as w.c.s. does, and its table in a real PostgreSQL."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sdk import registry
from connectors.sdk.mapping.config import PRESETS
from connectors.sdk.simulation.http_app import serving
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from tests.support.postgres import running_postgres

PATH = "/api/forms/newsletter/list"
ORIG, SECRET = "accueil.example.org", "1234"
FORMS: list[dict[str, Any]] = json.loads((PRESETS / "publik.json").read_text(encoding="utf-8"))
LISTED = {
    *("uuid", "id", "internal_id", "display_id", "display_name", "text", "digest", "url", "api_url", "backoffice_url"),
    *("receipt_time", "last_update_time", "user", "criticality_level", "fields", "geolocations", "workflow", "actions"),
    *("roles", "submission", "evolution"),
}
"""Fields of a form in the list of one procedure with `full=on`: `get_json_export_dict` in wcs/formdata.py, `create_json_export`
in wcs/backoffice/management.py. `form_slug` and `status` are only in the list of all procedures, /api/forms/."""


class Wcs:
    """A list of forms. Newer forms are first, as in w.c.s. by default."""

    def __init__(self) -> None:
        self.forms = [form | {"evolution": [*form["evolution"]]} for form in FORMS]
        self.since: list[str] = []
        """Values of the filter of the time of change, in order."""

    @contextmanager
    def serving(self) -> Iterator[str]:
        with serving(Starlette(routes=[Route(PATH, self._list)])) as url:
            yield f"{url}{PATH}"

    def advance(self, number: int, status: str, at: str) -> None:
        """Change the status of a form at a local time."""
        form = next(form for form in self.forms if form["id"] == str(number))
        form["evolution"].append({"time": f"{at}.250000+02:00", "status": status, "who_id": "4"})
        form["last_update_time"] = at

    def _list(self, request: Request) -> Response:
        query = request.query_params
        if not _is_signed(request.url.query) or query["orig"] != ORIG:
            return JSONResponse({"err": 1, "err_desc": "invalid signature"}, 403)
        if (query["full"], query["filter"], query["filter-start-mtime"]) != ("on", "all", "on"):
            return JSONResponse({"err": 1, "err_desc": "not the whole list"}, 400)
        self.since.append(query["filter-start-mtime-value"])
        since = datetime.strptime(self.since[-1], "%Y-%m-%d %H:%M")  # noqa: DTZ007 - local, as the forms
        found = [form for form in self.forms if datetime.fromisoformat(form["last_update_time"]) >= since]
        found.sort(key=lambda form: form["receipt_time"], reverse=True)
        offset = int(query.get("offset", 0))
        return JSONResponse(found[offset : offset + int(query["limit"])])


def _is_signed(query: str) -> bool:
    """Check a query as `wcs/api_utils.py` does: the signature is the last parameter, and of the text before it."""
    signed, _mark, signature = query.partition("&signature=")
    expected = base64.b64encode(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256)).decode()
    return Request({"type": "http", "query_string": f"s={signature}".encode()}).query_params["s"] == expected


def test_the_sample_has_only_fields_of_the_list() -> None:
    assert {name for form in FORMS for name in form} <= LISTED


def test_the_preset_reads_forms_and_later_only_changes(tmp_path: Path) -> None:
    wcs = Wcs()
    with wcs.serving() as url:
        options = {
            "mapping": "publik",
            "url": url,
            "auth": {"signed": {"orig": ORIG, "secret": SECRET}},
            "timezone": "Europe/Paris",
            "values": {"procedure": {"newsletter": "newsletter"}, "state": {"5": "correction_requested"}},
            "poll_seconds": 1,
            "requests_per_second": 1000,
        }
        harness = ConnectorHarness(registry.load("http"), options, tmp_path / "data", tmp_path / "keys")
        first = harness.read_all(confirm=True)
        wcs.advance(17, "5", "2026-07-02T10:00:00")
        wcs.advance(17, "accepted", "2026-07-02T10:00:30")
        second = harness.read_all(confirm=True)
        third = harness.read_all(confirm=True)
    assert harness.rejected() == {}
    assert sorted(event.type for event in first) == ["form.decided", "form.decided", "form.submitted", "form.submitted"]
    assert [(event.type, event.time) for event in second] == [
        ("form.correction_requested", datetime(2026, 7, 2, 8, 0, 0, 250_000, UTC)),
        ("form.decided", datetime(2026, 7, 2, 8, 0, 30, 250_000, UTC)),
    ]
    assert {event.subject for event in second} < {event.subject for event in first}
    assert third == []
    assert wcs.since[0] == "2000-01-01 00:00"
    assert wcs.since[-1] >= "2026-07-01 16:00"


# ---------------------------------------------------------------------------------------------------------- PostgreSQL
TABLE = """
    CREATE TABLE wcs_all_forms (
        category_id integer, formdef_id integer NOT NULL, id integer NOT NULL, user_id character varying,
        receipt_time timestamp with time zone, status character varying, id_display character varying,
        submission_agent_id character varying, submission_channel character varying, backoffice_submission boolean,
        last_update_time timestamp with time zone, user_label character varying, is_at_endpoint boolean,
        formdef_name text, user_name character varying, PRIMARY KEY (formdef_id, id)
    )
"""
"""The columns of `wcs_all_forms` that `wcs/sql.py` creates, without those of indexes and roles."""


def test_the_sql_preset_reads_the_table_of_all_forms(tmp_path: Path) -> None:
    with running_postgres() as server:
        url = server.url.replace("+psycopg", "")
        options = {
            "mapping": "publik-sql",
            "url": url,
            "values": {"procedure": {"3": "newsletter"}, "state": {"wf-2": "taken_up"}},
            "poll_seconds": 1,
        }
        harness = ConnectorHarness(registry.load("sql"), options, tmp_path / "data", tmp_path / "keys")
        found = _read_as_it_changes(harness, url)
    assert harness.rejected() == {}
    assert [[(event.type, f"{event.time:%m-%d %H:%M:%S}") for event in events] for events in found] == [
        [("form.submitted", "01-05 12:39:47")],
        [("form.taken_up", "01-06 08:00:00")],
        [],
        [("form.decided", "01-08 09:01:30")],
    ]


def _read_as_it_changes(harness: ConnectorHarness, url: str) -> list[list[Event]]:
    """Return the events after a submission, a change of status, a comment and a decision."""
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(TABLE)
        insert = "INSERT INTO wcs_all_forms (formdef_id, id, receipt_time, status, last_update_time) VALUES "
        database.execute(f"{insert} (3, 16, '2026-01-05 13:39:47+01', 'wf-new', '2026-01-05 13:39:48+01')")
        database.execute(f"{insert} (3, 17, '2026-01-05 14:00:00+01', 'draft', '2026-01-05 14:00:00+01')")
        found = [harness.read_all(confirm=True)]
        for status, at in (
            ("wf-2", "2026-01-06 09:00:00+01"),
            ("wf-2", "2026-01-06 09:30:00+01"),
            ("wf-accepted", "2026-01-08 10:01:30+01"),
        ):
            database.execute("UPDATE wcs_all_forms SET status = %s, last_update_time = %s WHERE id = 16", (status, at))
            found.append(harness.read_all(confirm=True))
    return found
