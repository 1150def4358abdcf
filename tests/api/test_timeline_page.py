"""The timeline page as served: headers, languages, and texts for all coded values."""

import re
from typing import Any, get_args, get_type_hints

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from models.events import Event, FeedbackScale
from models.locale import LANGUAGES
from models.policies import ClockKind
from models.revocation_reasons import RevocationReason
from models.roles import Role
from models.topics import Channel
from streams.access.audit_records import PURPOSES
from streams.api.page import HERE, POLICY, add_page
from streams.api.page_texts import TEXTS
from streams.api.privacy_requests import ErasureState
from streams.api.schemas import LookUpKind
from streams.core.contacts.case_event import ContactState
from streams.core.figures.figure_schemas import CLOSED_COUNTS, LEFT_COUNTS
from streams.core.sla.open_targets import TargetStatus
from streams.core.timeline.entries import TIMELINE_KINDS
from streams.privacy.texts import REMNANTS
from streams.privacy.writer import Format
from streams.settings.api import Api
from streams.settings.schema import Settings
from streams.settings.web import Service, Web
from tests.support.api_harness import ApiHarness
from tests.support.timeline_page import HOSTILE

AGENT_TYPES = {"agent.state_changed"}
"""Types that belong to no citizen and so appear in no timeline."""
TYPES = {get_args(one.model_fields["type"].annotation)[0] for one in get_args(get_args(Event)[0])} - AGENT_TYPES
ERASURES = get_args(get_type_hints(ErasureState)["state"])
CODES = {
    "type": [*TYPES, *(f"sla.{kind}" for kind in TIMELINE_KINDS)],
    "sla": list(TIMELINE_KINDS),
    "due": list(TargetStatus),
    "state": list(ContactState),
    "channel": list(Channel),
    "clock": list(ClockKind),
    "scale": list(FeedbackScale),
    "kind": list(LookUpKind),
    "purpose": list(PURPOSES[Role.DPO]),
    "ground": list(RevocationReason),
    "format": list(Format),
    "erasure": [*ERASURES, *(f"{state}_why" for state in ERASURES)],
    "role": list(Role),
    "remnant": list(REMNANTS),
    "outcome": [
        *("answered", "abandoned", "attended", "missed", "cancelled"),
        *LEFT_COUNTS,
        *(outcome.removeprefix("closed_") for outcome in CLOSED_COUNTS),
    ],
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("group", CODES)
def test_every_coded_value_has_a_text(group: str, language: str) -> None:
    assert len(CODES[group]) > 2
    assert {f"{group}_{value}" for value in CODES[group]} - TEXTS[language].keys() == set()


def test_every_text_is_used_and_every_used_text_exists() -> None:
    sources = "\n".join(path.read_text() for folder in ("static", "templates") for path in (HERE / folder).iterdir())
    quoted = set(re.findall(r"[\"'`]([a-z_]+)[\"'`]", sources)) | set(re.findall(r"\bt\.(\w+)", sources))
    formed = (*(f"{group}_" for group in CODES), "trouble_")
    counted = {name for name in TEXTS["fr"] if re.search(r"_(none|one|many)$", name)}
    assert {name for name in TEXTS["fr"] if not name.startswith(formed)} - quoted - counted == set()
    assert set(re.findall(r"\bt\.(\w+)", sources)) - TEXTS["fr"].keys() == set()
    assert set(re.findall(r"\bsay\(\"(\w+)\"", sources)) - TEXTS["fr"].keys() == set()


def test_page_contains_no_data_and_blocks_foreign_content(sqlite_api: ApiHarness) -> None:
    page = sqlite_api.client.get("/")
    assert page.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert page.headers["cache-control"] == "no-store"
    assert re.findall(r"<script(?![^>]*(?: src=|application/json))|<style| style=| on\w+=", page.text) == []
    for path in re.findall(r"(?:src|href)=\"(/(?:static|shared)/[^\"]+)\"", page.text):
        asset = sqlite_api.client.get(path)
        assert (asset.status_code, asset.headers["cache-control"]) == (200, "no-cache"), path
        assert sqlite_api.client.get(path, headers={"if-none-match": asset.headers["etag"]}).status_code == 304
    assert sqlite_api.recorded() == []


@pytest.mark.parametrize(
    ("request_options", "language"),
    [
        ({}, "fr"),
        ({"headers": {"accept-language": "en-GB, fr;q=0.5"}}, "en"),
        ({"headers": {"accept-language": "en", "cookie": "lang=fr"}}, "fr"),
        ({"headers": {"cookie": "lang=fr"}, "params": {"lang": "en"}}, "en"),
        ({"headers": {"cookie": "lang=<b>"}, "params": {"lang": "de"}}, "fr"),
    ],
)
def test_page_uses_the_chosen_language(sqlite_api: ApiHarness, request_options: dict[str, Any], language: str) -> None:
    page = sqlite_api.client.get("/", **request_options)
    assert f'<html lang="{language}"' in page.text
    assert ("lang=en" in page.headers.get("set-cookie", "")) == (request_options.get("params") == {"lang": "en"})


def test_names_from_settings_are_escaped() -> None:
    app = FastAPI()
    add_page(
        app, Settings(web=Web(title=HOSTILE, services={"rsa": Service(label_fr=HOSTILE)}), api=Api(idle_seconds=77))
    )
    page = TestClient(app).get("/").text
    assert 'data-idle-seconds="77"' in page
    assert "<img" not in page
    assert "<script>window" not in page
