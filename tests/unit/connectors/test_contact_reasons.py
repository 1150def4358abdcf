"""Rules that set the reason for contact, and the check against the closed list."""

import random
from datetime import UTC, datetime

import pytest

from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons, ReasonRule
from connectors.sdk.contract import Reject
from connectors.sdk.flow import map_or_reject
from models.codec import UnusableRecord, decode, encode
from models.envelope import Envelope
from models.events import Event
from models.ids import event_id
from models.reasons import Reason
from models.topics import Channel
from tests.support.events import channel_of, make

RULES = (
    ReasonRule("rsa", menu_options=("rsa",), queues=("rsa",), subject_words=("RSA", "revenu de solidarité")),
    ReasonRule("routes", (Channel.CALL, Channel.FORM), queues=("voirie",), procedures=("permission-voirie",)),
    ReasonRule("dechets", queues=("voirie",), subject_words=("déchets",)),
    ReasonRule("rendez-vous", queues=("pmi",)),
)
REASONS = ContactReasons(RULES)
NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)


def event(kind: str, **fields: object) -> Event:
    return make(kind, subject=f"{channel_of(kind)}:test/one:1", native_id=kind, **fields)


def reasons_of(*events: Event, reasons: ContactReasons = REASONS) -> list[str]:
    made = reasons.add_and_check(events)
    return [one.data.contact_reason for one in made if one.type == "contact.reason_set"]


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (event("call.menu_chosen", option="rsa"), ["rsa"]),
        (event("call.queued", queue="rsa", visit=1), ["rsa"]),
        (event("call.queued", queue="voirie", visit=1), ["routes"]),
        (event("visit.arrived", queue="voirie"), ["dechets"]),
        (event("email.received", queue="voirie"), ["dechets"]),
        (event("appointment.booked", queue="pmi", starts_at=NOW), ["rendez-vous"]),
        (event("form.submitted", procedure="permission-voirie"), ["routes"]),
        (event("form.submitted", procedure="rsa"), []),
        (event("call.queued", queue="accueil", visit=1), []),
        (event("call.menu_chosen", option=""), []),
        (event("call.answered", queue="rsa", visit=1), []),
        (event("appointment.moved", queue="pmi", starts_at=NOW), []),
    ],
)
def test_first_rule_of_the_channel_sets_the_reason(cause: Event, expected: list[str]) -> None:
    assert reasons_of(cause) == expected
    assert reasons_of(cause, reasons=NO_REASONS) == []


def test_reason_is_about_the_contact_and_time_of_its_cause() -> None:
    cause = event("call.queued", queue="rsa", visit=1, site="siege", service="social", sector="social")
    published, reason = REASONS.add_and_check((cause,))
    assert published is cause
    assert isinstance(reason, Envelope)
    assert decode(encode(reason)) == reason
    assert reason.id == event_id(cause.source, f"contact.reason_set|{cause.id}")
    same = "source", "subject", "time", "recordedtime", "sequence", "channel", "site", "service", "sector"
    assert [getattr(reason, name) for name in same] == [getattr(cause, name) for name in same]
    assert reason.identities == ""
    assert reason.model_dump()["data"] == {"contact_reason": "rsa", "by_rule": True}
    assert REASONS.add_and_check((cause,)) == [published, reason]


def test_another_rule_replaces_no_reason_of_an_earlier_event() -> None:
    cause = event("call.queued", queue="rsa", visit=1)
    moved = ContactReasons([ReasonRule("rsa"), ReasonRule("aides", queues=("rsa",))])
    assert (reasons_of(cause), reasons_of(cause, reasons=moved)) == (["rsa"], ["aides"])
    assert [one.id for one in moved.add_and_check((cause,))] == [one.id for one in REASONS.add_and_check((cause,))]


def test_each_cause_sets_its_reason_once_in_any_division_of_records() -> None:
    causes = [
        make("call.queued", number, subject=f"call:test/one:{number % 7}", native_id=number, queue="rsa", visit=1)
        for number in range(40)
    ]
    at_once = {one.id for one in REASONS.add_and_check(causes)}
    one_by_one = {one.id for cause in causes for one in REASONS.add_and_check((cause,))}
    assert at_once == one_by_one
    assert len(at_once) == 80


def test_reason_in_the_record_replaces_those_of_rules() -> None:
    given = event("contact.reason_set", contact_reason="dechets", channel="call")
    given = given.model_copy(update={"subject": "call:test/one:1"})
    assert reasons_of(event("call.queued", queue="rsa", visit=1), given) == ["dechets"]


@pytest.mark.parametrize(("name", "channel"), [("rsaa", "call"), ("routes", "email")])
def test_unlisted_reason_is_rejected(name: str, channel: str) -> None:
    def reject(_raw: Event, reason: Reason, detail: str) -> Reject:
        return Reject(reason, b"record", detail)

    unlisted = event("contact.reason_set", contact_reason=name, channel=channel)
    outcome = map_or_reject(lambda one: (one,), reject, unlisted, unlisted.time, REASONS.add_and_check)
    detail = f"contact_reason: not in contact_reasons for the channel {channel}"
    assert outcome == Reject(Reason.UNKNOWN_ENUM, b"record", detail)
    with pytest.raises(UnusableRecord):
        NO_REASONS.add_and_check((unlisted,))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Demande de RSA", "rsa"),
        ("demande de rsa.", "rsa"),
        ("Le REVENU  de solidarite : où en est-il ?", "rsa"),
        ("Mes DE\u0301CHETS verts", "dechets"),
        ("l\N{RIGHT SINGLE QUOTATION MARK}œuvre du rsa", "rsa"),
        ("déchets et rsa", "rsa"),
        ("dossier adressal", ""),
        ("revenu et solidarité", ""),
        ("", ""),
        (" ", ""),
    ],
)
def test_words_of_a_subject(subject: str, expected: str) -> None:
    assert REASONS.find_by_subject(subject) == expected


def test_words_without_letters_or_digits_are_in_no_subject() -> None:
    reasons = ContactReasons([ReasonRule("rsa", subject_words=("??", "\u0301\u0301"))])
    assert not reasons.reads_subjects
    assert {reasons.find_by_subject(subject) for subject in ("!!!", "??", "  ", "Bonjour")} == {""}


def test_subject_and_queue_compete_in_the_order_of_the_list() -> None:
    received = event("email.received", queue="voirie")
    by_both = REASONS.make_event(received, "rsa")
    by_queue = REASONS.make_event(event("email.received", queue="pmi"), "dechets")
    assert by_both is not None
    assert by_queue is not None
    assert (by_both.data.contact_reason, by_queue.data.contact_reason) == ("rsa", "dechets")
    assert reasons_of(received, by_both) == ["rsa"]


def test_subject_rules_may_be_limited_to_other_channels() -> None:
    calls_only = ContactReasons([ReasonRule("rsa", (Channel.CALL,), subject_words=("rsa",))])
    assert not calls_only.reads_subjects
    assert calls_only.find_by_subject("rsa") == ""


def test_any_text_is_a_subject() -> None:
    generator = random.Random(7)
    for length in range(200):
        REASONS.find_by_subject("".join(chr(generator.randrange(0xD7FF)) for _ in range(length)))
