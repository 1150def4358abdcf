"""What is found of a citizen, on SQLite and PostgreSQL."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, text

from models.events import LetterArrivedData
from models.grounds import Ground
from models.identities import IdentityKind
from streams.access.audit import Access, AuditError
from streams.access.permissions import Role
from streams.api.options import ApiOptions, OtherServices
from streams.core.links import Link
from streams.timeline.reading import MOST_COUNTED, Reading
from tests.support.api import NUMBER, SECTOR, Office, call, form, letter, token
from tests.support.events import START_MS, make
from tests.support.timelines import breach, entries_of, promised

DAY = 86_400
FAMILY = "+33199000009"


@pytest.fixture
def phone(office: Office) -> str:
    return office.pseudonym(IdentityKind.PHONE, NUMBER)


@pytest.fixture
def case(office: Office) -> str:
    return office.pseudonym(IdentityKind.CASE, "D-2026-17")


@pytest.fixture
def story(office: Office, phone: str, case: str) -> list[str]:
    """A letter, two calls and a form of one citizen; all ids in the order in which they happened."""
    events = [
        *letter("1", 0, f"{case} {phone}"),
        *call("1", DAY, phone),
        *form("1", 3 * DAY, case),
        *call("2", 4 * DAY, phone),
    ]
    entries = office.write(events)
    return [entry.id for entry in sorted(entries, key=lambda entry: (entry.happened_at, entry.id))]


def walk(office: Office, subject: str, first: dict[str, Any], limit: int, who: str = "camille") -> list[str]:
    """All ids from the first page on."""
    ids, page = [entry["id"] for entry in first["entries"]], first
    while page["next"]:
        page = office.ask("/v1/timeline", who, subject=subject, cursor=page["next"], limit=limit).json()
        assert 0 < len(page["entries"]) <= limit
        ids += [entry["id"] for entry in page["entries"]]
    return ids


@pytest.mark.parametrize("typed", ["01 99 00 00 01", "+33 1 99 00 00 01", "0199000001", " 01.99.00.00.01 "])
def test_a_number_finds_the_whole_story_however_it_is_written(
    office: Office, phone: str, case: str, story: list[str], typed: str
) -> None:
    told = office.ask("/v1/look-up", kind="phone", value=typed).json()
    assert (told["subject"], told["sector"], told["next"]) == (phone, SECTOR, None)
    assert [entry["id"] for entry in told["entries"]] == story[::-1]
    assert [(one["identity"], one["linked_to"], one["why"]) for one in told["identities"]] == [
        (phone, None, "asked"),
        (case, phone, "told_together"),
    ]
    assert (told["identities"][1]["contacts"], told["identities"][1]["since"]) == (1, "2025-03-03T08:00:00Z")
    assert told["is_own"]
    assert told["is_whole"]
    assert told["are_contacts_whole"]


def test_open_matters_come_first(office: Office, story: list[str]) -> None:
    told = office.ask("/v1/look-up", kind="case", value="D-2026-17").json()
    shown = [(one["contact"], one["state"], one["is_open"], one["entries"]) for one in told["contacts"]]
    assert shown == [
        ("form:demarches:1", "pending_citizen", True, 2),
        ("call:standard:2", "closed", False, 3),
        ("mail:ged:1", "closed", False, 3),
        ("call:standard:1", "closed", False, 3),
    ]
    assert told["contacts"][2]["outcome"] == "answered"


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 11, 200])
def test_pages_have_each_entry_once_in_order(office: Office, phone: str, story: list[str], limit: int) -> None:
    first = office.ask("/v1/look-up", kind="phone", value=NUMBER, limit=limit).json()
    assert walk(office, phone, first, limit) == story[::-1]


def test_many_entries_of_one_moment_and_many_identities_are_paged_as_well(office: Office, case: str) -> None:
    phones = [office.pseudonym(IdentityKind.PHONE, f"+3319900{number:04}") for number in range(1, 12)]
    entries = []
    for number, one in enumerate(phones):
        entries += office.write(letter(f"of-{number}", 0, f"{case} {one}"))
        entries += office.write(call(f"of-{number}", 0, one))
    told = office.ask("/v1/look-up", kind="case", value="D-2026-17", limit=7).json()
    assert len(told["identities"]) == 12
    found = walk(office, case, told, 7)
    assert sorted(found) == sorted(entry.id for entry in entries)
    happened_at = {entry.id: entry.happened_at for entry in entries}
    assert all(happened_at[one] >= happened_at[next_one] for one, next_one in pairwise(found))


def test_a_cursor_is_good_for_its_own_timeline_alone(office: Office, phone: str, case: str, story: list[str]) -> None:
    cursor = office.ask("/v1/look-up", kind="phone", value=NUMBER, limit=2).json()["next"]
    assert office.ask("/v1/timeline", subject=phone, cursor=cursor).status_code == 200
    last = "B" if cursor[-1] == "A" else "A"
    for subject, made_up in ((case, cursor), (phone, cursor[:-1] + last), (phone, "AAAA"), (phone, "é!"), (phone, "")):
        refused = office.ask("/v1/timeline", subject=subject, cursor=made_up)
        assert refused.status_code == 400, made_up
        assert refused.json()["type"] == "urn:accueil:problem:cursor"


def test_a_contact_or_a_pseudonym_finds_whose_it_is(office: Office, phone: str, case: str, story: list[str]) -> None:
    of_contact = office.ask("/v1/look-up", kind="contact", value="form:demarches:1").json()
    of_case = office.ask("/v1/look-up", kind="pseudonym", value=case).json()
    assert of_contact == of_case
    assert of_contact["subject"] == case
    assert [record["whose"] for record in office.recorded()] == ["form:demarches:1", case]


def test_a_contact_of_nobody_known_is_a_story_of_its_own(office: Office) -> None:
    ids = [entry.id for entry in office.write(letter("anonymous", 0, ""))]
    told = office.ask("/v1/look-up", kind="contact", value="mail:ged:anonymous").json()
    assert (told["subject"], [entry["id"] for entry in told["entries"]]) == ("mail:ged:anonymous", ids[::-1])
    life = office.ask("/v1/contact", contact="mail:ged:anonymous").json()
    assert (life["citizen"], [entry["id"] for entry in life["entries"]]) == (None, ids)


def test_one_contact_is_told_in_order(office: Office, case: str, story: list[str]) -> None:
    life = office.ask("/v1/contact", contact="mail:ged:1").json()
    assert [entry["type"] for entry in life["entries"]] == ["letter.arrived", "letter.registered", "letter.answered"]
    assert (life["citizen"], life["sector"], life["contact"]["state"]) == (case, SECTOR, "closed")


def test_a_contact_of_somebody_has_no_timeline_of_its_own(office: Office, story: list[str]) -> None:
    assert office.ask("/v1/timeline", subject="mail:ged:1").status_code == 404


def test_nothing_known_is_said_and_recorded(office: Office, story: list[str]) -> None:
    unknown = office.pseudonym(IdentityKind.PHONE, "+33199000099")
    for path, body in (
        ("/v1/look-up", {"kind": "phone", "value": "01 99 00 00 99"}),
        ("/v1/look-up", {"kind": "pseudonym", "value": unknown}),
        ("/v1/timeline", {"subject": unknown}),
        ("/v1/contact", {"contact": "mail:ged:9"}),
    ):
        answer = office.ask(path, **body)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:accueil:problem:not-known")
    assert [(one["whose"], one["result"]) for one in office.recorded()] == [
        *[(unknown, "not_found")] * 3,
        ("mail:ged:9", "not_found"),
    ]


def test_a_number_of_several_brings_no_stories_together(office: Office, phone: str) -> None:
    """The landline of a family, a social worker's telephone."""
    cases = [office.pseudonym(IdentityKind.CASE, f"D-{number}") for number in range(3)]
    for number, one in enumerate(cases):
        office.write(letter(str(number), 0, f"{one} {phone}"))
    told = office.ask("/v1/look-up", kind="phone", value=NUMBER).json()
    assert (told["is_own"], told["entries"]) == (False, [])
    assert sorted(one["identity"] for one in told["shared"]) == sorted(cases)
    assert {one["why"] for one in told["shared"]} == {"shared"}
    of_one = office.ask("/v1/look-up", kind="case", value="D-1").json()
    assert [one["identity"] for one in of_one["identities"]] == [cases[1]]
    assert [(one["identity"], one["linked_to"]) for one in of_one["shared"]] == [(phone, cases[1])]
    assert {entry["contact"] for entry in of_one["entries"]} == {"mail:ged:1"}


def test_two_stories_are_apart_as_soon_as_their_link_is_revoked(
    office: Office, phone: str, case: str, story: list[str]
) -> None:
    def contacts() -> set[str]:
        told = office.ask("/v1/look-up", kind="phone", value=NUMBER).json()
        return {one["contact"] for one in told["contacts"]}

    whole = contacts()
    assert office.ask("/v1/links/revoke", one=phone, other=case, reason="mistaken").json()["holds"] is False
    assert contacts() == {"call:standard:1", "call:standard:2"}
    assert office.ask("/v1/links/revoke", one=phone, other=case, reason="mistaken").status_code == 404
    assert office.ask("/v1/links/restore", one=case, other=phone).json()["holds"] is True
    assert contacts() == whole
    assert office.ask("/v1/links/restore", one=case, other=phone).status_code == 404


def test_of_a_contact_with_very_many_entries_the_latest_are_told_and_that_there_are_more(
    office: Office, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.write(letter("1", 0, case))
    office.add(token("routes", Role.AGENT, services=("routes",)))
    whole = office.ask("/v1/contact", contact="mail:ged:1").json()
    assert (whole["is_whole"], len(whole["entries"])) == (True, 3)
    monkeypatch.setattr("streams.api.looking.MOST_OF_A_LIFE", 2)
    latest = office.ask("/v1/contact", contact="mail:ged:1").json()
    assert (latest["is_whole"], latest["entries"]) == (False, whole["entries"][1:])
    assert latest["contact"]["state"] == "closed"
    assert office.ask("/v1/contact", "routes", contact="mail:ged:1").status_code == 404


def test_of_a_change_that_could_be_begun_of_one_alone_it_is_recorded_that_it_failed(
    office: Office, phone: str, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.write(letter("1", 0, f"{case} {phone}"))
    record_soon, asked = office.api.audit.record_soon, list[Access]()

    async def record_but_the_second(access: Access) -> int:
        asked.append(access)
        if len(asked) == 2:
            raise AuditError("no space left on device")
        return await record_soon(access)

    monkeypatch.setattr(office.api.audit, "record_soon", record_but_the_second)
    answer = office.ask("/v1/links/revoke", one=phone, other=case, reason="mistaken")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:accueil:problem:audit")
    assert [(one["whose"], one["result"]) for one in office.recorded()] == [(phone, "begun"), (phone, "failed")]
    assert len(office.ask("/v1/look-up", kind="phone", value=NUMBER).json()["identities"]) == 2


def test_a_number_whose_only_link_was_revoked_is_not_unknown(office: Office, phone: str, case: str) -> None:
    office.write(letter("1", 0, f"{case} {phone}"))
    office.add(token("sacha", Role.AGENT), token("routes", Role.AGENT, services=("routes",)))
    assert office.ask("/v1/links/revoke", one=phone, other=case, reason="mistaken").status_code == 200
    told = {who: office.ask("/v1/look-up", who, kind="phone", value=NUMBER) for who in ("camille", "sacha", "routes")}
    for who, names in (("camille", (case, phone)), ("sacha", (None, None))):
        (link,) = told[who].json()["revoked"]
        assert (link["one"], link["other"]) == names, "who may not restore it does not learn with whom it was"
        assert (link["contacts"], link["reason"]) == (1, "mistaken")
        assert told[who].json()["entries"] == []
    assert told["routes"].status_code == 404, "only another service's contacts told it"
    assert office.ask("/v1/links/restore", one=case, other=phone).status_code == 200
    assert office.ask("/v1/look-up", kind="phone", value=NUMBER).json()["revoked"] == []


def test_a_promise_and_an_opinion_are_told_with_their_contact(office: Office, case: str) -> None:
    entries = office.write(letter("1", 0, case))
    told = breach("mail:ged:1", int(entries[1].happened_at.timestamp() * 1000))
    told.sector, told.citizen, told.service = SECTOR, case, "rsa"
    office.timeline.write([told])
    (contact,) = office.ask("/v1/look-up", kind="case", value="D-2026-17").json()["contacts"]
    assert contact["sla"] == [
        {"policy": "letters", "clock": "resolution", "state": "breached", "at": "2025-03-03T09:00:00Z"}
    ]
    assert (contact["state"], contact["opinions"], contact["entries"]) == ("closed", 0, 4)


def test_what_is_still_to_be_kept_is_told_with_its_date_and_when_a_letter_came(office: Office, case: str) -> None:
    arrived, *_ = letter("1", 0, case)
    admitted_at = arrived.time - timedelta(days=2)
    office.write([arrived.model_copy(update={"data": LetterArrivedData(admitted_at=admitted_at)})])
    far = 4_102_444_800_000
    due = promised("mail:ged:1", 1, SECTOR, "rsa", resolution=far, first_response=None, acknowledge=86_400_000)
    office.timeline.write([], [due])
    (contact,) = office.ask("/v1/look-up", kind="case", value="D-2026-17").json()["contacts"]
    assert contact["due"] == [
        {
            "policy": "letters",
            "clock": clock,
            "state": state,
            "due_at": due_at,
            "at_risk_at": at_risk_at,
        }
        for clock, state, due_at, at_risk_at in (
            ("acknowledge", "overdue", "1970-01-02T00:00:00Z", "1970-01-01T12:00:00Z"),
            ("resolution", "running", "2100-01-01T00:00:00Z", "2099-12-31T12:00:00Z"),
            ("first_response", "paused", None, None),
        )
    ]
    assert (contact["admitted_at"], contact["since"]) == ("2025-03-01T08:00:00Z", "2025-03-03T08:00:00Z")
    assert office.ask("/v1/contact", contact="mail:ged:1").json()["contact"] == contact


def test_what_is_promised_in_another_sector_or_by_another_service_is_not_told(office: Office, case: str) -> None:
    office.add(token("sacha", Role.AGENT, services=("rsa",)))
    office.write(letter("1", 0, case)[:1])

    def told(who: str) -> int:
        (contact,) = office.ask("/v1/look-up", who, kind="case", value="D-2026-17").json()["contacts"]
        return len(contact["due"])

    for sector, service, seen in (("avis", "rsa", (0, 0)), (SECTOR, "enfance", (1, 0)), (SECTOR, "rsa", (1, 1))):
        office.timeline.write([], [promised("mail:ged:1", 1, sector, service, resolution=1)])
        assert (told("camille"), told("sacha")) == seen


# ------------------------------------------------------------------------------------------------------------- services
@pytest.fixture(params=OtherServices)
def of_two_services(request: pytest.FixtureRequest, url: str, tmp_path: Path) -> Iterator[Office]:
    """An office in which other services are hidden, or shown in outline; its agent Sacha is of the RSA service alone."""
    opened = Office(tmp_path, url, ApiOptions(other_services=request.param))
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


def test_who_is_of_one_service_learns_of_others_what_the_setting_says(of_two_services: Office) -> None:
    office = of_two_services
    is_hidden = office.api.options.other_services is OtherServices.HIDDEN
    told = office.ask("/v1/look-up", "sacha", kind="case", value="D-2026-17", limit=2).json()
    entries = list(told["entries"])
    while told["next"]:
        told = office.ask("/v1/timeline", "sacha", subject=told["subject"], cursor=told["next"], limit=2).json()
        entries += told["entries"]
    assert len(entries) == (6 if is_hidden else 9)
    shown = [entry for entry in entries if not entry["is_outline"]]
    assert [entry["service"] for entry in shown] == ["rsa"] * 6
    for entry in entries:
        if entry["is_outline"]:
            assert {name for name, value in entry.items() if value} == {"channel", "happened_at", "state", "is_outline"}
    first = office.ask("/v1/look-up", "sacha", kind="case", value="D-2026-17")
    assert "enfance" not in first.text
    assert "mail:ged:2" not in first.text
    assert office.ask("/v1/contact", "sacha", contact="mail:ged:2").status_code == 404
    assert office.ask("/v1/look-up", "sacha", kind="contact", value="mail:ged:2").status_code == 404
    identities = {one["kind"] for one in first.json()["identities"]}
    assert identities == ({"case"} if is_hidden else {"case", "dossier"})
    assert office.ask("/v1/contact", contact="mail:ged:2").status_code == 200
    assert len(office.ask("/v1/look-up", kind="case", value="D-2026-17").json()["entries"]) == 9


def test_what_was_passed_on_to_another_service_is_not_open_to_who_is_shown_that_ones_own_alone(
    of_two_services: Office, case: str
) -> None:
    office = of_two_services
    arrived, *further = letter("3", 3 * DAY, case)
    passed_on = [one.model_copy(update={"service": "enfance"}) for one in further]

    def told(who: str) -> dict[str, Any]:
        contacts = office.ask("/v1/look-up", who, kind="case", value="D-2026-17").json()["contacts"]
        (one,) = (contact for contact in contacts if contact["contact"] == "mail:ged:3")
        life = office.ask("/v1/contact", who, contact="mail:ged:3").json()["contact"]
        assert life == one
        return {name: one[name] for name in ("is_open", "state", "outcome", "service")}

    office.write([arrived])
    assert told("sacha")["is_open"] is told("camille")["is_open"] is True
    office.write(passed_on[:1])
    assert told("sacha") == {"is_open": False, "state": "closed", "outcome": "passed_on", "service": "rsa"}
    assert (told("camille")["is_open"], told("camille")["service"]) == (True, "enfance")
    office.write(
        [make("letter.assigned", 9 * DAY, subject="mail:ged:3", service="rsa", sector=SECTOR, identities=case)]
    )
    assert told("sacha")["is_open"] is True


def test_what_happened_at_once_is_told_in_the_order_of_its_kind(office: Office, case: str) -> None:
    kinds = ["letter.arrived", "letter.registered", "letter.assigned", "letter.answered"]
    where = {"subject": "mail:ged:1", "service": "rsa", "sector": SECTOR, "identities": case}
    for kind in reversed(kinds):
        office.write([make(kind, 0, **where, **({"chrono": "1"} if kind == "letter.registered" else {}))])
    office.timeline.write([breach("mail:ged:1", START_MS)])
    told = office.ask("/v1/contact", contact="mail:ged:1").json()["entries"]
    assert [entry["type"] for entry in told] == [*kinds, "sla.breached"]
    newest_first = office.ask("/v1/look-up", kind="case", value="D-2026-17").json()["entries"]
    assert [entry["type"] for entry in newest_first] == ["sla.breached", *reversed(kinds)]


@pytest.fixture
def narrow(url: str, tmp_path: Path) -> Iterator[Office]:
    """An office whose agent Sacha is of the RSA service alone; all that is known was told to child welfare."""
    opened = Office(tmp_path, url)
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


def test_whom_another_service_alone_knows_is_as_unknown_as_anybody(narrow: Office) -> None:
    case, phone = narrow.pseudonym(IdentityKind.CASE, "D-1"), narrow.pseudonym(IdentityKind.PHONE, NUMBER)
    unknown = narrow.ask("/v1/look-up", "sacha", kind="phone", value="+33199000077")
    assert unknown.status_code == 404
    for body in (
        {"kind": "phone", "value": FAMILY},
        {"kind": "phone", "value": NUMBER},
        {"kind": "case", "value": "D-1"},
        {"kind": "pseudonym", "value": case},
        {"kind": "contact", "value": "mail:ged:1"},
    ):
        answer = narrow.ask("/v1/look-up", "sacha", **body)
        assert (answer.status_code, answer.content) == (404, unknown.content), body
        assert narrow.ask("/v1/look-up", **body).status_code == 200
    for subject in (case, phone, "mail:ged:1"):
        assert narrow.ask("/v1/timeline", "sacha", subject=subject).content == unknown.content


def test_what_ones_own_service_was_not_told_is_no_link(narrow: Office) -> None:
    case, phone = narrow.pseudonym(IdentityKind.CASE, "D-1"), narrow.pseudonym(IdentityKind.PHONE, NUMBER)
    narrow.write(call("9", 2 * DAY, phone))
    answer = narrow.ask("/v1/look-up", "sacha", kind="phone", value=NUMBER)
    told = answer.json()
    assert {entry["contact"] for entry in told["entries"]} == {"call:standard:9"}
    assert [(one["identity"], one["linked_to"], one["contacts"]) for one in told["identities"]] == [(phone, None, None)]
    assert (told["shared"], case in answer.text) == ([], False)
    assert narrow.ask("/v1/look-up", "sacha", kind="contact", value="mail:ged:1").status_code == 404
    assert narrow.ask("/v1/look-up", "sacha", kind="contact", value="call:standard:9").json()["subject"] == phone
    narrow.write(letter("9", 3 * DAY, f"{case} {phone}"))
    (_, linked) = narrow.ask("/v1/look-up", "sacha", kind="phone", value=NUMBER).json()["identities"]
    assert (linked["identity"], linked["linked_to"], linked["contacts"]) == (case, phone, 1)
    assert linked["since"] == "2025-03-06T08:00:00Z"


def test_a_number_of_several_leads_to_those_whom_ones_own_service_knows_by_it(narrow: Office) -> None:
    third, family = narrow.pseudonym(IdentityKind.CASE, "D-3"), narrow.pseudonym(IdentityKind.PHONE, FAMILY)
    narrow.write(letter("9", 2 * DAY, f"{third} {family}"))
    told = narrow.ask("/v1/look-up", "sacha", kind="phone", value=FAMILY).json()
    assert (told["is_own"], told["entries"]) == (False, [])
    assert [(one["identity"], one["contacts"]) for one in told["shared"]] == [(third, 1)]
    assert len(narrow.ask("/v1/look-up", kind="phone", value=FAMILY).json()["shared"]) == 3
    of_one = narrow.ask("/v1/look-up", "sacha", kind="case", value="D-3").json()
    assert [(one["identity"], one["linked_to"], one["contacts"]) for one in of_one["shared"]] == [(family, third, 1)]


def test_a_link_that_other_services_told_is_neither_revoked_nor_shown_to_hold(narrow: Office) -> None:
    narrow.add(token("robin", services=("rsa",)))
    case, phone = narrow.pseudonym(IdentityKind.CASE, "D-1"), narrow.pseudonym(IdentityKind.PHONE, NUMBER)
    link: dict[str, Any] = {"one": case, "other": phone}
    assert narrow.ask("/v1/links/revoke", "robin", reason="mistaken", **link).status_code == 404
    assert narrow.ask("/v1/links/revoke", reason="mistaken", **link).status_code == 200
    assert narrow.ask("/v1/links/restore", "robin", **link).status_code == 404
    narrow.write(letter("9", 3 * DAY, f"{case} {phone}"))
    assert narrow.ask("/v1/links/restore", "robin", **link).status_code == 200
    assert [(one["who"], one["result"], one["whose"]) for one in narrow.recorded()] == [
        ("robin", "not_found", case),
        *(("camille", result, whose) for result in ("begun", "done") for whose in (case, phone)),
        ("robin", "not_found", case),
        *(("robin", result, whose) for result in ("begun", "done") for whose in (case, phone)),
    ]


def test_those_of_one_service_are_looked_for_in_a_bounded_number_of_entries(
    narrow: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = narrow.pseudonym(IdentityKind.CASE, "D-3")
    for number in range(4):
        narrow.write(letter(f"of-{number}", number * 9 * DAY, case))
    narrow.write([event for number in range(4) for event in letter(f"to-{number}", 21 * DAY, case, service="enfance")])
    first = narrow.ask("/v1/look-up", "sacha", kind="case", value="D-3", limit=2).json()
    assert (first["is_whole"], len(walk(narrow, case, first, 2, "sacha"))) == (True, 12)
    monkeypatch.setattr("streams.timeline.reading.MOST_WALKED", 15)
    first = narrow.ask("/v1/look-up", "sacha", kind="case", value="D-3", limit=2).json()
    assert (first["is_whole"], len(walk(narrow, case, first, 2, "sacha"))) == (False, 3)
    assert {entry["contact"] for entry in first["entries"]} == {"mail:ged:of-3"}
    of_all = narrow.ask("/v1/look-up", kind="case", value="D-3", limit=2).json()
    assert (of_all["is_whole"], len(walk(narrow, case, of_all, 2))) == (True, 24)


# ------------------------------------------------------------------------------------------------------------- the reader
def test_what_links_rest_on_is_told_whichever_stands_first(
    office: Office, phone: str, case: str, story: list[str]
) -> None:
    office.write(letter("2", DAY, f"{case} {phone}"))
    with office.reader.look() as reading:
        found = reading.find_evidence([Link(case, phone), Link(phone, case), Link(phone, "case:0-x")])
    assert {link: known.contacts for link, known in found.items()} == {Link(case, phone): 2, Link(phone, case): 2}


def test_an_answer_takes_a_few_queries_however_much_there_is(office: Office, case: str) -> None:
    asked: list[str] = []
    event.listen(office.reader._engine, "before_cursor_execute", lambda *told: asked.append(told[2]))

    def count() -> int:
        asked.clear()
        assert office.ask("/v1/look-up", kind="case", value="D-2026-17", limit=50).status_code == 200
        return len(asked)

    office.write(letter("first", 0, f"{case} {office.pseudonym(IdentityKind.PHONE, NUMBER)}"))
    few = count()
    for number in range(2, 42):
        phone = office.pseudonym(IdentityKind.PHONE, f"+3319900{number:04}")
        office.write(letter(f"of-{number}", number, f"{case} {phone}"))
        office.write(call(f"of-{number}", number, phone))
        office.write(letter(f"open-{number}", number, phone)[:1])
        office.timeline.write([], [promised(f"mail:ged:open-{number}", 1, SECTOR, "rsa", resolution=1)])
    assert count() <= few + 1 < 10


def test_what_many_contacts_tell_takes_no_more_than_what_some_do(sqlite: Office) -> None:
    """A number that stands on each letter of a procedure: whether its link holds or was revoked, some of them are counted."""
    case, phone = (sqlite.pseudonym(*one) for one in ((IdentityKind.CASE, "D-1"), (IdentityKind.PHONE, NUMBER)))
    link, steps = Link(case, phone), [0]
    (one,) = entries_of(letter("1", 0, f"{case} {phone}")[:1])

    def write(numbers: Iterable[int]) -> None:
        copied = [{"contact": f"mail:ged:{number}", "id": f"e{number}"} for number in numbers]
        sqlite.timeline.write([msgspec.structs.replace(one, **names) for names in copied])

    def count(look: Callable[[Reading], Any]) -> int:
        steps[0] = 0
        with sqlite.reader.look() as reading:
            connection: Any = reading._connection.connection.driver_connection
            connection.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 100)
            assert look(reading)
            connection.set_progress_handler(None, 0)
        return steps[0]

    looks = (
        lambda reading: reading.find_evidence([link])[link].contacts == MOST_COUNTED,
        lambda reading: reading.find_evidence([link], ["rsa"])[link].contacts == MOST_COUNTED,
        lambda reading: reading.tell_story(phone).identities,
        lambda reading: reading.find_services([SECTOR], ["case:"]) == ["rsa"],
    )
    of_revoked = (
        lambda reading: [*reading.tell_story(phone).identities] == [phone],
        lambda reading: [one.contacts for one in reading.find_revoked(phone)] == [MOST_COUNTED],
    )
    some = range(MOST_COUNTED + 500)
    write(some)
    few = [count(look) for look in looks]
    sqlite.timeline.revoke(link, 1, Ground.SHARED)
    few += [count(look) for look in of_revoked]
    sqlite.timeline.restore(link)
    write(range(len(some), 8 * len(some)))
    many = [count(look) for look in looks[:-1]]
    sqlite.timeline.revoke(link, 1, Ground.SHARED)
    many += [count(look) for look in of_revoked]
    del few[len(looks) - 1]  # so many are looked at that these are all
    assert all(after < 2 * before + 5 for after, before in zip(many, few, strict=True)), (few, many)


def test_the_services_that_there_are_are_looked_for_in_a_bounded_number_of_entries(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, phone = office.pseudonym(IdentityKind.CASE, "D-1"), office.pseudonym(IdentityKind.PHONE, NUMBER)
    of_phone = [*letter("2", 0, phone, service="enfance"), *letter("3", 9 * DAY, phone, sector="avis")]
    office.write([*letter("1", 0, case), *of_phone])
    monkeypatch.setattr("streams.timeline.reading.MOST_SAMPLED", 3)
    with office.reader.look() as reading:
        for sectors, starts, services in (
            ([SECTOR], [case], ["rsa"]),
            ([SECTOR], ["case:"], ["rsa"]),
            ([SECTOR], ["case:", phone], ["enfance", "rsa"]),
            ([SECTOR], ["phone:z"], []),
            (["avis"], [phone], []),
        ):
            assert reading.find_services(sectors, starts) == services


def test_the_reader_writes_nothing(office: Office, story: list[str]) -> None:
    with office.reader.look() as reading, pytest.raises(Exception, match=r"(?i)read.?only"):
        reading._connection.execute(text("DELETE FROM entries"))
    assert len(office.ask("/v1/look-up", kind="phone", value=NUMBER).json()["entries"]) == len(story)


def test_an_answer_is_of_one_moment(office: Office, phone: str, story: list[str]) -> None:
    with office.reader.look() as reading:
        before = reading.read([phone], 100)
        office.write(call("3", 5 * DAY, phone))
        assert reading.read([phone], 100) == before
        assert reading.tell_story(phone).is_own
    with office.reader.look() as reading:
        assert len(reading.read([phone], 100)) == len(before) + 3


def test_a_contact_that_was_told_in_two_sectors_is_shown_to_who_may_look_into_both(office: Office, case: str) -> None:
    name = "mail:ged:1"
    office.write(letter("1", 0, case))
    office.write([make("feedback.given", 9, subject=name, sector="avis", scale="csat_1_5", score=1)])
    office.add(token("avis", Role.AGENT, sectors=("avis",)), token("both", Role.AGENT, sectors=(SECTOR, "avis")))
    for who, status in (("camille", 403), ("avis", 403), ("both", 200)):
        assert office.ask("/v1/contact", who, contact=name).status_code == status
        assert office.ask("/v1/look-up", who, kind="contact", value=name).status_code == status


@pytest.mark.parametrize("first", [SECTOR, "avis"])
def test_what_a_contact_was_told_in_one_sector_is_not_read_by_its_citizen_of_another(
    office: Office, first: str
) -> None:
    """Its source told it in two sectors, the later one first: all entries stand under one owner."""
    office.add(token("avis", sectors=("avis",)), token("both", sectors=(SECTOR, "avis")))
    cases = {sector: office.pseudonym(IdentityKind.CASE, "D-1", sector) for sector in (SECTOR, "avis")}
    (second,) = cases.keys() - {first}
    name = {"subject": "mail:ged:1", "site": "siege"}
    office.write(
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
        answers = [office.ask("/v1/look-up", who, kind="case", value="D-1", sector=own)]
        answers += [office.ask("/v1/timeline", who, subject=case) for case in cases.values()]
        assert not any(f"of-{other}" in answer.text for answer in answers)
        read += any(f"of-{own}" in answer.text for answer in answers)
        held = office.ask("/v1/export", who, subject=cases[own], sector=own).json()
        told = [entry["service"] for one in held.get("contacts", []) for entry in one["entries"]]
        assert f"of-{other}" not in told
    assert read
    whole = office.ask("/v1/look-up", "both", kind="contact", value="mail:ged:1").json()
    assert {entry["service"] for entry in whole["entries"]} == {f"of-{sector}" for sector in cases}
