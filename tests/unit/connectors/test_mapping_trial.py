"""Trial of a mapping."""

from datetime import UTC, datetime
from typing import Any

from connectors.sdk.contact_reasons import ContactReasons, ReasonRule
from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.mapping.trial import Trial
from connectors.sdk.samples import PlacedRecord
from models.identities import PseudonymKey

NOW = datetime(2026, 3, 20, tzinfo=UTC)
STATES = {
    "timezone": "Europe/Paris",
    "id": "n",
    "state": "state",
    "changed_at": "since",
    "events": [
        {"event": "email.received", "time": "received"},
        {"event": "email.answered", "state": "done"},
    ],
}


def try_records(options: dict[str, Any], *records: dict[str, str]) -> tuple[list[list[str]], Trial]:
    """Return the event types of each record, and the trial."""
    mapping = MappingOptions.model_validate(options)
    trial = Trial(RecordMapping("table/try", mapping, PseudonymKey("general", b"k" * 32)), mapping)
    placed = [PlacedRecord(record, f"line {number}") for number, record in enumerate(records, 2)]
    return [[event.type for event in tried.events] for tried in trial.run(placed, NOW)], trial


def mail(state: str, day: int = 1) -> dict[str, str]:
    return {"n": "7", "received": "2026-03-01", "state": state, "since": f"2026-03-{day:02}"}


def test_record_with_news_gives_only_the_new_events() -> None:
    found, _ = try_records({**STATES, "other_states": ["new"]}, mail("new"), mail("done", 2), mail("new", 3))
    assert found == [["email.received"], ["email.answered"], []]


def test_states_that_no_event_has_are_listed() -> None:
    found, trial = try_records(STATES, mail("new"), mail("done", 2))
    assert found == [[], ["email.received", "email.answered"]]
    assert trial.unknown == {"ignored.state": {"new": 1}}


def test_rules_set_reasons_as_in_operation() -> None:
    options = {
        "timezone": "Europe/Paris",
        "id": "n",
        "queue": "q",
        "values": {"queue": {"A": "a", "B": "b"}},
        "events": [{"event": "call.queued", "time": "at"}],
    }
    mapping = MappingOptions.model_validate(options)
    reasons = ContactReasons([ReasonRule("benefit", queues=("a",))])
    trial = Trial(RecordMapping("table/try", mapping, PseudonymKey("general", b"k" * 32)), mapping, reasons)
    rows = [("A", ""), ("A", "longer"), ("B", "")]
    records = [PlacedRecord({"n": "7", "at": "2026-03-01", "q": q, "note": note}, "") for q, note in rows]
    tried = list(trial.run(records, NOW))
    assert [event.type for event in tried[0].events] == ["call.queued", "contact.reason_set"]
    assert tried[1].is_repeated
    assert [event.type for event in tried[2].events] == ["call.queued"]
    assert [event.type for event in tried[2].replaced] == ["call.queued", "contact.reason_set"]


SLOTS = {
    "rows": "events",
    "id": "n",
    "starts_at": "slot",
    "events": [{"event": "appointment.booked", "time": "at"}],
}


def test_second_beginning_of_a_contact_is_a_warning() -> None:
    mapping = MappingOptions.model_validate(SLOTS)
    trial = Trial(RecordMapping("table/try", mapping, PseudonymKey("general", b"k" * 32)), mapping)
    slots = [("7", "04-02"), ("8", "04-02"), ("7", "04-02"), ("7", "04-03")]
    records = [
        PlacedRecord({"n": number, "at": "2026-03-16T08:00:00Z", "slot": f"2026-{day}T10:00:00Z"})
        for number, day in slots
    ]
    tried = list(trial.run(records, NOW))
    assert [record.second for record in tried] == [(), (), (), ("appointment.booked",)]
    assert tried[-1].has_warning


def test_second_entry_of_a_call_in_a_queue_is_a_warning_if_it_has_the_number_of_the_first() -> None:
    mapping = MappingOptions.model_validate(
        {
            "rows": "events",
            "id": "n",
            "queue": {"value": "rsa"},
            "visit": "stay",
            "events": [{"event": "call.queued", "time": "at"}],
        }
    )
    trial = Trial(RecordMapping("table/try", mapping, PseudonymKey("general", b"k" * 32)), mapping)
    stays = [("7", "1", "08:00"), ("7", "1773648300", "08:05"), ("8", "1", "08:05"), ("7", "1", "08:09")]
    records = [PlacedRecord({"n": number, "stay": stay, "at": f"2026-03-16T{at}:00Z"}) for number, stay, at in stays]
    assert [record.second for record in trial.run(records, NOW)] == [(), (), (), ("call.queued",)]
