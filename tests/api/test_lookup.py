"""Look-up of citizens, pages and contacts, on SQLite and PostgreSQL."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from models.events import LetterArrivedData
from models.identities import IdentityKind
from models.roles import Role
from streams.access.audit import AuditError
from streams.access.audit_records import Access
from streams.access.concealment import conceal
from tests.support.api_harness import NUMBER, SECTOR, ApiHarness, call, letter, token
from tests.support.events import START_MS
from tests.support.timelines import breach_entry, sla_status_entry


@pytest.mark.parametrize("typed", ["01 99 00 00 01", "+33 1 99 00 00 01", "0199000001", " 01.99.00.00.01 "])
def test_number_in_any_notation_finds_the_citizen(
    harness: ApiHarness, phone: str, case: str, entry_ids: list[str], typed: str
) -> None:
    reply = harness.post("/v1/look-up", kind="phone", value=typed).json()
    assert (reply["subject"], reply["sector"], reply["next"]) == (phone, SECTOR, None)
    assert [entry["id"] for entry in reply["entries"]] == entry_ids[::-1]
    assert [(one["identity"], one["linked_to"], one["why"]) for one in reply["identities"]] == [
        (phone, None, "asked"),
        (case, phone, "told_together"),
    ]
    assert (reply["identities"][1]["contacts"], reply["identities"][1]["since"]) == (1, "2025-03-03T08:00:00Z")
    assert reply["is_own"]
    assert reply["is_whole"]
    assert reply["are_contacts_whole"]


def test_open_contacts_come_first(harness: ApiHarness, entry_ids: list[str]) -> None:
    reply = harness.post("/v1/look-up", kind="case", value="D-2026-17").json()
    shown = [(one["contact"], one["state"], one["is_open"], one["entries"]) for one in reply["contacts"]]
    assert shown == [
        ("form:demarches:1", "pending_citizen", True, 2),
        ("call:standard:2", "closed", False, 3),
        ("mail:ged:1", "closed", False, 3),
        ("call:standard:1", "closed", False, 3),
    ]
    assert reply["contacts"][2]["outcome"] == "answered"


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 11, 200])
def test_pages_contain_each_entry_once_in_order(
    harness: ApiHarness, phone: str, entry_ids: list[str], limit: int
) -> None:
    first = harness.post("/v1/look-up", kind="phone", value=NUMBER, limit=limit).json()
    assert harness.read_pages(phone, first, limit) == entry_ids[::-1]


def test_simultaneous_entries_of_many_identities_are_paged(harness: ApiHarness, case: str) -> None:
    phones = [harness.pseudonym(IdentityKind.PHONE, f"+3319900{number:04}") for number in range(1, 12)]
    entries = []
    for number, one in enumerate(phones):
        entries += harness.write(letter(f"of-{number}", 0, f"{case} {one}"))
        entries += harness.write(call(f"of-{number}", 0, one))
    reply = harness.post("/v1/look-up", kind="case", value="D-2026-17", limit=7).json()
    assert len(reply["identities"]) == 12
    found = harness.read_pages(case, reply, 7)
    assert sorted(found) == sorted(entry.id for entry in entries)
    happened_at = {entry.id: entry.happened_at for entry in entries}
    assert all(happened_at[one] >= happened_at[next_one] for one, next_one in pairwise(found))


def test_cursor_is_refused_for_another_timeline(
    harness: ApiHarness, phone: str, case: str, entry_ids: list[str]
) -> None:
    cursor = harness.post("/v1/look-up", kind="phone", value=NUMBER, limit=2).json()["next"]
    assert harness.post("/v1/timeline", subject=phone, cursor=cursor).status_code == 200
    last = "B" if cursor[-1] == "A" else "A"
    for subject, forged in ((case, cursor), (phone, cursor[:-1] + last), (phone, "AAAA"), (phone, "é!"), (phone, "")):
        refused = harness.post("/v1/timeline", subject=subject, cursor=forged)
        assert refused.status_code == 400, forged
        assert refused.json()["type"] == "urn:accueil:problem:cursor"


def test_contact_or_pseudonym_finds_its_citizen(
    harness: ApiHarness, phone: str, case: str, entry_ids: list[str]
) -> None:
    of_contact = harness.post("/v1/look-up", kind="contact", value="form:demarches:1").json()
    of_case = harness.post("/v1/look-up", kind="pseudonym", value=case).json()
    assert of_contact == of_case
    assert of_contact["subject"] == case
    assert [record["whose"] for record in harness.recorded()] == ["form:demarches:1", case]


def test_contact_without_citizen_is_found_alone(harness: ApiHarness) -> None:
    ids = [entry.id for entry in harness.write(letter("anonymous", 0, ""))]
    reply = harness.post("/v1/look-up", kind="contact", value="mail:ged:anonymous").json()
    assert (reply["subject"], [entry["id"] for entry in reply["entries"]]) == ("mail:ged:anonymous", ids[::-1])
    answer = harness.post("/v1/contact", contact="mail:ged:anonymous").json()
    assert (answer["citizen"], [entry["id"] for entry in answer["entries"]]) == (None, ids)


def test_contact_entries_are_in_order(harness: ApiHarness, case: str, entry_ids: list[str]) -> None:
    answer = harness.post("/v1/contact", contact="mail:ged:1").json()
    assert [entry["type"] for entry in answer["entries"]] == ["letter.arrived", "letter.registered", "letter.answered"]
    assert (answer["citizen"], answer["sector"], answer["contact"]["state"]) == (case, SECTOR, "closed")


def test_contact_of_a_citizen_has_no_separate_timeline(harness: ApiHarness, entry_ids: list[str]) -> None:
    assert harness.post("/v1/timeline", subject="mail:ged:1").status_code == 404


def test_unknown_subject_is_reported_and_recorded(harness: ApiHarness, entry_ids: list[str]) -> None:
    unknown = harness.pseudonym(IdentityKind.PHONE, "+33199000099")
    for path, body in (
        ("/v1/look-up", {"kind": "phone", "value": "01 99 00 00 99"}),
        ("/v1/look-up", {"kind": "pseudonym", "value": unknown}),
        ("/v1/timeline", {"subject": unknown}),
        ("/v1/contact", {"contact": "mail:ged:9"}),
    ):
        answer = harness.post(path, **body)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:accueil:problem:not-known")
    assert [(one["whose"], one["result"]) for one in harness.recorded()] == [
        *[(unknown, "not_found")] * 3,
        (conceal("mail:ged:9", harness.api.secret), "not_found"),
    ]


TYPED = (
    "email:boite:jean.modele@example.org",
    "call:standard:+33639985511",
    "case:2026-0012345",
    "agent:a-Jean_Modele",
)
"""Personal values in the form of a contact id or of a pseudonym."""


@pytest.mark.parametrize("typed", TYPED)
def test_every_operation_conceals_an_unknown_typed_value_in_the_audit(
    sqlite_api: ApiHarness, entry_ids: list[str], typed: str
) -> None:
    sqlite_api.add(token("agent", Role.AGENT))
    requests: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/v1/look-up", {"kind": "contact" if typed.count(":") > 1 else "pseudonym", "value": typed}),
        ("/v1/timeline", {"subject": typed}),
        ("/v1/contact", {"contact": typed}),
        ("/v1/export", {"subject": typed}),
        ("/v1/erasures", {"subject": typed}),
        ("/v1/links/revoke", {"one": typed, "other": typed.replace("o", "0"), "reason": "shared"}),
    )
    for path, body in requests:
        for who in ("camille", "agent"):
            sqlite_api.post(path, who, **body)
    recorded = [one for one in sqlite_api.recorded() if one["whose"]]
    assert len(recorded) > 6
    assert {one["whose"] for one in recorded if one["result"] == "not_found"} == {conceal(typed, sqlite_api.api.secret)}
    log = b"".join(path.read_bytes() for path in (sqlite_api.directory / "audit").iterdir())
    assert typed.rpartition(":")[2].encode() not in log


def test_shared_number_merges_no_timelines(harness: ApiHarness, phone: str) -> None:
    cases = [harness.pseudonym(IdentityKind.CASE, f"D-{number}") for number in range(3)]
    for number, one in enumerate(cases):
        harness.write(letter(str(number), 0, f"{one} {phone}"))
    reply = harness.post("/v1/look-up", kind="phone", value=NUMBER).json()
    assert (reply["is_own"], reply["entries"]) == (False, [])
    assert sorted(one["identity"] for one in reply["shared"]) == sorted(cases)
    assert {one["why"] for one in reply["shared"]} == {"shared"}
    of_one = harness.post("/v1/look-up", kind="case", value="D-1").json()
    assert [one["identity"] for one in of_one["identities"]] == [cases[1]]
    assert [(one["identity"], one["linked_to"]) for one in of_one["shared"]] == [(phone, cases[1])]
    assert {entry["contact"] for entry in of_one["entries"]} == {"mail:ged:1"}


def test_long_contact_returns_latest_entries_and_says_so(
    harness: ApiHarness, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.write(letter("1", 0, case))
    harness.add(token("routes", Role.AGENT, services=("routes",)))
    whole = harness.post("/v1/contact", contact="mail:ged:1").json()
    assert (whole["is_whole"], len(whole["entries"])) == (True, 3)
    monkeypatch.setattr("streams.api.lookup.MAX_CONTACT_ENTRIES", 2)
    latest = harness.post("/v1/contact", contact="mail:ged:1").json()
    assert (latest["is_whole"], latest["entries"]) == (False, whole["entries"][1:])
    assert latest["contact"]["state"] == "closed"
    assert harness.post("/v1/contact", "routes", contact="mail:ged:1").status_code == 404


def test_partly_recorded_revocation_is_recorded_as_failed(
    harness: ApiHarness, phone: str, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.write(letter("1", 0, f"{case} {phone}"))
    record_soon, records = harness.api.audit.record_soon, list[Access]()

    async def record_but_the_second(access: Access) -> int:
        records.append(access)
        if len(records) == 2:
            raise AuditError("no space left on device")
        return await record_soon(access)

    monkeypatch.setattr(harness.api.audit, "record_soon", record_but_the_second)
    answer = harness.post("/v1/links/revoke", one=phone, other=case, reason="mistaken")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:accueil:problem:audit")
    assert [(one["whose"], one["result"]) for one in harness.recorded()] == [(phone, "begun"), (phone, "failed")]
    assert len(harness.post("/v1/look-up", kind="phone", value=NUMBER).json()["identities"]) == 2


def test_number_with_only_a_revoked_link_is_known(harness: ApiHarness, phone: str, case: str) -> None:
    harness.write(letter("1", 0, f"{case} {phone}"))
    harness.add(token("sacha", Role.AGENT), token("routes", Role.AGENT, services=("routes",)))
    assert harness.post("/v1/links/revoke", one=phone, other=case, reason="mistaken").status_code == 200
    reply = {
        who: harness.post("/v1/look-up", who, kind="phone", value=NUMBER) for who in ("camille", "sacha", "routes")
    }
    for who, names in (("camille", (case, phone)), ("sacha", (None, None))):
        (link,) = reply[who].json()["revoked"]
        assert (link["one"], link["other"]) == names, "only clients who may restore the link see its identities"
        assert (link["contacts"], link["reason"]) == (1, "mistaken")
        assert reply[who].json()["entries"] == []
    assert reply["routes"].status_code == 404, "only contacts of another service prove the link"
    assert harness.post("/v1/links/restore", one=case, other=phone).status_code == 200
    assert harness.post("/v1/look-up", kind="phone", value=NUMBER).json()["revoked"] == []


def test_contact_contains_targets_and_arrival_date(harness: ApiHarness, case: str) -> None:
    arrived, *_ = letter("1", 0, case)
    admitted_at = arrived.time - timedelta(days=2)
    harness.write([arrived.model_copy(update={"data": LetterArrivedData(admitted_at=admitted_at)})])
    far = 4_102_444_800_000
    due = sla_status_entry("mail:ged:1", 1, SECTOR, "rsa", resolution=far, first_response=None, acknowledge=86_400_000)
    breach = breach_entry("mail:ged:1", START_MS)
    breach.sector, breach.citizen, breach.service = SECTOR, case, "rsa"
    harness.timeline.write([breach], [due])
    (contact,) = harness.post("/v1/look-up", kind="case", value="D-2026-17").json()["contacts"]
    assert contact["due"] == [
        {"policy": "letters", "clock": clock, "state": state, "due_at": due_at, "at_risk_at": at_risk_at}
        for clock, state, due_at, at_risk_at in (
            ("acknowledge", "overdue", "1970-01-02T00:00:00Z", "1970-01-01T12:00:00Z"),
            ("resolution", "running", "2100-01-01T00:00:00Z", "2099-12-31T12:00:00Z"),
            ("first_response", "paused", None, None),
        )
    ]
    verdict = {"policy": "letters", "clock": "resolution", "state": "breached", "at": "2025-03-03T08:00:00Z"}
    assert (contact["sla"], contact["entries"], contact["opinions"]) == ([verdict], 2, 0)
    assert (contact["admitted_at"], contact["since"]) == ("2025-03-01T08:00:00Z", "2025-03-03T08:00:00Z")
    assert harness.post("/v1/contact", contact="mail:ged:1").json()["contact"] == contact
