"""Look-ups by clients of one service or sector: other data is visible only as the settings allow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.identities import IdentityKind
from models.roles import Role
from streams.settings.api import OtherServices
from tests.support.api_harness import DAY, NUMBER, SECTOR, ApiHarness, call, letter, token
from tests.support.events import make
from tests.support.timelines import sla_status_entry

FAMILY = "+33199000009"


def test_targets_of_other_sectors_and_services_are_hidden(harness: ApiHarness, case: str) -> None:
    harness.add(token("sacha", Role.AGENT, services=("rsa",)))
    harness.write(letter("1", 0, case)[:1])

    def reply(who: str) -> int:
        (contact,) = harness.post("/v1/look-up", who, kind="case", value="D-2026-17").json()["contacts"]
        return len(contact["due"])

    for sector, service, seen in (("avis", "rsa", (0, 0)), (SECTOR, "enfance", (1, 0)), (SECTOR, "rsa", (1, 1))):
        harness.timeline.write([], [sla_status_entry("mail:ged:1", 1, sector, service, resolution=1)])
        assert (reply("camille"), reply("sacha")) == seen


@pytest.fixture(params=OtherServices)
def of_two_services(request: pytest.FixtureRequest, url: str, tmp_path: Path) -> Iterator[ApiHarness]:
    """API in which other services are hidden or shown in outline. The agent Sacha belongs to the RSA service only."""
    opened = ApiHarness(tmp_path, url, other_services=request.param)
    opened.add(token(), token("sacha", Role.AGENT, services=("rsa",)))
    of_citizen = opened.pseudonym(IdentityKind.CASE, "D-2026-17")
    dossier = opened.pseudonym(IdentityKind.DOSSIER, "123")
    opened.write(
        [
            *letter("1", 0, of_citizen),
            *letter("2", DAY, f"{of_citizen} {dossier}", service="enfance"),
            *call("1", 2 * DAY, of_citizen),
        ]
    )
    yield opened
    opened.close()


def test_setting_controls_visibility_of_other_services(of_two_services: ApiHarness) -> None:
    harness = of_two_services
    is_hidden = harness.api.settings.api.other_services is OtherServices.HIDDEN
    reply = harness.post("/v1/look-up", "sacha", kind="case", value="D-2026-17", limit=2).json()
    entries = list(reply["entries"])
    while reply["next"]:
        reply = harness.post("/v1/timeline", "sacha", subject=reply["subject"], cursor=reply["next"], limit=2).json()
        entries += reply["entries"]
    assert len(entries) == (6 if is_hidden else 9)
    shown = [entry for entry in entries if not entry["is_outline"]]
    assert [entry["service"] for entry in shown] == ["rsa"] * 6
    for entry in entries:
        if entry["is_outline"]:
            assert {name for name, value in entry.items() if value} == {"channel", "happened_at", "state", "is_outline"}
    first = harness.post("/v1/look-up", "sacha", kind="case", value="D-2026-17")
    assert "enfance" not in first.text
    assert "mail:ged:2" not in first.text
    assert harness.post("/v1/contact", "sacha", contact="mail:ged:2").status_code == 404
    assert harness.post("/v1/look-up", "sacha", kind="contact", value="mail:ged:2").status_code == 404
    identities = {one["kind"] for one in first.json()["identities"]}
    assert identities == ({"case"} if is_hidden else {"case", "dossier"})
    assert harness.post("/v1/contact", contact="mail:ged:2").status_code == 200
    assert len(harness.post("/v1/look-up", kind="case", value="D-2026-17").json()["entries"]) == 9


def test_contact_passed_on_to_a_hidden_service_is_not_open(of_two_services: ApiHarness, case: str) -> None:
    harness = of_two_services
    arrived, *further = letter("3", 3 * DAY, case)
    passed_on = [one.model_copy(update={"service": "enfance"}) for one in further]

    def reply(who: str) -> dict[str, Any]:
        contacts = harness.post("/v1/look-up", who, kind="case", value="D-2026-17").json()["contacts"]
        (one,) = (contact for contact in contacts if contact["contact"] == "mail:ged:3")
        contact = harness.post("/v1/contact", who, contact="mail:ged:3").json()["contact"]
        assert contact == one
        return {name: one[name] for name in ("is_open", "state", "outcome", "service")}

    harness.write([arrived])
    assert reply("sacha")["is_open"] is reply("camille")["is_open"] is True
    harness.write(passed_on[:1])
    assert reply("sacha") == {"is_open": False, "state": "closed", "outcome": "passed_on", "service": "rsa"}
    assert (reply("camille")["is_open"], reply("camille")["service"]) == (True, "enfance")
    harness.write(
        [make("letter.assigned", 9 * DAY, subject="mail:ged:3", service="rsa", sector=SECTOR, identities=case)]
    )
    assert reply("sacha")["is_open"] is True


@pytest.fixture
def narrow(url: str, tmp_path: Path) -> Iterator[ApiHarness]:
    """API whose agent Sacha belongs to the RSA service only; all known contacts are with child welfare."""
    opened = ApiHarness(tmp_path, url)
    opened.add(token(), token("sacha", Role.AGENT, services=("rsa",)))
    case, other = (opened.pseudonym(IdentityKind.CASE, name) for name in ("D-1", "D-2"))
    phone, family = (opened.pseudonym(IdentityKind.PHONE, number) for number in (NUMBER, FAMILY))
    opened.write(
        [
            *letter("1", 0, f"{case} {phone} {family}", service="enfance"),
            *letter("2", DAY, f"{case} {phone} {family}", service="enfance"),
            *letter("3", DAY, f"{other} {family}", service="enfance"),
        ]
    )
    yield opened
    opened.close()


def test_citizen_known_only_to_another_service_is_unknown(narrow: ApiHarness) -> None:
    case, phone = narrow.pseudonym(IdentityKind.CASE, "D-1"), narrow.pseudonym(IdentityKind.PHONE, NUMBER)
    unknown = narrow.post("/v1/look-up", "sacha", kind="phone", value="+33199000077")
    assert unknown.status_code == 404
    for body in (
        {"kind": "phone", "value": FAMILY},
        {"kind": "phone", "value": NUMBER},
        {"kind": "case", "value": "D-1"},
        {"kind": "pseudonym", "value": case},
        {"kind": "contact", "value": "mail:ged:1"},
    ):
        answer = narrow.post("/v1/look-up", "sacha", **body)
        assert (answer.status_code, answer.content) == (404, unknown.content), body
        assert narrow.post("/v1/look-up", **body).status_code == 200
    for subject in (case, phone, "mail:ged:1"):
        assert narrow.post("/v1/timeline", "sacha", subject=subject).content == unknown.content


def test_link_proved_only_by_another_service_is_hidden(narrow: ApiHarness) -> None:
    case, phone = narrow.pseudonym(IdentityKind.CASE, "D-1"), narrow.pseudonym(IdentityKind.PHONE, NUMBER)
    narrow.write(call("9", 2 * DAY, phone))
    answer = narrow.post("/v1/look-up", "sacha", kind="phone", value=NUMBER)
    reply = answer.json()
    assert {entry["contact"] for entry in reply["entries"]} == {"call:standard:9"}
    assert [(one["identity"], one["linked_to"], one["contacts"]) for one in reply["identities"]] == [
        (phone, None, None)
    ]
    assert (reply["shared"], case in answer.text) == ([], False)
    assert narrow.post("/v1/look-up", "sacha", kind="contact", value="mail:ged:1").status_code == 404
    assert narrow.post("/v1/look-up", "sacha", kind="contact", value="call:standard:9").json()["subject"] == phone
    narrow.write(letter("9", 3 * DAY, f"{case} {phone}"))
    (_, linked) = narrow.post("/v1/look-up", "sacha", kind="phone", value=NUMBER).json()["identities"]
    assert (linked["identity"], linked["linked_to"], linked["contacts"]) == (case, phone, 1)
    assert linked["since"] == "2025-03-06T08:00:00Z"


def test_shared_number_leads_to_citizens_of_the_own_service(narrow: ApiHarness) -> None:
    third, family = narrow.pseudonym(IdentityKind.CASE, "D-3"), narrow.pseudonym(IdentityKind.PHONE, FAMILY)
    narrow.write(letter("9", 2 * DAY, f"{third} {family}"))
    reply = narrow.post("/v1/look-up", "sacha", kind="phone", value=FAMILY).json()
    assert (reply["is_own"], reply["entries"]) == (False, [])
    assert [(one["identity"], one["contacts"]) for one in reply["shared"]] == [(third, 1)]
    assert len(narrow.post("/v1/look-up", kind="phone", value=FAMILY).json()["shared"]) == 3
    of_one = narrow.post("/v1/look-up", "sacha", kind="case", value="D-3").json()
    assert [(one["identity"], one["linked_to"], one["contacts"]) for one in of_one["shared"]] == [(family, third, 1)]


def test_link_of_another_service_can_be_neither_revoked_nor_tested(narrow: ApiHarness) -> None:
    narrow.add(token("robin", services=("rsa",)))
    case, phone = narrow.pseudonym(IdentityKind.CASE, "D-1"), narrow.pseudonym(IdentityKind.PHONE, NUMBER)
    link: dict[str, Any] = {"one": case, "other": phone}
    assert narrow.post("/v1/links/revoke", "robin", reason="mistaken", **link).status_code == 404
    assert narrow.post("/v1/links/revoke", reason="mistaken", **link).status_code == 200
    assert narrow.post("/v1/links/restore", "robin", **link).status_code == 404
    narrow.write(letter("9", 3 * DAY, f"{case} {phone}"))
    assert narrow.post("/v1/links/restore", "robin", **link).status_code == 200
    assert [(one["who"], one["result"], one["whose"]) for one in narrow.recorded()] == [
        ("robin", "not_found", case),
        *(("camille", result, subject_id) for result in ("begun", "done") for subject_id in (case, phone)),
        ("robin", "not_found", case),
        *(("robin", result, subject_id) for result in ("begun", "done") for subject_id in (case, phone)),
    ]


def test_entries_of_a_service_are_searched_within_a_bound(narrow: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    case = narrow.pseudonym(IdentityKind.CASE, "D-3")
    for number in range(4):
        narrow.write(letter(f"of-{number}", number * 9 * DAY, case))
    narrow.write([event for number in range(4) for event in letter(f"to-{number}", 21 * DAY, case, service="enfance")])
    first = narrow.post("/v1/look-up", "sacha", kind="case", value="D-3", limit=2).json()
    assert (first["is_whole"], len(narrow.read_pages(case, first, 2, "sacha"))) == (True, 12)
    monkeypatch.setattr("streams.timeline.reader.MAX_WALKED", 15)
    first = narrow.post("/v1/look-up", "sacha", kind="case", value="D-3", limit=2).json()
    assert (first["is_whole"], len(narrow.read_pages(case, first, 2, "sacha"))) == (False, 3)
    assert {entry["contact"] for entry in first["entries"]} == {"mail:ged:of-3"}
    of_all = narrow.post("/v1/look-up", kind="case", value="D-3", limit=2).json()
    assert (of_all["is_whole"], len(narrow.read_pages(case, of_all, 2))) == (True, 24)


def test_contact_of_two_sectors_needs_both_permissions(harness: ApiHarness, case: str) -> None:
    name = "mail:ged:1"
    harness.write(letter("1", 0, case))
    harness.write([make("feedback.given", 9, subject=name, sector="avis", scale="csat_1_5", score=1)])
    harness.add(token("avis", Role.AGENT, sectors=("avis",)), token("both", Role.AGENT, sectors=(SECTOR, "avis")))
    for who, status in (("camille", 403), ("avis", 403), ("both", 200)):
        assert harness.post("/v1/contact", who, contact=name).status_code == status
        assert harness.post("/v1/look-up", who, kind="contact", value=name).status_code == status


@pytest.mark.parametrize("first", [SECTOR, "avis"])
def test_entries_of_another_sector_are_not_in_the_citizens_timeline(harness: ApiHarness, first: str) -> None:
    harness.add(token("avis", sectors=("avis",)), token("both", sectors=(SECTOR, "avis")))
    cases = {sector: harness.pseudonym(IdentityKind.CASE, "D-1", sector) for sector in (SECTOR, "avis")}
    (second,) = cases.keys() - {first}
    name = {"subject": "mail:ged:1", "site": "siege"}
    harness.write(
        [
            make("letter.arrived", 10, sector=first, service=f"of-{first}", identities=cases[first], **name),
            make(
                "letter.registered",
                5,
                sector=second,
                service=f"of-{second}",
                identities=cases[second],
                chrono="1",
                **name,
            ),
        ]
    )
    read = 0
    for who, own, other in (("camille", SECTOR, "avis"), ("avis", "avis", SECTOR)):
        answers = [harness.post("/v1/look-up", who, kind="case", value="D-1", sector=own)]
        answers += [harness.post("/v1/timeline", who, subject=case) for case in cases.values()]
        assert not any(f"of-{other}" in answer.text for answer in answers)
        read += any(f"of-{own}" in answer.text for answer in answers)
        export = harness.post("/v1/export", who, subject=cases[own], sector=own).json()
        reply = [entry["service"] for one in export.get("contacts", []) for entry in one["entries"]]
        assert f"of-{other}" not in reply
    assert read
    whole = harness.post("/v1/look-up", "both", kind="contact", value="mail:ged:1").json()
    assert {entry["service"] for entry in whole["entries"]} == {f"of-{sector}" for sector in cases}
