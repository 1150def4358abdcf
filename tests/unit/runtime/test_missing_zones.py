"""Warnings of `accueil config check` about a missing time zone."""

from typing import Any

import pytest

from connectors.sdk import runner
from streams.runtime.missing_zones import find_missing_zones

MAPPING = {"id": "n", "events": [{"event": "email.received", "time": "at"}]}
TABLE = {"files": "/srv/*.csv"}
WARNING = "connectors.mail.timezone is not set: records whose times have no offset from UTC are rejected"


def warnings_of(connector: str, options: dict[str, Any]) -> list[str]:
    return find_missing_zones([runner.configure("mail", connector, {**MAPPING, **options})])


@pytest.mark.parametrize(
    ("connector", "options"),
    [
        ("table", TABLE),
        ("table", {**TABLE, "time_format": "%d/%m/%Y %H:%M"}),
        ("table", {**TABLE, "time_format": "excel"}),
        ("sql", {"url": "mysql://reader@db.example.org/mail", "table": "mail"}),
        ("http", {"url": "https://api.example.org/mails", "time_format": "%Y-%m-%d %H:%M"}),
    ],
)
def test_local_times_without_a_time_zone_are_a_warning(connector: str, options: dict[str, Any]) -> None:
    assert warnings_of(connector, options) == [WARNING]
    assert warnings_of(connector, {**options, "timezone": "Europe/Paris"}) == []


@pytest.mark.parametrize(
    ("connector", "options"),
    [
        ("table", {**TABLE, "time_format": "epoch"}),
        ("table", {**TABLE, "time_format": "%Y-%m-%d %H:%M%z"}),
        ("table", {**TABLE, "events": [{"event": "email.received", "time": {"field": "at", "format": "epoch_ms"}}]}),
        ("sql", {"url": "postgresql://reader@db.example.org/mail", "table": "mail"}),
        ("http", {"url": "https://api.example.org/mails"}),
    ],
)
def test_times_that_may_have_an_offset_need_no_time_zone(connector: str, options: dict[str, Any]) -> None:
    assert warnings_of(connector, options) == []
