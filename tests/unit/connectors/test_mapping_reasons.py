"""Reasons for contact in mappings: their channel, and names from the closed list."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.sdk.config import parse
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons, ReasonRule
from connectors.sdk.errors import ConfigError
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.mapping.record_mapping import RecordMapping
from models.codec import UnusableRecord, decode, encode
from models.identities import PseudonymKey
from models.topics import Channel

KEY = PseudonymKey("general", b"k" * 32)
NOW = datetime(2026, 3, 17, tzinfo=UTC)
REASONS = ContactReasons([ReasonRule("aide-sociale"), ReasonRule("voirie"), ReasonRule("courrier", (Channel.MAIL,))])
ENDED = {"event": "call.ended", "time": "end", "queue": {"value": "accueil"}}
CODE = {"event": "contact.reason_set", "time": "end", "when": "Code", "contact_reason": "Code"}
OPTIONS: dict[str, Any] = {
    "id": "n",
    "events": [ENDED, CODE],
    "values": {"contact_reason": {"12": "aide-sociale", "13": "voirie"}},
}
ROW = {"n": "7", "end": "2026-03-16T09:00:00Z", "Code": "12"}


def configure(reasons: ContactReasons = REASONS, **changes: Any) -> MappedConfig:
    config = parse(MappedConfig, "appels", OPTIONS | changes, reasons)
    assert isinstance(config, MappedConfig)
    return config


def complaint(**changes: Any) -> str:
    with pytest.raises(ConfigError) as refusal:
        configure(**changes)
    return str(refusal.value)


def reasons_of(row: dict[str, Any], **changes: Any) -> list[tuple[str, str]]:
    mapping = RecordMapping("table/appels", configure(**changes), KEY, REASONS)
    events = mapping.map(mapping.prepare(row), NOW)
    assert [decode(encode(event)) for event in events] == [*events]
    return [
        (event.subject, event.data.contact_reason)
        for event in REASONS.add_and_check(events)
        if event.type == CODE["event"]
    ]


def refusal_of(row: dict[str, Any], **changes: Any) -> str:
    with pytest.raises(UnusableRecord) as refusal:
        reasons_of(row, **changes)
    return str(refusal.value)


def test_code_is_looked_up_in_the_table() -> None:
    assert reasons_of(ROW) == [("call:table/appels:7", "aide-sociale")]
    assert reasons_of(ROW | {"Code": "13"}) == [("call:table/appels:7", "voirie")]
    assert reasons_of(ROW | {"Code": ""}) == []
    assert refusal_of(ROW | {"Code": "14"}) == "unknown_enum: Code: not in values.contact_reason"


def test_without_a_table_the_value_is_a_name_of_the_list() -> None:
    assert reasons_of(ROW | {"Code": "voirie"}, values={}) == [("call:table/appels:7", "voirie")]
    for unlisted in ("voiries", "courrier", "Camille Exemple", "0639981234"):
        detail = "unknown_enum: Code: not in contact_reasons for the channel call"
        assert refusal_of(ROW | {"Code": unlisted}, values={}) == detail


def test_channel_is_that_of_the_other_events_unless_it_is_set() -> None:
    letter = {"event": "letter.arrived", "time": "end"}
    assert reasons_of(ROW, events=[letter, CODE]) == [("mail:table/appels:7", "aide-sociale")]
    several = complaint(events=[ENDED, letter, CODE])
    assert several == (
        "appels.events #3.channel is missing: the other events have several channels, or none (call, mail)"
    )
    assert "(none)" in complaint(events=[CODE])
    for events in ([ENDED, letter, CODE | {"channel": "call"}], [CODE | {"channel": "call"}]):
        assert reasons_of(ROW, events=events) == [("call:table/appels:7", "aide-sociale")]
    assert "appels.events #1.channel is only for contact.reason_set" in complaint(events=[ENDED | {"channel": "call"}])
    assert "appels.events #1.channel" in complaint(events=[CODE | {"channel": "phone"}])


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"values": {"contact_reason": {"12": "aide-social"}}}, "values.contact_reason.12"),
        ({"events": [ENDED, CODE | {"contact_reason": {"value": "aide-social"}}]}, "events #2.contact_reason.value"),
        (
            {"events": [ENDED, CODE | {"contact_reason": {"field": "Code", "values": {"12": "aide-social"}}}]},
            "events #2.contact_reason.values.12",
        ),
    ],
)
def test_unlisted_reason_in_the_options_is_a_fault(changes: dict[str, Any], key: str) -> None:
    text = "'aide-social' is not in contact_reasons for the channel call; did you mean aide-sociale?"
    assert complaint(**changes) == f"appels.{key} {text}"


def test_a_missing_list_is_reported_once() -> None:
    text = "needs contact_reasons, but the settings (./accueil.toml, or the file of --config) have none"
    assert complaint(reasons=NO_REASONS, events=[ENDED, CODE, CODE]) == f"appels.events #2 {text}"
    assert complaint(reasons=NO_REASONS, values={}) == f"appels.events #2 {text}"


def test_reason_of_another_channel_is_a_fault() -> None:
    options = {"values": {"contact_reason": {"12": "courrier"}}}
    assert "'courrier' is not in contact_reasons for the channel call" in complaint(**options)
    mail = [{"event": "letter.arrived", "time": "end"}, CODE]
    assert reasons_of(ROW, events=mail, **options) == [("mail:table/appels:7", "courrier")]
