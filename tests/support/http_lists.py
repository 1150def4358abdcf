"""Options and records of lists of forms, for tests of the connector `http`."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import connectors.http as http
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.flow import Flow
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from tests.support.json_api import SECRET, TOKEN, USER, Auth, JsonApi, Paging

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


def step_or_wait(flow: Flow) -> None:
    with suppress(SourceUnavailableError):
        flow.step()
