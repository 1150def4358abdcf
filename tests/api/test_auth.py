"""Authentication, permissions, audit records and errors of the API."""

import json
import resource
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
import structlog
from structlog.testing import capture_logs

from models.identities import IdentityKind
from models.locale import translate
from models.roles import Role
from streams.access.audit import verify
from streams.access.oidc import Provider
from streams.access.permissions import PERMISSIONS, READ_OPERATIONS, Operation
from streams.api.middleware import HEADERS, MAX_BYTES, OPERATIONS_BY_PATH
from streams.api.problems import DETAILS
from streams.settings.api import Grant, Oidc, SectorPair
from tests.support.api_harness import NUMBER, SECTOR, ApiHarness, call, letter, now, token
from tests.support.issuer import Issuer
from tests.support.kills import run_in_child

PHONE_OF = {"social": "+33199000001", "routes": "+33199000002"}
REASON = "convention du 3 mars 2026, article 4"
SECRETS: Final = [None, "", "Bearer", "Bearer wrong", "Basic camille", "camille", "Bearer expired", "Bearer revoked"]


@pytest.fixture
def harness(sqlite_api: ApiHarness) -> ApiHarness:
    """API with one letter in each of two sectors."""
    write(sqlite_api)
    return sqlite_api


def write(harness: ApiHarness) -> None:
    for sector, number in PHONE_OF.items():
        identities = [harness.pseudonym(kind, number, sector) for kind in (IdentityKind.CASE, IdentityKind.PHONE)]
        harness.write(letter(sector, 0, " ".join(identities), sector=sector))


def requests_by_operation(harness: ApiHarness, sector: str) -> dict[Operation, tuple[str, dict[str, Any]]]:
    """Return a request for each operation on the citizen known in a sector."""
    number = PHONE_OF[sector]
    phone, case = (harness.pseudonym(kind, number, sector) for kind in (IdentityKind.PHONE, IdentityKind.CASE))
    pair = {"one": case, "other": phone, "reason": "shared"}
    return {
        Operation.LOOK_UP: ("/v1/look-up", {"kind": "phone", "value": number, "sector": sector}),
        Operation.READ_TIMELINE: ("/v1/timeline", {"subject": phone}),
        Operation.READ_CONTACT: ("/v1/contact", {"contact": f"mail:ged:{sector}"}),
        Operation.REVOKE_LINK: ("/v1/links/revoke", pair),
        Operation.RESTORE_LINK: ("/v1/links/restore", pair),
        Operation.EXPORT: ("/v1/export", {"subject": phone}),
        Operation.ERASE: ("/v1/erasures", {"subject": phone}),
    }


OPERATIONS: Final = tuple(OPERATIONS_BY_PATH.values())
ENDS: Final = {Operation.REVOKE_LINK: "done", Operation.RESTORE_LINK: "done", Operation.ERASE: "begun"}
"""Last result recorded of an operation that is first recorded as begun."""


# ---------------------------------------------------------------------------------------------------------------- tokens
@pytest.mark.parametrize("path", ["/v1/me", "/v1/look-up", "/v1/unknown"])
@pytest.mark.parametrize("authorization", SECRETS)
def test_invalid_tokens_get_the_same_answer(harness: ApiHarness, authorization: str | None, path: str) -> None:
    harness.add(token("expired", expires_at=now()), token("revoked", revoked_at=1))
    headers = {} if authorization is None else {"authorization": authorization}
    answer = harness.client.request("POST", path, headers=headers, content="{not read")
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:accueil:problem:token")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert harness.recorded() == []
    assert harness.metric("api_unauthenticated_requests_total") == 1


def test_day_of_use_is_recorded(harness: ApiHarness) -> None:
    harness.add(token("sacha", used_on="2026-01-01"))
    assert harness.post("/v1/look-up", "sacha", kind="phone", value=NUMBER).status_code == 200
    (used,) = (one.used_on for one in harness.tokens.list() if one.name == "sacha")
    assert used > "2026-01-01"


def test_revoked_token_is_refused_immediately(harness: ApiHarness) -> None:
    assert harness.post("/v1/look-up", kind="phone", value=NUMBER).status_code == 200
    harness.tokens.revoke("camille", now())
    assert harness.post("/v1/look-up", kind="phone", value=NUMBER).status_code == 401


def test_unreadable_tokens_refuse_all_clients(harness: ApiHarness) -> None:
    (harness.directory / "access" / "tokens.json").chmod(0o644)
    answer = harness.post("/v1/look-up", kind="phone", value=NUMBER)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:accueil:problem:tokens")


def test_openid_client_is_recorded_by_name(tmp_path: Path) -> None:
    issuer = Issuer()
    grants = {"guichet": Grant(role="agent", sectors=(SECTOR,))}
    provider = Provider(Oidc(issuer=issuer.url, audience="accueil", grants=grants))
    harness = ApiHarness(tmp_path, provider=provider)
    harness.add(token())
    write(harness)
    for actor, status in ((issuer.sign(), 200), (issuer.sign(aud="other"), 401), ("camille", 200)):
        assert harness.post("/v1/look-up", actor, kind="phone", value=NUMBER).status_code == status
    assert [record["who"] for record in harness.recorded()] == ["oidc:agent-7", "camille"]
    issuer.close()
    harness.close()


# ----------------------------------------------------------------------------------------------------------- permissions
@pytest.mark.parametrize(("role", "sector", "operation"), list(product(Role, PHONE_OF, OPERATIONS)))
def test_role_is_limited_to_its_operations_and_sectors(
    harness: ApiHarness, role: Role, sector: str, operation: Operation
) -> None:
    harness.add(token("sacha", role))
    path, body = requests_by_operation(harness, sector)[operation]
    if operation is Operation.RESTORE_LINK:
        _, pair = requests_by_operation(harness, sector)[Operation.REVOKE_LINK]
        harness.add(token("elsewhere", sectors=(sector,)))
        assert harness.post("/v1/links/revoke", "elsewhere", **pair).status_code == 200
    answer = harness.post(path, "sacha", **body)
    record = harness.recorded()[-1]
    assert (record["who"], record["role"], record["operation"], record["across"]) == ("sacha", role, operation, "")
    if operation in PERMISSIONS[role] and sector == SECTOR:
        assert answer.status_code == (202 if operation is Operation.ERASE else 200), answer.text
        assert record["result"] == ENDS.get(operation, "shown")
        assert record["ground"] == (body["reason"] if operation is Operation.REVOKE_LINK else "")
        assert (record["sector"], record["whose"] != "") == (sector, True)
    else:
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:accueil:problem:refused")
        assert record["result"] == "refused"


def test_every_route_is_tested_or_returns_no_personal_data(harness: ApiHarness) -> None:
    paths = {path for path, _ in requests_by_operation(harness, SECTOR).values()}
    assert paths == OPERATIONS_BY_PATH.keys() & harness.app.openapi()["paths"].keys()


def test_me_returns_permissions(harness: ApiHarness) -> None:
    harness.add(token("sacha", Role.AGENT, sectors=("social", "routes"), services=("rsa",)))
    me = harness.get("/v1/me", "sacha").json()
    assert (me["name"], me["role"], me["sectors"], me["services"]) == ("sacha", "agent", ["social", "routes"], ["rsa"])
    assert set(me["may"]) == PERMISSIONS[Role.AGENT]
    for role in Role:
        harness.add(token(f"of-{role}", role))
        may = harness.get("/v1/me", f"of-{role}").json()["may"]
        assert set(may) == PERMISSIONS[role] & {*OPERATIONS_BY_PATH.values()}
    assert "administration" not in me["purposes"]
    assert harness.recorded() == []


# --------------------------------------------------------------------------------------------------------------- sectors
@pytest.fixture
def across(tmp_path: Path) -> Iterator[ApiHarness]:
    """API in which tokens of the social sector may look up the roads sector, with a reason."""
    opened = ApiHarness(tmp_path, across=(SectorPair(from_sector="social", to_sector="routes", reason=REASON),))
    opened.add(token(), token("yael", sectors=("routes",)))
    write(opened)
    yield opened
    opened.close()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_cross_sector_look_up_needs_a_rule_and_records_its_reason(across: ApiHarness, operation: Operation) -> None:
    path, body = requests_by_operation(across, "routes")[operation]
    answer = across.post(path, **body)
    record = across.recorded()[-1]
    if operation not in READ_OPERATIONS:  # reading is allowed, changes are not
        assert (answer.status_code, record["across"]) == (403, "")
    else:
        assert (answer.status_code, record["across"], record["sector"]) == (200, REASON, "routes")
    path, body = requests_by_operation(across, "social")[operation]
    assert across.post(path, "yael", **body).status_code == 403


def test_cross_sector_look_up_allows_reading_further_pages(across: ApiHarness) -> None:
    first = across.post("/v1/look-up", kind="phone", value=PHONE_OF["routes"], sector="routes", limit=1).json()
    page = across.post("/v1/timeline", subject=first["subject"], cursor=first["next"])
    assert (page.status_code, len(page.json()["entries"])) == (200, 2)
    me = across.get("/v1/me").json()
    assert me["across"] == [{"from_sector": "social", "to_sector": "routes", "reason": REASON}]


def test_number_has_separate_timelines_in_two_sectors(harness: ApiHarness) -> None:
    harness.add(token("both", sectors=("social", "routes")))
    harness.write(call("1", 0, harness.pseudonym(IdentityKind.PHONE, NUMBER, "routes"), sector="routes"))
    social, routes = (
        harness.post("/v1/look-up", "both", kind="phone", value=NUMBER, sector=sector).json() for sector in PHONE_OF
    )
    assert social["subject"] != routes["subject"]
    contacts = [{entry["contact"] for entry in reply["entries"]} for reply in (social, routes)]
    assert contacts == [{"mail:ged:social"}, {"call:standard:1"}]


def test_identities_of_two_sectors_are_not_linked(harness: ApiHarness) -> None:
    harness.add(token("both", sectors=("social", "routes")))
    one = harness.pseudonym(IdentityKind.CASE, PHONE_OF["social"], "social")
    other = harness.pseudonym(IdentityKind.PHONE, PHONE_OF["routes"], "routes")
    assert harness.post("/v1/links/revoke", "both", one=one, other=other, reason="shared").status_code == 404


def test_look_up_creates_no_key_for_a_sector(harness: ApiHarness) -> None:
    harness.add(token("sacha", sectors=("tax",)))
    answer = harness.post("/v1/look-up", "sacha", kind="phone", value=NUMBER)
    assert answer.json()["errors"] == [{"field": "sector", "message": "n'est pas un secteur d'ici"}]
    assert {path.stem for path in harness.keys.iterdir()} == set(PHONE_OF)


# ----------------------------------------------------------------------------------------------------------------- audit
def post_without_space(directory: Path) -> None:
    """Send requests until the audit has no space, then with space again."""
    harness = ApiHarness(directory)
    harness.add(token())
    write(harness)
    look_up = partial(harness.post, "/v1/look-up", kind="phone", value=NUMBER)
    assert look_up().status_code == 200
    limit_bytes = (directory / "audit" / "000001.jsonl").stat().st_size + 1000
    files = {"", "-wal", "-shm"}
    assert max((directory / f"timeline.db{end}").stat().st_size for end in files) > limit_bytes  # reads need no space
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))
    with capture_logs():  # logs would need space
        answers = [look_up() for _ in range(8)]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert answers[-1].status_code == 503
    for answer in answers:
        if answer.status_code == 503:
            assert answer.json()["type"] == "urn:accueil:problem:audit"
            assert "mail:ged" not in answer.text
    path, body = requests_by_operation(harness, SECTOR)[Operation.REVOKE_LINK]
    with capture_logs():
        assert harness.post(path, **body).status_code == 503
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    reply = look_up()
    assert reply.status_code == 200
    assert len(reply.json()["identities"]) == 2  # nothing was revoked
    shown = sum(answer.status_code == 200 for answer in answers) + 2
    assert len(harness.recorded()) == shown
    assert verify(directory / "audit").findings == []
    harness.close()


def test_full_disk_of_the_audit_blocks_all_operations(tmp_path: Path) -> None:
    assert run_in_child(partial(post_without_space, tmp_path)) == 0


# ----------------------------------------------------------------------------------------------------------------- rates
def test_exceeded_rate_limit_is_recorded_once(harness: ApiHarness) -> None:
    harness.add(token("sacha", Role.AGENT, rate_per_minute=2))
    look_up = partial(harness.post, "/v1/look-up", "sacha", kind="phone", value=NUMBER)
    answers = [look_up() for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429]
    assert answers[2].json()["type"] == "urn:accueil:problem:too-often"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 31
    assert [record["result"] for record in harness.recorded()] == ["shown", "shown", "limited"]
    assert harness.post("/v1/look-up", kind="phone", value=NUMBER).status_code == 200  # other tokens are not delayed


def test_exceeded_rate_limit_for_an_erasure_is_recorded(harness: ApiHarness) -> None:
    harness.add(token("sacha", rate_per_minute=1))
    answers = [harness.get(f"/v1/erasures/{'0' * 32}", "sacha").status_code for _ in range(3)]
    assert answers == [404, 429, 429]
    assert [one["result"] for one in harness.recorded() if one["operation"] == "erase"] == ["not_found", "limited"]


def test_unusual_readers_are_counted(tmp_path: Path) -> None:
    harness = ApiHarness(tmp_path, unusual_citizens_per_hour=3)
    harness.add(token(), token("sacha"))
    write(harness)
    for number in [*range(3), *range(3)]:
        harness.post("/v1/look-up", kind="phone", value=f"+3319900{number:04}")
        harness.post("/v1/look-up", "sacha", kind="phone", value=NUMBER)
    assert harness.metric("api_unusual_readers") == 0
    harness.post("/v1/look-up", kind="phone", value="+33199000099")
    assert harness.metric("api_unusual_readers") == 1
    harness.close()


# ------------------------------------------------------------------------------------------------------------- request bodies
PLANTED: Final = "+33199001234"


@pytest.mark.parametrize(
    "body",
    [
        {"kind": PLANTED, "value": NUMBER, "purpose": "contact"},
        {"kind": "phone", "value": PLANTED * 99, "purpose": "contact"},
        {"kind": "phone", "value": NUMBER, "purpose": PLANTED},
        {"kind": "phone", "value": NUMBER, "purpose": "contact", PLANTED: 1},
        {"kind": "phone", "value": {PLANTED: PLANTED}, "purpose": "contact"},
        {"kind": "phone", "value": NUMBER, "purpose": "contact", "sector": PLANTED},
        {"kind": "phone", "value": NUMBER, "purpose": "contact", "limit": PLANTED},
        {"kind": "contact", "value": PLANTED, "purpose": "contact"},
        {"kind": "email", "value": PLANTED, "purpose": "contact"},
        {"kind": "phone", "value": NUMBER, "purpose": "administration"},
        [PLANTED],
        PLANTED,
    ],
)
def test_error_does_not_contain_the_sent_value(harness: ApiHarness, body: Any) -> None:
    with capture_logs() as logs:
        answer = harness.client.post("/v1/look-up", json=body, headers={"authorization": "Bearer camille"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"]
    assert PLANTED[1:] not in answer.text + json.dumps(logs)
    assert harness.recorded() == []


@pytest.mark.parametrize("operation", [Operation.LOOK_UP, Operation.EXPORT, Operation.ERASE])
def test_unknown_sector_is_refused_and_not_recorded(harness: ApiHarness, operation: Operation) -> None:
    path, body = requests_by_operation(harness, SECTOR)[operation]
    for typed, recorded in ((PLANTED[1:], ""), ("routes", "routes")):
        answer = harness.post(path, **body | {"sector": typed})
        assert (answer.status_code, answer.json()["detail"] == translate(DETAILS["sector"], "fr")) == (403, True)
        (*_, record) = harness.recorded()
        assert (record["operation"], record["sector"], record["result"]) == (operation, recorded, "refused")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b'{"kind": "phone", "value": "\\ud800"}', b"[" * 9000, b'{"limit": ' + b"9" * 5000 + b"}"],
)
def test_invalid_json_is_reported(harness: ApiHarness, content: bytes) -> None:
    headers = {"authorization": "Bearer camille", "content-type": "application/json"}
    assert harness.client.post("/v1/look-up", content=content, headers=headers).status_code == 422


def test_too_large_body_is_not_read(harness: ApiHarness) -> None:
    headers = {"authorization": "Bearer camille", "content-type": "application/json"}
    for content in (b"x" * (MAX_BYTES + 1), (b"x" * 1000 for _ in range(40))):
        answer = harness.client.post("/v1/look-up", content=content, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:accueil:problem:too-large")


def test_misplaced_field_is_named_and_unknown_field_is_not(harness: ApiHarness) -> None:
    def reply(**more: Any) -> Any:
        return harness.post("/v1/look-up", kind="phone", value=NUMBER, **more).json()["errors"]

    assert reply(subject="x") == [{"field": "subject", "message": "n'est pas connu ici"}]
    assert reply(**{PLANTED: 1}) == [{"field": "", "message": "a un champ qui n'est pas connu ici"}]
    assert reply(dupont=1, headers={"accept-language": "en"}) == [{"field": "", "message": "has an unknown field"}]


def test_other_media_types_are_refused(harness: ApiHarness) -> None:
    headers = {"authorization": "Bearer camille", "content-type": "text/plain"}
    assert harness.client.post("/v1/look-up", content=b"{}", headers=headers).status_code == 415


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "fr"), ("de, en;q=0.5, fr;q=0.1", "en"), ("en;q=0", "fr")],
)
def test_errors_are_in_the_preferred_language(harness: ApiHarness, accepted: str, language: str) -> None:
    answer = harness.post("/v1/look-up", kind="phone", value="no number", headers={"accept-language": accepted})
    assert answer.headers["content-language"] == language
    assert answer.json()["title"] == {"fr": "Demande mal formée", "en": "The request is not valid"}[language]
    assert [error["field"] for error in answer.json()["errors"]] == ["value"]


# --------------------------------------------------------------------------------------------------------- answers
@pytest.mark.parametrize("path", ["/v1/me", "/v1/unknown", "/openapi.json", "/healthz", "/unknown", "/metrics"])
def test_every_answer_has_security_headers(harness: ApiHarness, path: str) -> None:
    answer = harness.client.get(path, headers={"authorization": "Bearer camille", "origin": "https://evil.example"})
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_log_contains_only_the_route(harness: ApiHarness) -> None:
    structlog.reset_defaults()
    with capture_logs() as logs:
        harness.post("/v1/look-up", kind="phone", value=NUMBER)
        harness.post(f"/v1/{NUMBER}")
        harness.client.request(NUMBER[1:], "/v1/look-up")
    reply = [(line["event"], line["method"], line["route"], line["status"]) for line in logs]
    assert reply == [
        ("request", "POST", "/v1/look-up", 200),
        ("request", "POST", "", 404),
        ("request", "unknown", "", 401),
    ]


def test_internal_error_reveals_nothing(harness: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ValueError(NUMBER)

    monkeypatch.setattr("streams.api.lookup.summarise", fail)
    answer = harness.post("/v1/look-up", kind="phone", value=NUMBER)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:accueil:problem:failed")
    assert NUMBER[1:] not in answer.text


def test_unusable_key_is_reported_to_authorised_clients_and_recorded(harness: ApiHarness) -> None:
    harness.add(token("robin", Role.SUPERVISOR))
    (harness.keys / f"{SECTOR}.key").write_bytes(b"no key")
    look_up = partial(harness.post, "/v1/look-up", kind="phone", value=NUMBER)
    kinds = [look_up(actor).json()["type"] for actor in ("robin", "camille")]
    assert kinds == ["urn:accueil:problem:refused", "urn:accueil:problem:keys"]
    assert [(one["who"], one["result"], one["whose"]) for one in harness.recorded()] == [
        ("robin", "refused", ""),
        ("camille", "refused", ""),
    ]


def test_unavailable_database_is_reported(tmp_path: Path) -> None:
    harness = ApiHarness(tmp_path)
    harness.add(token())
    harness.pseudonym(IdentityKind.PHONE, NUMBER)
    harness.timeline.close()
    for end in ("", "-wal", "-shm"):
        (tmp_path / f"timeline.db{end}").unlink(missing_ok=True)
    (tmp_path / "timeline.db").mkdir()
    answer = harness.post("/v1/look-up", kind="phone", value=NUMBER)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:accueil:problem:database")
    assert int(answer.headers["retry-after"]) > 0
    assert [one["result"] for one in harness.recorded()] == ["refused"]
    assert harness.client.get("/readyz").status_code == 503
    assert harness.client.get("/healthz").status_code == 200
    harness.close()
