"""Export of a citizen's data: complete, without data of others, readable by programs and people."""
# ruff: noqa: RUF001 - French has typographic apostrophes

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec import structs
from pypdf import PdfReader

from models.events import Event, LeaveReason
from models.identities import IdentityKind
from models.revocation_reasons import RevocationReason
from models.topics import Channel
from streams.core.citizens.identity_resolution import Link
from streams.core.contacts.case_event import CaseEvent
from streams.core.contacts.contact import Contact
from streams.core.contacts.queue_stay import QueueStay
from streams.core.figures.figure import Dimensions
from streams.privacy import vocabulary
from streams.privacy.citizen_finder import SharedIdentity, UnknownSubject
from streams.privacy.document import Document, Section
from streams.privacy.pdf import write_pdf
from streams.privacy.personal_data import collect_personal_data, list_facts, list_stays
from streams.privacy.vocabulary import VOCABULARY
from streams.privacy.writer import Format, write
from streams.runtime.privacy_backend import collect_personal_data as collect_from_settings
from streams.settings.schema import Rights, Settings
from streams.timeline.store import Timeline
from tests.privacy.citizen import FORMER, HOSTILE_CONTACT, LANDLINE, NOW, ZONE, collect, events, fill, records, written
from tests.support.events import CASE, PHONE, START, START_MS, make
from tests.support.timelines import breach_entry

OF_QUEUES = {"agent.state_changed", "call.queued", "call.answered", "call.abandoned", "call.left_queue"}
OF_QUEUES |= {"call.transferred", "call.ended"}
"""Event types exported as waits, not as details."""
WITHOUT_CITIZEN = "post.counted"
"""Event type that concerns no citizen."""


@pytest.fixture
def timeline(tmp_path: Path) -> Iterator[Timeline]:
    opened = Timeline(f"sqlite:///{tmp_path / 'timeline.db'}")
    yield opened
    opened.close()


def test_export_is_complete_and_without_data_of_others(timeline: Timeline) -> None:
    finder = fill(timeline, events())
    timeline.revoke(Link(CASE, FORMER), 1, RevocationReason.REASSIGNED)
    found = json.loads(written(timeline, finder, Format.JSON))
    known = [(one["identity"], one["linked_to"], one["contacts"]) for one in found["identities"]]
    assert known == [(PHONE, "", 0), (CASE, PHONE, 1)]
    withheld = {(one["identity"], one["reason"]) for one in found["withheld"]}
    assert withheld == {(LANDLINE, "shared"), (FORMER, "revoked")}
    contacts = {one["contact"]: one for one in found["contacts"]}
    assert contacts.keys() == {"call:a:own", HOSTILE_CONTACT, "call:a:landline", "call:a:former"}
    assert found["contact_count"] == 4
    own, letter = contacts["call:a:own"], contacts[HOSTILE_CONTACT]
    types = ["call.arrived", "call.queued", "call.abandoned", "feedback.given"]
    assert [entry["type"] for entry in own["entries"]] == types
    assert own["opinions"][0]["data"] == {"scale": "csat_1_5", "score": 2}
    assert (own["stays"][0]["outcome"], own["stays"][0]["queue"]) == ("abandoned", "mdph")
    assert {fact["type"]: fact["data"] for fact in letter["facts"]}["letter.arrived"] == {"pages": 3}
    assert {target["clock"] for target in letter["promises"]} >= {"acknowledge", "resolution"}
    assert [(one["purpose"], one["role"]) for one in found["accesses"]] == [
        ("contact", "agent"),
        ("complaint", "agent"),
    ]
    assert (found["accesses_withheld"], found["accesses_shared"]) == (1, 1)
    assert b"for any of them: 1." in written(timeline, finder, Format.HTML)
    assert "camille" not in json.dumps(found), "employees are not named"


STAY: dict[str, tuple[str, dict[str, Any], Any]] = {
    "dimensions": ("queue", {}, Dimensions("call", "siege", "rsa", "mdph")),
    "queued_at": ("queued_at", {}, START_MS + 2000),
    "answered_at": ("outcome", {}, START_MS + 5000),
    "abandoned_at": ("outcome", {}, START_MS + 5000),
    "left_at": ("outcome", {}, START_MS + 5000),
    "left_reason": ("outcome", {"left_at": START_MS + 5000, "left_reason": LeaveReason.FULL}, LeaveReason.EMPTY),
    "left_forgotten_at": ("outcome", {}, START_MS + 5000),
    "wait_ms": ("wait_seconds", {"answered_at": START_MS + 5000}, 3000),
    "transferred_at": ("handle_seconds", {"answered_at": START_MS + 5000}, START_MS + 9000),
    "ended_at": ("handle_seconds", {"answered_at": START_MS + 5000}, START_MS + 9000),
    "handle_ms": ("handle_seconds", {"answered_at": START_MS + 5000, "ended_at": START_MS + 9000}, 3000),
    "to_queue": ("to_queue", {"answered_at": START_MS + 5000, "transferred_at": START_MS + 9000}, "mdph"),
}
"""Field of a queue stay → exported field that depends on it, and values that change it."""
FACT = {
    "type": ("type", "letter.registered"),
    "first_at": ("first_at", START_MS - 1000),
    "last_at": ("last_at", START_MS + 1000),
    "detail": ("data", '{"pages":2}'),
}
STAY_EXCLUDED = {
    "number": "stays are in order",
    "placed_at": "time of its event, which is an entry",
    "ended_forgotten_at": "no event: the end is assumed",
    "to_queue_at": "time of its event, which is an entry",
}
FACT_EXCLUDED = {
    "dimensions": "entries have site and service, the data has queue or procedure",
    "between": "further times, each of which is an entry",
}


def test_each_state_field_is_exported_or_excluded_for_a_reason() -> None:
    queue = Dimensions("call", "siege", "rsa", "accueil")
    assert {*QueueStay.__struct_fields__} == {*STAY, *STAY_EXCLUDED}
    assert {*CaseEvent.__struct_fields__} == {*FACT, *FACT_EXCLUDED}
    stay_ = QueueStay(1, queue, START_MS, queued_at=START_MS + 1000)
    for name, (exported, others, value) in STAY.items():
        seen = [
            getattr(stay, exported)
            for changes in (others, others | {name: value})
            for stay in list_stays(Contact(Channel.CALL, START_MS, b"", stays=(structs.replace(stay_, **changes),)))
        ]
        assert seen[0] != seen[1], name
    case_event = CaseEvent("letter.arrived", START_MS, START_MS, queue, "")
    for name, (exported, value) in FACT.items():
        both = (case_event, structs.replace(case_event, **{name: value}))
        before, after = list_facts(Contact(Channel.MAIL, START_MS, b"", case_events=both), opinions=False)
        assert getattr(before, exported) != getattr(after, exported), name


@pytest.mark.parametrize(
    ("notice", "notice_en", "exported"),
    [
        ("Le responsable", "The controller", {"fr": "Le responsable", "en": "The controller"}),
        ("Le responsable", "", {"fr": "Le responsable", "en": "Le responsable"}),
        ("", "The controller", {"fr": "", "en": "The controller"}),
    ],
)
def test_notice_is_in_the_readers_language_or_french(
    timeline: Timeline, tmp_path: Path, notice: str, notice_en: str, exported: dict[str, str]
) -> None:
    finder = fill(timeline, events())
    settings = Settings(data=tmp_path, rights=Rights(notice=notice, notice_en=notice_en))
    for language, text in exported.items():
        assert collect_from_settings(settings, timeline, finder, PHONE, "", language).notice == text


def test_shared_identity_is_refused_and_contact_is_exported_alone(timeline: Timeline) -> None:
    finder = fill(timeline, events())
    with pytest.raises(SharedIdentity):
        collect(timeline, finder, LANDLINE)
    with pytest.raises(UnknownSubject):
        collect(timeline, finder, "phone:k1-unknown")
    assert [one.contact for one in collect(timeline, finder, "call:a:family").contacts] == ["call:a:family"]


class Page(HTMLParser):
    """Text and structure of the page as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_page_is_accessible_and_escaped(timeline: Timeline, language: str) -> None:
    finder = fill(timeline, events())
    page = Page(written(timeline, finder, Format.HTML, language).decode())
    names = [tag for tag, _ in page.tags]
    assert page.tags[0] == ("html", {"lang": language})
    assert names.count("h1") == names.count("main") == names.count("title") == 1
    levels = [int(name[1]) for name in names if name in {"h1", "h2", "h3"}]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert names.count("caption") == names.count("table") > 5
    assert all(attributes.get("scope") in {"col", "row"} for tag, attributes in page.tags if tag == "th")
    assert not {"img", "b", "script", "link"} & {*names}, "markup is escaped"
    assert f"{vocabulary.name('channel', 'mail', language)} {HOSTILE_CONTACT}" in page.text
    numbers = {"en": "registration number: 2026A/<b>7", "fr": "numéro d’enregistrement : 2026A/<b>7"}
    assert numbers[language] in page.text


@pytest.mark.parametrize("kind", Format)
def test_notice_of_the_controller_comes_first(timeline: Timeline, kind: Format) -> None:
    notice = "Responsable : commune d'Exemple.\n\nFinalité : <répondre>\naux usagers.\n"
    finder = fill(timeline, events())
    export = collect_personal_data(timeline, finder, CASE, "", records, [], NOW, notice=notice)
    content = b"".join(write(export, kind, "fr", ZONE))
    if kind is Format.JSON:
        assert json.loads(content)["notice"] == notice
        return
    is_pdf = kind is Format.PDF
    text = PdfReader(BytesIO(content)).pages[0].extract_text() if is_pdf else "\n".join(Page(content.decode()).text)
    order = (
        "Toutes les données",
        "De la part du",
        "Responsable : commune",
        "Finalité : <répondre> aux usagers.",
        "Vos identités",
    )
    assert [text.index(one) for one in order] == sorted(text.index(one) for one in order)
    without = b"".join(write(collect(timeline, finder, CASE), Format.HTML, "fr", ZONE)).decode()
    assert "De la part du" not in without


def test_document_uses_labels_instead_of_codes(timeline: Timeline) -> None:
    accesses = [
        {"at": "2026-11-25T08:00:00Z", "whose": CASE, "why": "rights", "operation": "export", "result": result, **role}
        for result, role in (("begun", {}), ("shown", {"role": "dpo"}), ("proved", {"role": "dpo"}))
    ]
    names = {"mdph": "Disability office"}, "", {("call", "", "mdph"): "Disability line", ("visit", "", "mdph"): "Desk"}
    export = collect_personal_data(timeline, fill(timeline, events()), CASE, "", lambda: accesses, [], NOW, *names)
    page = b"".join(write(export, Format.HTML, "en", ZONE)).decode()
    assert "administrator at the command line" in page
    assert page.count("<td>shown</td>") == page.count("<td>begun</td>") == 1
    assert "Disability office (siege)" in page
    assert "<td>Disability line</td>" in page
    assert "<td>mdph</td>" not in page
    assert not any(f"<td>{code}</td>" in page for code in ("siege/mdph", "look_up"))
    assert all(
        vocabulary.name("kind", kind, "en")[0].isupper() for kind in IdentityKind if kind is not IdentityKind.AGENT
    )


def test_pdf_breaks_no_word_of_a_header_and_keeps_the_text_of_wrapped_cells() -> None:
    broken = " ".join(["rejects.jsonl, *.bad …", "l’usager – 3 €", "漢字"] * 9)
    sections = [
        Section("Details", ("Details", "first", "export\4last", "data"), [("x" * 400, *"abc")]),
        Section("Details", ("Details", "first"), [(broken, broken)]),
    ]
    reader = PdfReader(BytesIO(b"".join(write_pdf(Document("essai", [], "", [], sections, "", iter(()), []), "fr"))))
    text = " ".join(page.extract_text() for page in reader.pages)
    assert {"Détails", "premier", "dernier", "données"} <= {*text.split()}
    assert all(text.count(word) == 18 for word in ("…", "l’usager", "–", "€", "??"))


def test_sla_entry_has_the_pages_label_and_no_state(timeline: Timeline) -> None:
    finder = fill(timeline, events())
    timeline.write([breach_entry(HOSTILE_CONTACT, START_MS + 99_000)])
    page = written(timeline, finder, Format.HTML, "fr").decode()
    (row,) = [row for row in page.split("<tr>") if "Délai dépassé" in row]
    assert row.count("<td></td>") == 2
    assert "<td>Délai dépassé : traitement, règle letters</td>" in row


def test_midnight_deadline_is_shown_as_last_day(timeline: Timeline) -> None:
    finder = fill(timeline, events())
    page = written(timeline, finder, Format.HTML, "fr").decode()
    assert "accusé de réception : règle courrier</th><td>03/03/2025 09:00</td><td>17/03/2025</td>" in page
    assert "réponse : règle telephone</th><td>03/03/2025 09:00</td><td>03/03/2025 09:01</td>" in page
    for_programs = written(timeline, finder, Format.JSON).decode()
    assert '"2025-03-17T23:00:00Z"' in for_programs, "programs read the moment"


LABELS = (
    "received (stamp): 2025-03-01 09:00",
    "postage: registered, with receipt",
    "cost: €7.14",
    "line called: County archives",
    "decided by: the service",
    "decision: rejected",
    "duration: 12.5 s",
    "Opinion given: 4 / 7 (ease)",
    "Reason for contact set: Social aid",
    "<td>reason for contact: Social aid, set by a rule</td>",
)
DETAILS: dict[str, dict[str, Any]] = {
    "letter.arrived": {"admitted_at": START - timedelta(days=2)},
    "letter.sent": {"postage": "lettre_recommandee_avec_avis", "cost_cents": 714},
    "call.arrived": {"line": "archives"},
    "call.voicemail_left": {"duration_seconds": 12.5},
    "appointment.cancelled": {"by": "service"},
    "form.decided": {"decision": "rejected"},
    "feedback.given": {"scale": "ces_1_7", "score": 4},
    "contact.reason_set": {"channel": "call", "contact_reason": "aides_sociales", "by_rule": True},
}


def test_details_are_labelled_and_in_local_time(timeline: Timeline) -> None:
    channel = {"letter": "mail", "feedback": "call", "contact": "call"}
    exported = [
        make(kind, 0, subject=f"{channel.get(of := kind.split('.')[0], of)}:a:1", identities=CASE, **data)
        for kind, data in DETAILS.items()
    ]
    export = collect_personal_data(
        *(timeline, fill(timeline, exported), CASE, "", records, [], NOW, {"archives": "County archives"}),
        reasons={"aides_sociales": "Social aid"},
    )
    page = b"".join(write(export, Format.HTML, "en", ZONE)).decode()
    assert [label for label in LABELS if label not in page] == []
    assert not re.search(r"\d{4}-\d\d-\d\dT|lettre_|cost_cents|_at:|ces_1_7|[a-z]+_[a-z]+", page.split("<h2>")[3])


def test_every_field_and_code_has_a_label() -> None:
    fields, codes = set[str](), set[str]()
    for event in get_args(get_args(Event)[0]):
        kind = get_args(event.model_fields["type"].annotation)[0]
        if kind in OF_QUEUES or kind == WITHOUT_CITIZEN:
            continue
        for name, field in event.model_fields["data"].annotation.model_fields.items():
            fields.add(name)
            if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
                codes |= {*field.annotation}
    assert {"cost_cents", "admitted_at"} < fields
    assert fields - VOCABULARY["field"].keys() == set()
    assert codes - {code for of in ("outcome", "party", "postage", "scale") for code in VOCABULARY[of]} == set()


def test_pdf_has_the_same_content(timeline: Timeline) -> None:
    finder = fill(timeline, events())
    reader = PdfReader(BytesIO(written(timeline, finder, Format.PDF, "fr")))
    text = " ".join(page.extract_text() for page in reader.pages)
    assert reader.metadata is not None
    assert reader.metadata.title == "Toutes les données conservées sur vous"
    for expected in ("Appel abandonné par l’usager", "Courrier mail:mailroom/", PHONE, "2 / 5 (satisfaction)"):
        assert expected in text
    assert len(reader.outline[1]) > 3
    assert reader.root_object["/Lang"] == "fr"
    assert "/MarkInfo" not in reader.root_object, "the PDF is not tagged; PRIVACY.md recommends HTML"


@pytest.mark.parametrize("kind", Format)
def test_export_of_ten_thousand_entries(timeline: Timeline, kind: Format) -> None:
    many = [
        make("email.received", number, subject=f"email:a:{number % 50}", identities=CASE) for number in range(10_000)
    ]
    finder = fill(timeline, many)
    pieces = list(write(collect(timeline, finder, CASE), kind, "fr", ZONE))
    content = b"".join(pieces)
    if kind is Format.PDF:
        assert len(PdfReader(BytesIO(content)).pages) > 200
        return
    assert content.count(b"email.received" if kind is Format.JSON else "Courriel reçu".encode()) >= 10_000
    assert max(map(len, pieces)) < len(content) / 20, "the file is streamed"
