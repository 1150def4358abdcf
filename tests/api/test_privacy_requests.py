"""Export and erasure over HTTP: subject, sector, audit records and permissions."""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable
from io import BytesIO
from threading import Event as Signal
from typing import Any
from unittest.mock import Mock

import pytest
from pypdf import PdfReader

from models.identities import IdentityKind
from models.roles import Role
from streams.api.auth import MAX_PRIVACY_REQUESTS
from streams.core.contacts.contact import Contact
from streams.privacy import pdf
from streams.privacy.citizen_finder import CitizenFinder
from streams.privacy.erasures import Erasures
from streams.timeline.database import Unavailable
from streams.timeline.store import Timeline
from tests.support.api_harness import NUMBER, ApiHarness, call, form, letter, token
from tests.support.processes import wait_until

CASE, OTHER = "2026-17", "2026-18"


@pytest.fixture
def phone(harness: ApiHarness) -> str:
    """Telephone of a citizen with a letter, a form and a call, who shares the family's number with another one."""
    phone, family = (harness.pseudonym(IdentityKind.PHONE, number) for number in (NUMBER, "+33199000009"))
    case, other = (harness.pseudonym(IdentityKind.CASE, number) for number in (CASE, OTHER))
    harness.write(
        [
            *letter("1", 0, f"{case} {phone}"),
            *form("2", 90, case),
            *call("3", 200, f"{case} {family}"),
            *call("4", 300, f"{other} {family}"),
        ]
    )
    return phone


def test_export_contains_only_the_citizens_data(harness: ApiHarness, phone: str) -> None:
    answer = harness.post("/v1/export", subject=phone)
    assert answer.status_code == 200, answer.text
    named = r'attachment; filename="export-social-\d{4}-\d\d-\d\d-\d{6}\.json"'
    assert re.fullmatch(named, answer.headers["content-disposition"]), "the file name contains no identity"
    export = answer.json()
    assert {one["contact"] for one in export["contacts"]} == {"mail:ged:1", "form:demarches:2", "call:standard:3"}
    assert [one["reason"] for one in export["withheld"]] == ["shared"]
    page = harness.post("/v1/export", subject=phone, format="html", language="en")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="en">' in page.text
    paper = harness.post("/v1/export", subject=phone, format="pdf")
    assert len(PdfReader(BytesIO(paper.content)).pages) >= 1
    assert [(one["operation"], one["result"], one["whose"]) for one in harness.recorded()] == [
        ("export", "shown", phone)
    ] * 3
    assert len(harness.post("/v1/export", subject=phone).json()["accesses"]) == 3, "an export is an access too"


def test_failed_export_is_recorded(harness: ApiHarness, phone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "write_pdf", Mock(side_effect=ValueError("missing glyph")))
    assert harness.post("/v1/export", subject=phone, format="pdf").status_code == 500
    assert [(one["operation"], one["result"], one["whose"]) for one in harness.recorded()] == [
        ("export", "failed", phone)
    ]


def test_export_with_an_unreadable_audit_is_refused(harness: ApiHarness, phone: str) -> None:
    assert harness.post("/v1/export", subject=phone).status_code == 200
    unreadable = harness.directory / "audit" / "000000.jsonl"
    unreadable.mkdir()
    answer = harness.post("/v1/export", subject=phone)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:accueil:problem:audit")
    unreadable.rmdir()
    assert [one["result"] for one in harness.recorded()] == ["shown", "refused"]


def test_erasure_is_published_applied_and_proved(harness: ApiHarness, phone: str) -> None:
    begun = harness.post("/v1/erasures", subject=phone)
    assert (begun.status_code, begun.json()["state"], begun.json()["contacts"]) == (202, "told", 3)
    address = f"/v1/erasures/{begun.json()['id']}"
    (still_open,) = harness.get("/v1/erasures").json()["erasures"]
    assert (still_open["id"], still_open["sector"], still_open["contacts"]) == (begun.json()["id"], "social", 3)
    harness.add(token("other-sector", sectors=("routes",)))
    elsewhere = harness.get("/v1/erasures", "other-sector")
    assert elsewhere.json() == {"erasures": []}
    assert harness.get(address).json()["proof"] is None
    harness.state.apply_erasures(harness.timeline)
    found = harness.get(address).json()
    assert (found["state"], found["proof"]["kept_as_erased"], found["proof"]["entries"]) == ("proved", 3, 0)
    assert harness.get(address).json() == found, "a proof does not change"
    assert harness.get("/v1/erasures").json() == {"erasures": []}
    canonical = json.dumps(found["proof"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == found["sha256"]
    proved = [one["whose"] for one in harness.recorded() if one["result"] == "proved"]
    assert proved == [f"erasure:{found['id']}:{found['sha256']}"]
    assert harness.post("/v1/export", subject=phone).status_code == 404
    other = harness.pseudonym(IdentityKind.CASE, OTHER)
    assert len(harness.post("/v1/export", subject=other).json()["contacts"]) == 1
    assert not [row for row in harness.state.rows.values() if phone in row.identities]


def test_failed_erasure_is_recorded_and_begun_one_leads_to_its_proof(
    harness: ApiHarness, phone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Erasures.begin

    def be_unavailable(*_: object) -> None:
        raise Unavailable("full")

    monkeypatch.setattr(Erasures, "begin", be_unavailable)
    answer = harness.post("/v1/erasures", subject=phone)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:accueil:problem:database")
    first, last = harness.recorded()
    assert (first["result"], last["result"], first["whose"], last["whose"]) == ("begun", "failed", phone, phone)
    assert first["erasure"] == last["erasure"] != ""
    monkeypatch.setattr(Erasures, "begin", begin)
    name = harness.post("/v1/erasures", subject=phone).json()["id"]
    harness.state.apply_erasures(harness.timeline)
    harness.get(f"/v1/erasures/{name}")
    of_it = [(one["result"], one["whose"]) for one in harness.recorded() if one["erasure"] == name]
    assert [result for result, _ in of_it] == ["begun", "proved", "shown"]
    assert of_it[0][1] == phone
    assert name != first["erasure"]


CHANGES = pytest.mark.parametrize(
    ("path", "owner", "name"), [("/v1/erasures", Erasures, "begin"), ("/v1/links/revoke", Timeline, "revoke")]
)


def make_body(harness: ApiHarness, path: str) -> dict[str, str]:
    """Return a body that changes data of a citizen who wrote a letter."""
    phone, case = harness.pseudonym(IdentityKind.PHONE, NUMBER), harness.pseudonym(IdentityKind.CASE, CASE)
    harness.write(letter("1", 0, f"{case} {phone}"))
    return {"subject": phone} if path == "/v1/erasures" else {"one": phone, "other": case, "reason": "mistaken"}


@CHANGES
@pytest.mark.parametrize("is_done", [False, True])
def test_failure_is_recorded_only_if_nothing_was_done(
    harness: ApiHarness, monkeypatch: pytest.MonkeyPatch, path: str, owner: type, name: str, *, is_done: bool
) -> None:
    act = getattr(owner, name)

    def lose_the_answer(*arguments: Any) -> None:
        if is_done:
            act(*arguments)
        raise Unavailable("connection lost")

    monkeypatch.setattr(owner, name, lose_the_answer)
    assert harness.post(path, **make_body(harness, path)).status_code == 503
    assert {one["result"] for one in harness.recorded()} == ({"begun"} if is_done else {"begun", "failed"})


@CHANGES
def test_cancelled_request_is_not_recorded_as_failed(
    sqlite_api: ApiHarness, monkeypatch: pytest.MonkeyPatch, path: str, owner: type, name: str
) -> None:
    started, resume, done = Signal(), Signal(), Signal()
    act, body = getattr(owner, name), make_body(sqlite_api, path)

    def wait_and_act(*arguments: Any) -> Any:
        started.set()
        resume.wait(60)
        act(*arguments)
        done.set()

    monkeypatch.setattr(owner, name, wait_and_act)

    async def cancel_request() -> None:
        async with sqlite_api.connect() as client:
            request = asyncio.create_task(client.post(path, json=body))
            assert await asyncio.to_thread(started.wait, 60)
            request.cancel()
            await asyncio.wait([request])
            resume.set()
            assert await asyncio.to_thread(done.wait, 60)

    asyncio.run(cancel_request())
    assert {one["result"] for one in sqlite_api.recorded()} == {"begun"}


def test_polling_of_own_erasure_is_recorded_once_with_the_proof(harness: ApiHarness, phone: str) -> None:
    harness.add(token("robin"))
    name = harness.post("/v1/erasures", subject=phone).json()["id"]

    def look(who: str) -> str:
        return str(harness.get(f"/v1/erasures/{name}", who).json()["state"])

    begun = harness.recorded()
    assert [look("camille") for _ in range(3)] == ["told"] * 3
    assert harness.recorded() == begun, "the client knows the erasure already"
    assert look("robin") == "told"
    harness.state.apply_erasures(harness.timeline)
    assert look("camille") == look("camille") == "proved"
    assert [(one["who"], one["result"]) for one in harness.recorded()[len(begun) :]] == [
        ("robin", "shown"),
        ("camille", "proved"),
        ("camille", "shown"),
        ("camille", "shown"),
    ]


def test_refusal_does_not_need_the_database_and_is_recorded(
    sqlite_api: ApiHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_unavailable() -> Timeline:
        raise Unavailable("away")

    sqlite_api.add(token("agent", Role.AGENT))
    monkeypatch.setattr(sqlite_api.api, "open_timeline", be_unavailable)
    case = sqlite_api.pseudonym(IdentityKind.CASE, CASE)
    for path in ("/v1/export", "/v1/erasures"):
        kinds = [
            sqlite_api.post(path, who, subject=case).json()["type"].rpartition(":")[2] for who in ("agent", "camille")
        ]
        assert kinds == ["refused", "database"]
    assert [(one["who"], one["result"], one["whose"]) for one in sqlite_api.recorded()] == [
        ("agent", "refused", case),
        ("camille", "refused", case),
    ] * 2


def test_shared_identity_is_refused_and_recorded(harness: ApiHarness, phone: str) -> None:
    family = harness.pseudonym(IdentityKind.PHONE, "+33199000009")
    for path in ("/v1/export", "/v1/erasures"):
        answer = harness.post(path, subject=family)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:accueil:problem:shared")
    assert [(one["operation"], one["whose"], one["result"]) for one in harness.recorded()] == [
        ("export", family, "refused"),
        ("erase", family, "refused"),
    ]


def test_several_sectors_need_a_named_one(harness: ApiHarness, phone: str) -> None:
    harness.add(token("both", sectors=("social", "routes", "tax")))
    harness.write(call("5", 400, phone, sector="routes"))
    for path in ("/v1/export", "/v1/erasures"):
        answer = harness.post(path, "both", subject=phone)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:accueil:problem:sectors")
        assert harness.post(path, "both", subject=phone, sector="tax").status_code == 404
        assert harness.post(path, subject=phone, sector="routes").status_code == 403
    export = harness.post("/v1/export", "both", subject=phone, sector="routes").json()
    assert [one["contact"] for one in export["contacts"]] == ["call:standard:5"]
    begun = harness.post("/v1/erasures", "both", subject=phone, sector="social")
    assert (begun.status_code, begun.json()["contacts"]) == (202, 3)
    results = [(one["sector"], one["result"]) for one in harness.recorded()]
    of_each = [("", "refused"), ("tax", "not_found"), ("", "refused")]
    assert results == [*of_each, *of_each, ("routes", "shown"), ("social", "begun")]


def test_other_sectors_are_not_revealed_without_permission(harness: ApiHarness, phone: str) -> None:
    case = harness.pseudonym(IdentityKind.CASE, OTHER)
    harness.write(call("5", 400, case, sector="routes"))
    harness.add(token("tax", sectors=("tax",)))
    for path in ("/v1/export", "/v1/erasures"):
        assert harness.post(path, "tax", subject=case).status_code == 403
        assert harness.post(path, subject=case).status_code in {200, 202}, "the token has only one of the sectors"
    assert {one["sector"] for one in harness.recorded() if one["who"] == "camille"} == {"social"}


def hold_searches(monkeypatch: pytest.MonkeyPatch) -> tuple[list[CitizenFinder], Signal]:
    """Make each search of the state wait. Return the waiting searches, and the signal to resume."""
    waiting, resume, read_rows = list[CitizenFinder](), Signal(), CitizenFinder.read_rows

    def wait(finder: CitizenFinder, wanted: Callable[[bytes, bytes], bool]) -> dict[str, Contact]:
        waiting.append(finder)
        resume.wait(60)
        return read_rows(finder, wanted)

    monkeypatch.setattr(CitizenFinder, "read_rows", wait)
    return waiting, resume


def test_privacy_requests_do_not_delay_look_ups(
    harness: ApiHarness, phone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, resume = hold_searches(monkeypatch)

    async def look_up_during_exports() -> None:
        async with harness.connect() as client:
            exports = [
                asyncio.create_task(client.post("/v1/export", json={"subject": phone}))
                for _ in range(2 * harness.api.settings.api.threads)
            ]
            await asyncio.to_thread(wait_until, lambda: waiting, "an export")
            body = {"kind": "phone", "value": NUMBER, "purpose": "contact"}
            assert (await client.post("/v1/look-up", json=body)).status_code == 200
            assert not any(one.done() for one in exports)
            assert len(waiting) <= MAX_PRIVACY_REQUESTS
            resume.set()
            assert {answer.status_code for answer in await asyncio.gather(*exports)} == {200}

    asyncio.run(look_up_during_exports())


def test_privacy_requests_of_one_token_run_one_at_a_time(
    harness: ApiHarness, phone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.add(token("robin"))
    waiting, resume = hold_searches(monkeypatch)
    opened, most, open_timeline = set[Timeline](), [0], harness.api.open_timeline

    def open_writer() -> Timeline:
        timeline = open_timeline()
        close = timeline.close
        opened.add(timeline)
        most[0] = max(most[0], len(opened))
        monkeypatch.setattr(timeline, "close", lambda: (opened.discard(timeline), close()))
        return timeline

    monkeypatch.setattr(harness.api, "open_timeline", open_writer)

    async def export_often() -> None:
        async with harness.connect("camille") as camille, harness.connect("robin") as robin:
            exports = [asyncio.create_task(camille.post("/v1/export", json={"subject": phone})) for _ in range(12)]
            await asyncio.to_thread(wait_until, lambda: waiting, "an export")
            exports.append(asyncio.create_task(robin.post("/v1/export", json={"subject": phone})))
            await asyncio.to_thread(
                wait_until, lambda: len(waiting) == MAX_PRIVACY_REQUESTS, "the export of another token"
            )
            resume.set()
            assert {answer.status_code for answer in await asyncio.gather(*exports)} == {200}

    asyncio.run(export_often())
    assert (most, opened) == ([MAX_PRIVACY_REQUESTS], set())


def test_erasure_needs_its_sector_and_all_services(harness: ApiHarness, phone: str) -> None:
    harness.add(token("elsewhere", sectors=("routes",)), token("part", services=("rsa",)), token("agent", Role.AGENT))
    request = harness.post("/v1/erasures", subject=phone).json()
    for who in ("elsewhere", "part", "agent"):
        for path in ("/v1/export", "/v1/erasures"):
            assert harness.post(path, who, subject=phone).status_code == 403
        answer = harness.get(f"/v1/erasures/{request['id']}", who)
        assert answer.status_code == 403
    unknown_to_all = harness.pseudonym(IdentityKind.CASE, "2026-99")
    for path in ("/v1/export", "/v1/erasures"):
        assert harness.post(path, "part", subject=unknown_to_all).status_code == 403, (
            "a refusal does not reveal whether data exists"
        )
    for who in ("part", "agent"):
        unknown_erasure = harness.get(f"/v1/erasures/{'0' * 32}", who)
        assert unknown_erasure.status_code == 403
        listed = harness.get("/v1/erasures", who)
        assert listed.status_code == 403
    unknown = harness.get(f"/v1/erasures/{'0' * 32}")
    assert unknown.status_code == 404
