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
from connectors.sdk.config import parse
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.errors import ConfigError
from connectors.sdk.testing.leaks import DISGUISED, fill, forms_outside
from connectors.sdk.webhook.intake import Message
from connectors.webhook.config import EVENT_MODELS, WebhookConfig, data_fields, is_enum, is_label
from connectors.webhook.mapping import WebhookMapping
from models.codec import UnusableRecord
from models.events import Event
from models.identities import PseudonymKey
from models.ids import event_id
from models.reasons import Reason
from tests.support.mapping_properties import json_values
from tests.support.webhooks import OPTIONS, SECRET, message

NOW = datetime(2026, 3, 16, 9, tzinfo=UTC)
ZONE = "Europe/Paris"
KEY = PseudonymKey("social", b"k" * 32)


def configure(**options: Any) -> WebhookConfig:
    config = parse(WebhookConfig, "essai", OPTIONS | options)
    assert isinstance(config, WebhookConfig)
    return config


def map_one(body: bytes, name: str = "msg_1", **options: Any) -> Event:
    (event,) = WebhookMapping("webhook/essai", configure(**options), KEY).map(Message(name, body, NOW))
    return event


def rejection(body: bytes, **options: Any) -> tuple[Reason, str]:
    with pytest.raises(UnusableRecord) as refusal:
        map_one(body, **options)
    return refusal.value.reason, refusal.value.detail


def mapped_to(event: str, **paths: Any) -> dict[str, Any]:
    """Return options that map messages from `body` to `event`."""
    return {"types": {"x": {"event": event, "id": "id", "time": "at", **paths}}}


def body(**values: Any) -> bytes:
    return json.dumps({"type": "x", "id": 7, "at": "2026-03-16T09:00:00+01:00", **values}).encode()


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
    (settings,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (posted,) = re.findall(r"(\{\"type\".*?)```", text, re.DOTALL)
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


OTHER_KEY = PseudonymKey("social", b"o" * 32)
GENERATED = ("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", "0b8e6c52-7a53-4f0c-9d0e-0c6f0d7f8a11", "4711")
REVISIONS = ("3", "1773648000", "1773648000123", "2026-03-16", "2026-03-16T09:00:00.123+01:00", "2026-03-16 09:00")
PERSONAL = (
    "0639985511",
    "639985511",
    "33639985511",
    "06 39 98 55 11",
    "+33639985511",
    "jean@example.org",
    "jean.modele",
)


@pytest.mark.parametrize(
    ("step", "name", "revision"),
    [*(("called", name, "") for name in GENERATED), *(("served", "1", revision) for revision in REVISIONS)],
)
def test_generated_id_number_or_time_gives_a_stable_event_id(step: str, name: str, revision: str) -> None:
    event = map_one(message(f"ticket.{step}", 1, round=revision), name)
    assert event.id == event_id("webhook/essai", f"visit.{step}|{name}", revision)


@pytest.mark.parametrize("text", [*PERSONAL, "msg_0639985511aaaaaaaaaaaaaaaaa", "msg_JeanModeleJeanModeleJean"])
def test_text_in_an_id_cannot_be_guessed_from_the_event(text: str) -> None:
    """The id differs with another key and from a plain hash; the same text gives the same id."""
    called, served = message("ticket.called", 1), message("ticket.served", 1, round=text)
    for posted, name, plain_hash in (
        (called, text, event_id("webhook/essai", f"visit.called|{text}")),
        (served, "msg_1", event_id("webhook/essai", "visit.served|1", text)),
    ):
        (other,) = WebhookMapping("webhook/essai", configure(), OTHER_KEY).map(Message(name, posted, NOW))
        assert map_one(posted, name).id == map_one(posted, name).id
        assert len({plain_hash, other.id, map_one(posted, name).id}) == 3


def test_repeated_fact_with_a_revision_is_one_event() -> None:
    served = message("ticket.served", 1, round=1)
    assert map_one(served, "msg_1").id == map_one(served, "msg_2").id
    assert map_one(served).id != map_one(message("ticket.served", 1, round=2)).id
    assert map_one(served).id != map_one(message("ticket.served", 2, round=1)).id


@pytest.mark.parametrize("native", ["06 39 98 55 12", "0639985512", "jean.modele", "Jean", "a@example.org", "1" * 7])
def test_possibly_personal_contact_id_is_hashed(native: str) -> None:
    subject = map_one(message("ticket.called", native)).subject
    assert native not in subject
    assert subject.startswith("visit:webhook/essai:contact-")
    assert subject == map_one(message("ticket.served", native, round=1)).subject


def test_daily_ids_contain_the_day() -> None:
    late = "2026-07-01T23:30:00Z"
    called = mapped_to("visit.called", revision="r")
    utc, paris = (map_one(body(at=late, r=1), daily_ids=True, timezone=zone, **called) for zone in ("", ZONE))
    assert (utc.subject, paris.subject) == ("visit:webhook/essai:20260701-7", "visit:webhook/essai:20260702-7")
    assert map_one(body(at="2026-07-03T09:00:00Z", r=1), daily_ids=True, **called).id != utc.id


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        ("2026-07-01T09:00:00+02:00", "", "2026-07-01T07:00:00"),
        ("2026-07-01T07:00:00Z", "", "2026-07-01T07:00:00"),
        ("2026-07-01T09:00:00", ZONE, "2026-07-01T07:00:00"),
        (1_782_889_200, "", "2026-07-01T07:00:00"),
        (1_782_889_200_250, "", "2026-07-01T07:00:00.250000"),
    ],
)
def test_times_are_parsed(at: Any, zone: str, expected: str) -> None:
    event = map_one(body(at=at), timezone=zone, **mapped_to("visit.called"))
    assert event.time == datetime.fromisoformat(f"{expected}+00:00")


@pytest.mark.parametrize(
    "at",
    [
        *("2026-07-01T09:00:00", "yesterday", 1e300, -1e18, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"),
        *(639_981_234, 33_639_981_234, "2015-03-16T09:00:00Z"),
    ],
)
def test_invalid_time_is_rejected_with_its_path(at: Any) -> None:
    expected = Reason.INVALID_FIELD, "at: not a time with a zone, or ten years away"
    assert rejection(body(at=at), **mapped_to("visit.called")) == expected


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        (b"{", Reason.INVALID_JSON),
        (b"[" * 60_000, Reason.INVALID_JSON),
        (b"\xff", Reason.INVALID_JSON),
        (b'{"type": "\xff"}', Reason.INVALID_UTF8),
        (b"[]", Reason.MISSING_FIELD),
        (b"{}", Reason.MISSING_FIELD),
        (message("ticket.burnt", 1), Reason.UNKNOWN_RECORD),
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
    letter = mapped_to("letter.registered", data={"chrono": "no"})
    assert map_one(body(no="2026/A-17"), **letter).data.model_dump() == {"chrono": "2026/A-17"}
    assert rejection(body(no="Jean Modele"), **letter)[0] is Reason.INVALID_FIELD
    hidden = map_one(body(no="0639981234"), **letter).data.model_dump()["chrono"]
    assert hidden.startswith("REF-")
    form = mapped_to("form.decided", data={"decision": "d"})
    decided = map_one(body(d="accepté"), labels={"accepté": "accepted"}, **form)
    assert decided.data.model_dump(mode="json") == {"decision": "accepted"}
    assert rejection(body(d="Jean Modele"), **form)[0] is Reason.UNKNOWN_ENUM
    slot = mapped_to("appointment.booked", data={"starts_at": "slots.0.from"})
    booked = map_one(body(slots=[{"from": "2026-04-01T10:00:00Z"}]), **slot)
    assert booked.data.model_dump()["starts_at"] == datetime(2026, 4, 1, 10, tzinfo=UTC)
    call = mapped_to("call.answered", data={"agent": "a", "queue": "q", "wait_seconds": "w"})
    answered = map_one(body(a="jean.modele", q="PMI", w=4), **call).data.model_dump()
    assert answered["agent"].startswith("agent:")
    assert (answered["queue"], answered["wait_seconds"]) == ("pmi", 4)


@pytest.mark.parametrize("event", EVENT_MODELS)
def test_personal_value_in_any_field_of_any_event_stays_inside(event: str) -> None:
    fields = {name: name for name in data_fields(event)}
    options = mapped_to(event, data=fields, **{name: name for name in ("site", "phone", "email", "case")})
    mapping = WebhookMapping("webhook/essai", configure(**options), KEY)
    usual: dict[str, Any] = {
        **dict.fromkeys(("queue", "procedure", "line", "option", "to_queue"), "PMI"),
        **dict.fromkeys(("starts_at", "admitted_at"), "2026-03-16T08:00:00Z"),
        "chrono": "2026-1",
        "reason": "timeout",
        "kind": "blind",
        "ended_by": "agent",
        "by": "citizen",
        "outcome": "resolved",
        "decision": "accepted",
        "postage": "economique",
    }
    record = body(**{name: usual.get(name, 1) for name in fields} | {"site": "PMI"})
    events = mapping.map(Message("msg_1", record, NOW))
    assert {*events[0].data.model_dump()} == {*fields}  # type: ignore[index]
    leaks = set()
    for value in DISGUISED:
        for filled in fill(record, value):
            try:
                outcome: Outcome = mapping.map(Message("msg_1", filled, NOW))
            except UnusableRecord as error:
                outcome = Reject(error.reason, filled, error.detail)
            leaks.update((value, how) for how in forms_outside(value, outcome, "webhook/essai"))
    assert leaks == set()


@pytest.mark.parametrize("number", [639_981_234, 33_639_981_234, 604_801, 271_034_356.0])
def test_duration_that_may_be_a_telephone_number_is_rejected(number: float) -> None:
    abandoned = mapped_to("call.abandoned", data={"queue": "q", "wait_seconds": "w"})
    assert rejection(body(q="PMI", w=number), **abandoned) == (Reason.INVALID_FIELD, "w: longer than 604800 seconds")


def test_each_text_field_is_a_closed_set_or_listed_here() -> None:
    texts = {
        f"{event}.{name}"
        for event in EVENT_MODELS
        for name, field in data_fields(event).items()
        if field.annotation is str and not is_label(field) and not is_enum(field)
    }
    assert texts == {"call.answered.agent", "letter.registered.chrono"}


@pytest.mark.parametrize(
    ("options", "message_text"),
    [
        (mapped_to("visit.arived"), r"types\.x\.event .*did you mean visit\.arrived\?"),
        (mapped_to("agent.state_changed"), r"types\.x\.event is not an event"),
        (mapped_to("form.submitted"), r"types\.x form\.submitted needs data\.procedure"),
        (mapped_to("visit.arrived", data={"qeue": "q"}), r"types\.x data\.qeue .*did you mean data\.queue\?"),
        (mapped_to("visit.arrived", site="a..b"), r"types\.x\.site "),
        ({"timezone": "Europe/Rennes"}, r"timezone must be a time zone"),
        ({"labels": {"PMI": "two words"}}, r"labels\.PMI "),
        ({"types": {}}, r"types "),
        ({"path": "/{all}"}, r"path "),
        ({"secret": "s3cret"}, r"secret must be whsec_"),
    ],
)
def test_configuration_error_names_the_option(options: dict[str, Any], message_text: str) -> None:
    with pytest.raises(ConfigError, match=f"essai.{message_text}"):
        configure(**options)


JSON = json_values()
FUZZED = WebhookMapping("webhook/essai", configure(), KEY)


@given(st.sampled_from([*OPTIONS["types"]]), st.tuples(st.just(1) | JSON, st.just(1) | JSON, JSON, JSON, JSON))
@settings(max_examples=500, deadline=None)
def test_any_message_is_an_event_or_unusable(name: str, values: tuple[Any, ...]) -> None:
    at, ticket, office, visitor, round_ = values
    data = {"ticket": {"id": ticket}, "office": office, "visitor": {"phone": visitor, "email": round_}, "round": round_}
    posted = json.dumps({"type": name, "timestamp": at, "data": data}).encode()
    try:
        FUZZED.map(Message("msg_1", posted, NOW))
    except UnusableRecord:
        return
