"""Mapping of messages by configuration."""

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import connectors.webhook as webhook
from connectors.sdk.contact_reasons import REASON_SET, ContactReasons, ReasonRule
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.mapping.event_fields import EVENT_MODELS, data_fields, enum_of, is_label
from connectors.sdk.testing.leaks import DISGUISED, fill, forms_outside
from connectors.sdk.webhook.intake import Message
from connectors.webhook.mapping import WebhookMapping
from models.codec import UnusableRecord
from models.reasons import Reason
from tests.support.mapping_properties import json_values
from tests.support.webhook_mapping import (
    KEY,
    NOW,
    OTHER_KEY,
    SOURCE,
    ZONE,
    body,
    configure,
    map_one,
    mapped_to,
    rejection,
)
from tests.support.webhooks import OPTIONS, SECRET, message


def test_visit_is_mapped() -> None:
    visitor = {"phone": "+33 6 39 98 55 12", "email": "Jean@Example.org ", "file": 4711}
    event = map_one(message("ticket.taken", "A-42", office="CDAS Sud", room="Accueil général", visitor=visitor))
    assert (event.type, event.subject, event.site, event.service, event.sector) == (
        "visit.arrived", "visit:webhook/essai:A-42", "cdas-sud", "", "social",
    )  # fmt: skip
    assert event.time == datetime(2026, 3, 16, 8, tzinfo=UTC)
    assert event.recordedtime == NOW
    assert event.data.model_dump() == {"queue": "accueil"}
    assert [identity.partition(":")[0] for identity in event.identities.split(" ")] == ["dossier", "email", "phone"]
    other = {"phone": "06.39.98.55.12", "email": "jean@example.org", "file": "4711"}
    assert map_one(message("ticket.taken", 1, visitor=other)).identities == event.identities


@pytest.mark.parametrize("readme", ["README.md", "README.fr.md"])
def test_example_of_the_readme_is_mapped(readme: str) -> None:
    text = Path(webhook.__file__).with_name(readme).read_text(encoding="utf-8")
    settings = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0]
    posted = re.findall(r"(\{\"type\".*?)```", text, re.DOTALL)[0]
    options = tomllib.loads(settings)["connectors"]["guichets"] | {"secret": SECRET}
    del options["connector"], options["secret_file"]
    event = map_one(posted.encode(), **options)
    assert (event.type, event.subject, event.site) == (
        "visit.arrived",
        "visit:webhook/essai:20260316-A-42",
        "cdas-sud",
    )
    assert event.data.model_dump() == {"queue": "accueil"}
    assert event.identities.startswith("phone:")


@pytest.mark.parametrize("readme", ["README.md", "README.fr.md"])
def test_signatures_of_the_readme_are_valid(readme: str) -> None:
    text = Path(webhook.__file__).with_name(readme).read_text(encoding="utf-8")
    shown = set()
    for block in re.findall(r"^```toml\n(.*?)```", text, re.DOTALL | re.MULTILINE):
        (options,) = tomllib.loads(re.sub(r"_file = .*", f' = "{SECRET}"', block))["connectors"].values()
        shown.update(configure(secret=None, **options).signature.model_fields_set)  # type: ignore[union-attr]
    assert shown == {"hmac", "basic", "bearer", "none"}


def test_event_id_depends_on_contact_type_and_time_but_not_on_the_message() -> None:
    called = map_one(message("ticket.called", 1, 3), "msg_1")
    assert map_one(message("ticket.called", 1, 3, office="CDAS Sud"), "0639985511").id == called.id
    others = [message("ticket.called", 1, 4), message("ticket.called", 2, 3), message("ticket.served", 1, 3)]
    assert len({called.id, *(map_one(other).id for other in others)}) == 4


@pytest.mark.parametrize(
    "native", ["06 39 98 55 12", "0639985512", 639985512, "jean.modele", "Jean", "a@example.org", "1" * 7]
)
def test_possibly_personal_contact_id_is_hashed_with_the_key(native: str | int) -> None:
    called = map_one(message("ticket.called", native))
    assert str(native) not in called.subject
    assert called.subject.startswith("visit:webhook/essai:contact-")
    assert called.subject == map_one(message("ticket.served", native)).subject
    other = map_one(message("ticket.called", native), key=OTHER_KEY)
    assert (other.subject, other.id) != (called.subject, called.id)


def test_daily_ids_contain_the_day() -> None:
    late = "2026-07-01T23:30:00Z"
    called = mapped_to("visit.called")
    utc, paris = (map_one(body(at=late), daily_ids=True, timezone=zone, **called) for zone in ("", ZONE))
    assert (utc.subject, paris.subject) == ("visit:webhook/essai:20260701-7", "visit:webhook/essai:20260702-7")
    assert map_one(body(at="2026-07-03T09:00:00Z"), daily_ids=True, **called).id != utc.id


def test_each_type_of_message_has_its_own_id() -> None:
    options = mapped_to("visit.called") | {"daily_ids": True}
    options["events"] = [
        *options["events"],
        {"event": "email.received", "time": "sent", "when": {"type": "y"}, "id": "mail.id"},
    ]
    mail = json.dumps({"type": "y", "mail": {"id": 9}, "sent": "2026-03-16T09:00:00Z"}).encode()
    assert map_one(mail, **options).subject == "email:webhook/essai:20260316-9"
    assert map_one(body(), **options).subject == "visit:webhook/essai:20260316-7"
    assert rejection(body(id=""), **options) == (Reason.MISSING_FIELD, "id")


@pytest.mark.parametrize(
    ("at", "form", "zone", "expected"),
    [
        ("2026-07-01T09:00:00+02:00", "iso", "", "2026-07-01T07:00:00"),
        ("2026-07-01T07:00:00Z", "iso", "", "2026-07-01T07:00:00"),
        ("2026-07-01T09:00:00", "iso", ZONE, "2026-07-01T07:00:00"),
        ("01/07/2026 09:00", "%d/%m/%Y %H:%M", ZONE, "2026-07-01T07:00:00"),
        (1_782_889_200, "epoch", "", "2026-07-01T07:00:00"),
        (1_782_889_200_250, "epoch_ms", "", "2026-07-01T07:00:00.250000"),
    ],
)
def test_times_are_parsed(at: Any, form: str, zone: str, expected: str) -> None:
    event = map_one(body(at=at), timezone=zone, time_format=form, **mapped_to("visit.called"))
    assert event.time == datetime.fromisoformat(f"{expected}+00:00")


@pytest.mark.parametrize(
    ("at", "form"),
    [
        *((at, "iso") for at in ("2026-07-01T09:00:00", "yesterday", "0639981234", 639_981_234, True, ["2026-07-01"])),
        *((at, "iso") for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "2015-03-16T09:00:00Z")),
        *((at, "epoch") for at in (1e300, -1e18, 639_981_234, 33_639_981_234, "0639981234")),
        *((at, "epoch_ms") for at in (639_981_234, 33_639_981_234, "33639981234")),
    ],
)
def test_time_that_is_invalid_or_ten_years_away_is_rejected_with_its_field(at: Any, form: str) -> None:
    reason, detail = rejection(body(at=at), time_format=form, **mapped_to("visit.called"))
    assert reason in {Reason.INVALID_FIELD, Reason.TIME_IN_PAST, Reason.TIME_IN_FUTURE}
    assert detail.startswith("at: ")
    assert str(at) not in detail


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        (b"{", Reason.INVALID_JSON),
        (b"", Reason.INVALID_JSON),
        (b"[" * 60_000, Reason.INVALID_JSON),
        (b"\xff", Reason.INVALID_JSON),
        (b'{"type": "\xff"}', Reason.INVALID_UTF8),
        (b"null", Reason.UNREADABLE_LINE),
        (b'"ticket.taken"', Reason.UNREADABLE_LINE),
        (b"[1]", Reason.UNREADABLE_LINE),
        (b"[[{}]]", Reason.UNREADABLE_LINE),
        (b"{}", Reason.MISSING_FIELD),
        (message("ticket.burnt", 1), Reason.UNKNOWN_ENUM),
        (b'{"type": {"type": 1}}', Reason.INVALID_FIELD),
        (message("ticket.called", ""), Reason.MISSING_FIELD),
        (message("ticket.called", 1, office="Jean Modele"), Reason.UNKNOWN_ENUM),
        (message("ticket.taken", 1, room="0639985512"), Reason.UNKNOWN_ENUM),
    ],
)
def test_unusable_message_has_a_reason(posted: bytes, expected: Reason) -> None:
    found, detail = rejection(posted)
    assert found is expected
    assert "Modele" not in detail
    assert "0639985512" not in detail


def test_data_of_other_events_is_mapped() -> None:
    letter = mapped_to("letter.registered", chrono="no")
    assert map_one(body(no="2026/A-17"), **letter).data.model_dump() == {"chrono": "2026/A-17"}
    for personal in ("0639981234", "Jean Modele"):
        hidden = map_one(body(no=personal), **letter).data.model_dump()["chrono"]
        assert hidden.startswith("REF-")
        assert personal not in hidden
    form = mapped_to("form.decided", decision={"field": "d", "values": {"accepté": "accepted"}})
    decided = map_one(body(d="accepté"), **form)
    assert decided.data.model_dump(mode="json") == {"decision": "accepted"}
    assert rejection(body(d="Jean Modele"), **form)[0] is Reason.UNKNOWN_ENUM
    slot = mapped_to("appointment.booked", starts_at="slots[0].from")
    booked = map_one(body(slots=[{"from": "2026-04-01T10:00:00Z"}]), **slot)
    assert booked.data.model_dump()["starts_at"] == datetime(2026, 4, 1, 10, tzinfo=UTC)
    call = mapped_to("call.answered", agent="a", queue="q", wait_seconds="w")
    answered = map_one(body(a="jean.modele", q="PMI", w=4), **call).data.model_dump()
    assert answered["agent"].startswith("agent:")
    assert (answered["queue"], answered["wait_seconds"]) == ("pmi", 4)


@pytest.mark.parametrize("event", EVENT_MODELS)
def test_personal_value_in_any_field_of_any_event_stays_inside(event: str) -> None:
    fields = {name: name for name in (*data_fields(event), "site", "service", "phone", "email", "case")}
    if event == REASON_SET:
        fields["channel"] = "call"
    mapping = WebhookMapping(SOURCE, configure(**mapped_to(event, **fields)), KEY, ContactReasons([ReasonRule("pmi")]))
    usual: dict[str, Any] = {
        **dict.fromkeys(
            ("queue", "procedure", "line", "option", "to_queue", "site", "service", "contact_reason"), "PMI"
        ),
        **dict.fromkeys(("starts_at", "admitted_at"), "2026-03-16T08:00:00Z"),
        "chrono": "2026-1",
        "reason": "timeout",
        "kind": "blind",
        "ended_by": "agent",
        "by": "citizen",
        "outcome": "resolved",
        "decision": "accepted",
        "postage": "economique",
        "post_class": "economique",
        "direction": "incoming",
        "scale": "csat_1_5",
    }
    record = body(**{name: usual.get(name, 1) for name in fields})
    events = mapping.map(Message("msg_1", record, NOW))
    assert {*events[0].data.model_dump()} >= {*data_fields(event)}
    leaks = set()
    for value in DISGUISED:
        for filled in fill(record, value):
            try:
                outcome: Outcome = mapping.map(Message("msg_1", filled, NOW))
            except UnusableRecord as error:
                outcome = Reject(error.reason, filled, error.detail)
            leaks.update((value, how) for how in forms_outside(value, outcome, SOURCE))
    assert leaks == set()


@pytest.mark.parametrize("number", [639_981_234, "639981234", 33_639_981_234, 604_801, 271_034_356.0])
def test_duration_that_may_be_a_telephone_number_is_rejected(number: Any) -> None:
    abandoned = mapped_to("call.abandoned", queue="q", wait_seconds="w")
    reason, detail = rejection(body(q="PMI", w=number), **abandoned)
    assert (reason, detail.partition(":")[0]) == (Reason.INVALID_FIELD, "w")


def test_each_text_field_is_a_closed_set_or_listed_here() -> None:
    texts = {
        f"{event}.{name}"
        for event in EVENT_MODELS
        for name, field in data_fields(event).items()
        if field.annotation is str and not is_label(field) and not enum_of(field)
    }
    assert texts == {"call.answered.agent", "letter.registered.chrono"}


JSON = json_values()
FUZZED = WebhookMapping(SOURCE, configure(), KEY)
MESSAGE_TYPES = [event["when"]["type"] for event in OPTIONS["events"]]


@given(st.sampled_from(MESSAGE_TYPES), st.tuples(st.just(1) | JSON, st.just(1) | JSON, JSON, JSON, JSON))
@settings(max_examples=500, deadline=None)
def test_any_message_gives_events_or_is_unusable(name: str, values: tuple[Any, ...]) -> None:
    at, ticket, office, visitor, file = values
    data = {"ticket": {"id": ticket}, "office": office, "visitor": {"phone": visitor, "email": file}, "file": file}
    posted = json.dumps({"type": name, "timestamp": at, "data": data}).encode()
    try:
        FUZZED.map(Message("msg_1", posted, NOW))
    except UnusableRecord:
        return
