"""Options of the HTTP connector."""

from typing import Any

import pytest

import connectors.http as http
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError

OPTIONS: dict[str, Any] = {
    "url": "https://api.example.org/v1/forms/",
    "id": "id",
    "procedure": {"value": "voirie"},
    "events": [{"event": "form.submitted", "time": "sent_at"}],
}
KEY = {"key": {"parameter": "api_key", "secret": "s3cret"}}
CURSOR = {"by": "cursor", "next": "meta.next"}
SINCE = {"parameter": "since", "field": "updated_at"}


def refusal(**changes: Any) -> str:
    try:
        parse(http.CONNECTOR.config, "forms", OPTIONS | changes)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"url": "http://127.0.0.1:8000"},
        {"records": "data[].items[?kind == 'form']"},
        {"records": "items || `[]`"},
        {"records": "sort_by(items, &at)"},
        {"auth": {"basic": {"user": "accueil", "password": "two words"}}},
        {"auth": KEY},
        {
            "auth": {
                "oauth2": {"token_url": "https://id.example.org/token?tenant=1", "client_id": "a", "client_secret": "b"}
            }
        },
        {"pagination": {"by": "link"}},
        {"pagination": {"by": "link", "next": '"@odata.nextLink"'}},
        {"pagination": {"by": "page", "first_page": 0, "size": 50, "size_parameter": "per_page"}},
        {"pagination": {"by": "offset"}},
        {"pagination": CURSOR},
        {"since": SINCE | {"format": "%Y-%m-%d %H:%M", "start": "2026-01-01"}},
        {"params": {"status": ["open", "closed"], "full": "on", "level": 3}},
        {"headers": {"Accept": "application/vnd.example+json"}},
    ],
)
def test_options_are_accepted(changes: dict[str, Any]) -> None:
    assert refusal(**changes) == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": "https://api.example.org/v1?page=1"}, "forms.url must have no ?…"),
        ({"url": "file:///srv/forms.json"}, "forms.url must be https://…: only servers are read; for a file use"),
        ({"url": "http://api.example.org/v1"}, "forms.url must begin with https://"),
        ({"records": "data..items"}, "forms.records is not a JMESPath expression"),
        ({"records": "first(items)"}, "forms.records uses a function that JMESPath does not have"),
        ({"auth": {}}, "forms.auth needs exactly one of"),
        ({"auth": KEY | {"bearer": {"token": "t"}}}, "forms.auth needs exactly one of"),
        ({"auth": {"key": {"secret": "s"}}}, "forms.auth.key needs either header or parameter"),
        ({"auth": {"key": {"secret": "two words", "header": "X"}}}, "forms.auth.key.secret is empty, or no token"),
        ({"auth": {"bearer": {"token": ""}}}, "forms.auth.bearer.token is empty, or no token"),
        ({"pagination": {"by": "cursor"}}, 'forms.pagination by = "cursor" needs next'),
        ({"pagination": {"by": "page", "next": "a"}}, "forms.pagination next is only for link and cursor"),
        ({"pagination": {"by": "link", "parameter": "p"}}, "forms.pagination parameter is not for link"),
        ({"pagination": {"by": "page", "size": 5}}, "forms.pagination size and size_parameter need each other"),
        ({"pagination": {"by": "pages"}}, "forms.pagination.by must be"),
        ({"since": SINCE | {"format": "excel"}}, "forms.since.format must be iso, epoch"),
        ({"params": {"access_token": "x"}}, "forms.params.access_token looks like a secret: set it in auth"),
        ({"headers": {"Authorization": "x"}}, "forms.headers.Authorization looks like a secret: set it in auth"),
        ({"headers": {"X-Api-Key": "x"}}, "looks like a secret: set it in auth"),
        ({"headers": {"Host": "x"}}, "forms.headers.Host is set by the connector"),
        ({"headers": {"X": "a\r\nb"}}, "forms.headers.X must match"),
        ({"params": {"cursor": "a"}, "pagination": CURSOR}, "the parameter cursor is set twice"),
        ({"auth": KEY, "since": SINCE | {"parameter": "api_key"}}, "the parameter api_key is set twice"),
    ],
)
def test_invalid_option_is_named(changes: dict[str, Any], message: str) -> None:
    assert message in refusal(**changes)
