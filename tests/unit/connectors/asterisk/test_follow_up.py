"""Voice messages, call backs, reasons for contact and direct lines, from the log and the manager interface."""

from typing import Any

import pytest

from connectors.asterisk.config import AsteriskConfig
from connectors.sdk.config import parse
from connectors.sdk.contact_reasons import ContactReasons, ReasonRule
from connectors.sdk.contract import Reject
from connectors.sdk.errors import ConfigError
from models.reasons import Reason
from models.topics import Channel
from tests.support.manager_messages import HANGUP, MessageMapper, ami_message, step, variable
from tests.support.queue_log import ENTER, Log, T, data_of, line

CUSTOM: dict[str, Any] = {
    "custom_events": {
        "MENU": "menu",
        "VOICEMAIL": "voicemail",
        "HEARD": "voicemail_heard",
        "CALLME": "callback",
        "CALLED": "called_back",
        "WRAPUP": "reason",
    },
    "reason_codes": {"12": "aide-sociale"},
}
REASONS = ContactReasons([ReasonRule("aide-sociale"), ReasonRule("mail-only", (Channel.MAIL,))])


def test_messages_and_call_backs_are_steps_of_the_call() -> None:
    events = Log(**CUSTOM).events(
        ENTER,
        line("VOICEMAIL", 31, at=T + 60, queue="610"),
        line("CALLME", at=T + 70, queue="610"),
        line("HEARD", at=T + 3000, queue="NONE", agent="PJSIP/31"),
        line("CALLED", at=T + 3100, queue="NONE"),
    )[1:]
    assert [(event.type, data_of(event)) for event in events] == [
        ("call.voicemail_left", {"duration_seconds": 31.0, "queue": "aide-sociale"}),
        ("call.callback_requested", {"queue": "aide-sociale"}),
        ("call.voicemail_heard", {}),
        ("call.called_back", {}),
    ]
    assert len({event.subject for event in events}) == 1
    assert [(event.service, event.site) for event in events] == [("social", "annexe")] * 2 + [("standard", "siege")] * 2


def test_call_back_outside_queues_has_no_queue() -> None:
    (event,) = Log(**CUSTOM).events(line("CALLME", queue="NONE"))
    assert (event.service, data_of(event)) == ("standard", {"queue": ""})


@pytest.mark.parametrize("name", ["VOICEMAIL", "CALLME", "HEARD", "CALLED", "WRAPUP"])
def test_repeated_lines_give_the_same_events_and_later_ones_others(name: str) -> None:
    log = Log(**CUSTOM)
    first, again, later = (log.events(line(name, 12, at=at))[0].id for at in (T, T, T + 1))
    assert first == again != later


def test_later_meaning_gives_the_same_ids_as_an_earlier_one() -> None:
    lines = [line("WRAPUP", 12, at=T + number) for number in (0, 1, 2)]
    at_once = [event.id for event in Log(**CUSTOM).events(*lines)]
    late = Log(custom_events={})
    rejects = [late.outcome(one) for one in lines]
    assert all(isinstance(one, Reject) for one in rejects)
    late = Log(memory=late.memory, **CUSTOM)
    assert [event.id for event in late.events(*lines)] == at_once


def test_first_parameter_is_the_reason_or_its_code() -> None:
    log = Log(**CUSTOM)
    for code in ("12", "aide-sociale"):
        (event,) = log.events(line("WRAPUP", code, "note", queue="610"))
        assert (event.type, event.channel) == ("contact.reason_set", "call")
        assert (data_of(event), event.service) == ({"contact_reason": "aide-sociale", "by_rule": False}, "social")


@pytest.mark.parametrize("code", ["", "0639985511", "aide à domicile"])
def test_code_that_is_no_name_is_rejected(code: str) -> None:
    outcome = Log(**CUSTOM).outcome(line("WRAPUP", code))
    assert isinstance(outcome, Reject)
    assert (outcome.reason, outcome.detail) == (Reason.UNKNOWN_ENUM, "its code is not in reason_codes")


def test_reason_codes_are_names_of_the_list() -> None:
    def configure(name: str) -> None:
        parse(AsteriskConfig, "siege", {"path": "queue_log", "reason_codes": {"1": name}}, REASONS)

    configure("aide-sociale")
    with pytest.raises(ConfigError, match=r"reason_codes 'aide-social' is not in .*; did you mean aide-sociale"):
        configure("aide-social")
    with pytest.raises(ConfigError, match="'mail-only' is not in contact_reasons for the channel call"):
        configure("mail-only")


def test_manager_interface_reports_the_same_steps() -> None:
    def user_event(name: str, data: str = "") -> dict[str, str]:
        return ami_message("UserEvent", UserEvent=name, Data=data, Queue=600)

    manager, log = MessageMapper(**CUSTOM), Log(**CUSTOM)
    for name, data in (("CALLME", ""), ("HEARD", ""), ("CALLED", ""), ("WRAPUP", "12")):
        (live,) = manager.events(user_event(name, data))
        (logged,) = log.events(line(name, data))
        assert (live.id, live.type, live.data) == (logged.id, logged.type, logged.data)


# ------------------------------------------------------------------------------------------------------------ direct lines
def test_call_to_a_direct_line_is_an_arrival_and_nothing_else() -> None:
    messages = [
        ami_message("Newchannel", Exten="0199000010", Context="from-trunk"),
        step("0199000010", T + 0.3, "from-trunk", Application="Dial", AppData="PJSIP/4512"),
        ami_message("Newchannel", T + 1, call=f"{T}.18", Exten="0199000010") | {"Linkedid": f"{T}.17"},
        HANGUP,
    ]
    events = MessageMapper(dids={"0199000010": {"line": "instructeurs", "service": "mdph", "site": "annexe"}}).events(
        *messages
    )
    assert [(event.type, event.service, event.site, data_of(event)) for event in events] == [
        ("call.arrived", "mdph", "annexe", {"line": "instructeurs"})
    ]


def test_message_on_a_direct_line_is_reported() -> None:
    arrived = ami_message("Newchannel", Exten="0199000010")
    events = MessageMapper().events(arrived, variable("VMSTATUS", "SUCCESS"), HANGUP)
    assert [event.type for event in events] == ["call.arrived", "call.voicemail_left"]


def test_direct_line_may_be_an_extension_or_a_range_of_them() -> None:
    lines = {"4512": {"line": "secretariat"}, "46??": {"line": "instructeurs"}}
    for dialled, expected in (("4512", "secretariat"), ("4607", "instructeurs"), ("4712", None)):
        events = MessageMapper(dids=lines).events(ami_message("Newchannel", Exten=dialled))
        assert [data_of(event)["line"] for event in events] == [expected] * bool(expected)
        (event,) = Log(dids=lines).events(line("DID", dialled, queue="NONE"))
        assert data_of(event) == {"line": expected or ""}
