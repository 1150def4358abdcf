"""Events and rejects of each kind of queue_log line."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.queue_log import KNOWN, parse
from connectors.sdk.contract import Reject
from connectors.sdk.tail import MAX_LINE_BYTES
from models.codec import decode, encode
from models.reasons import Reason
from tests.support.queue_log import (
    ATTENDED,
    CALL,
    ENTER,
    GAVE_UP,
    HERE,
    NOW,
    TALKED,
    TO_610,
    Log,
    T,
    agent_name,
    data_of,
    line,
)


@pytest.mark.parametrize(
    ("log_line", "kind", "data"),
    [
        (line("ENTERQUEUE", "", "0639980000", 3), "call.queued", {"position": 3}),
        (line("ENTERQUEUE", "", "0639980000", 3, "Camille Exemple"), "call.queued", {"position": 3}),
        (line("ENTERQUEUE"), "call.queued", {}),
        (line("CONNECT", 12, f"{T}.18", 4, at=T + 12), "call.answered", {"agent": "", "wait_seconds": 12, "ring_seconds": 4}),
        (line("CONNECT", 12, at=T + 12), "call.answered", {"agent": "", "wait_seconds": 12}),
        (line("ABANDON", 2, 3, 45), "call.abandoned", GAVE_UP),
        (line("ABANDON", 2, 3, 45, agent="PJSIP/31"), "call.abandoned", GAVE_UP),
        (line("COMPLETEAGENT", 12, 180, 1), "call.ended", {"ended_by": "agent", "wait_seconds": 12, "handle_seconds": 180}),
        (line("COMPLETECALLER", 12, 180), "call.ended", {"ended_by": "caller", "wait_seconds": 12, "handle_seconds": 180}),
        (line("EXITWITHTIMEOUT", 1, 3, 300), "call.left_queue", {"reason": "timeout", "wait_seconds": 300}),
        (line("EXITEMPTY", 1, 3, 7), "call.left_queue", {"reason": "empty", "wait_seconds": 7}),
        (line("EXITWITHKEY", "1", 1, 3, 30), "call.left_queue", {"reason": "key", "wait_seconds": 30}),
        (line("EXITWITHKEY", "#"), "call.left_queue", {"reason": "key"}),
        (line("WITHDRAW", 1, 3, 9, "text"), "call.left_queue", {"reason": "withdrawn", "wait_seconds": 9}),
        (line("SYSCOMPAT"), "call.left_queue", {"reason": "incompatible"}),
        (line("FULL"), "call.left_queue", {"reason": "full"}),
        (line("CLOSED", "dimanche"), "call.left_queue", {"reason": "closed"}),
        (line("DIVERTED"), "call.left_queue", {"reason": "diverted"}),
        (line("BLINDTRANSFER", "610", "internes", 12, 60, 1), "call.transferred", TO_610),
        (line("BLINDTRANSFER", "8123", "internes", 12, 60, 1), "call.transferred", {"kind": "blind", "to_queue": ""} | TALKED),
        (line("TRANSFER", "*600", "internes", 12, 60), "call.transferred", {"kind": "unknown", "to_queue": "accueil"} | TALKED),
        (line("ATTENDEDTRANSFER", "BRIDGE", "8a-4f", 12, 60, 1), "call.transferred", ATTENDED),
        (line("ATTENDEDTRANSFER", "APP", "Voicemail", 12, 60, 1), "call.transferred", ATTENDED),
        (line("ATTENDEDTRANSFER", "LINK", "PJSIP/1-2", "PJSIP/3-4", 12, 60, 1), "call.transferred", ATTENDED),
    ],
)  # fmt: skip
def test_line_about_a_call_gives_its_events(log_line: str, kind: str, data: dict[str, Any]) -> None:
    (event,) = Log().last(*([] if "ENTERQUEUE" in log_line else [ENTER]), log_line)[:1]
    assert event.type == kind
    assert data_of(event) == HERE | data
    assert event.subject == f"call:asterisk/essai:{CALL}"
    assert (event.source, event.sector, event.site, event.service) == ("asterisk/essai", "social", "siege", "standard")
    assert event.time == datetime.fromtimestamp(int(log_line.partition("|")[0]), UTC)
    assert event.recordedtime == NOW


@pytest.mark.parametrize(
    ("log_line", "changes"),
    [
        (line("CONNECT", 12, f"{T}.18", 4, agent="PJSIP/31"), [("contact_started", "accueil")]),
        (line("COMPLETEAGENT", 12, 180, 1, agent="PJSIP/31"), [("contact_ended", "accueil")]),
        (line("COMPLETECALLER", 12, 180, 1, agent="PJSIP/31"), [("contact_ended", "accueil")]),
        (line("BLINDTRANSFER", "8123", "c", 12, 60, 1, agent="PJSIP/31"), [("contact_ended", "accueil")]),
        (line("ATTENDEDTRANSFER", "BRIDGE", "b", 12, 60, 1, agent="PJSIP/31"), [("contact_ended", "accueil")]),
        (line("RINGNOANSWER", 15000, agent="PJSIP/31"), [("ring_unanswered", "accueil")]),
        (line("ABANDON", 1, 1, 9, agent="PJSIP/31"), []),
        (line("AGENTDUMP", agent="PJSIP/31"), []),
        (line("RINGCANCELED", 3000, agent="PJSIP/31"), []),
        (line("AGENTLOGIN", "SIP/31", call="NONE", queue="NONE", agent="PJSIP/31"), [("logged_in", "")]),
        (line("AGENTLOGOFF", "SIP/31", 3600, call="NONE", queue="NONE", agent="PJSIP/31"), [("logged_out", "")]),
        (line("AGENTCALLBACKLOGIN", "31@c", call="NONE", queue="NONE", agent="PJSIP/31"), [("logged_in", "")]),
        (line("AGENTCALLBACKLOGOFF", "31@c", 9, "", call="NONE", queue="NONE", agent="PJSIP/31"), [("logged_out", "")]),
        (line("ADDMEMBER", "", call="MANAGER", agent="PJSIP/31"), [("logged_in", "accueil")]),
        (line("ADDMEMBER", call="CLI", agent="PJSIP/31"), [("logged_in", "accueil")]),
        (line("ADDMEMBER", "PAUSED", call="REALTIME", agent="PJSIP/31"), [("logged_in", "accueil"), ("paused", "accueil")]),
        (line("REMOVEMEMBER", "", call="MANAGER", agent="PJSIP/31"), [("logged_out", "accueil")]),
        (line("PAUSE", "déjeuner", call="NONE", agent="PJSIP/31"), [("paused", "accueil")]),
        (line("UNPAUSE", "Auto-Unpause", call="NONE", agent="PJSIP/31"), [("unpaused", "accueil")]),
        (line("PAUSEALL", "réunion", call="NONE", queue="NONE", agent="PJSIP/31"), [("paused", "")]),
        (line("UNPAUSEALL", "", call="NONE", queue="NONE", agent="PJSIP/31"), [("unpaused", "")]),
    ],
)  # fmt: skip
def test_line_about_an_agent_gives_its_events(log_line: str, changes: list[tuple[str, str]]) -> None:
    events = [event for event in Log().last(ENTER, log_line) if event.type == "agent.state_changed"]
    assert [(event.data.change.value, event.data.queue) for event in events] == changes
    assert {event.subject for event in events} <= {f"agent:asterisk/essai:{agent_name()}"}
    assert sorted(event.sequence for event in events) == [event.sequence for event in events]
    assert len({event.sequence for event in events}) == len(events)


@pytest.mark.parametrize(
    "log_line",
    [
        line("QUEUESTART", "", call="NONE", queue="NONE"),
        line("CONFIGRELOAD", call="NONE", queue="NONE"),
        line("PENALTY", 3, call="NONE", agent="PJSIP/31"),
        line("RINGINUSE", 1, call="NONE", agent="PJSIP/31"),
        line("RINGCANCELED", 3000, agent="PJSIP/31"),
        line("OUTCALL", "ANSWERED", 12, "x", agent="PJSIP/31"),
        line("INFO", "whatever"),
        "",
        "  ",
    ],
)
def test_ignored_lines_give_no_events(log_line: str) -> None:
    assert list(Log().events(log_line)) == []


@pytest.mark.parametrize(("bars", "agent"), [(78, "a" + "|" * 78), (79, "a")])
def test_agent_name_with_separators_is_joined_up_to_the_maximum_length(bars: int, agent: str) -> None:
    record = parse(line("CONNECT", 12, "b", agent="a" + "|" * bars).encode())
    assert record is not None
    assert record.agent == agent


@pytest.mark.parametrize(
    ("log_line", "reason"),
    [
        ("not a line", Reason.UNREADABLE_LINE),
        (f"{T}|{CALL}|600|NONE", Reason.UNREADABLE_LINE),
        (f"noon|{CALL}|600|NONE|ENTERQUEUE", Reason.UNREADABLE_LINE),
        (f"{'9' * 40}|{CALL}|600|NONE|ENTERQUEUE", Reason.UNREADABLE_LINE),
        (f"33465714455|{CALL}|610|PJSIP/31|PAUSE", Reason.UNREADABLE_LINE),
        (f"0465714455|{CALL}|610|PJSIP/31|PAUSE", Reason.UNREADABLE_LINE),
        (line("ENTERQUEUE", call="NONE"), Reason.UNREADABLE_LINE),
        (line("CONNECT", call="REALTIME"), Reason.UNREADABLE_LINE),
        (line("FULL", call="MANAGER"), Reason.UNREADABLE_LINE),
        (line("DID", "0199000010", call="CLI"), Reason.UNREADABLE_LINE),
        (line("ABANDON", queue="NONE"), Reason.UNREADABLE_LINE),
        (line("PAUSE", call="NONE", agent="NONE"), Reason.UNREADABLE_LINE),
        (line("SURVEY", 5), Reason.UNKNOWN_RECORD),
        (line("", 5), Reason.UNKNOWN_RECORD),
        (b"\xff" + ENTER.encode(), Reason.UNREADABLE_LINE),
        (ENTER.encode() + b"x" * MAX_LINE_BYTES, Reason.OVERSIZED),
    ],
)
def test_rejected_line_has_its_reason(log_line: str | bytes, reason: Reason) -> None:
    log = Log()
    reject = log.outcome(log_line)
    assert isinstance(reject, Reject)
    assert reject.reason is reason
    assert reject.record == (log_line if isinstance(log_line, bytes) else log_line.encode())
    assert log.events(ENTER), "the next line is read"


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        ("SURVEY", "SURVEY has no meaning in custom_events"),
        ("Rappel_2.b-1", "Rappel_2.b-1 has no meaning in custom_events"),
        *(
            (personal, "")
            for personal in ("0639980000", "A-06.39_98.00.00", "a@example.org", "M. Exemple", "E" * 65, "")
        ),
    ],
)
def test_unknown_event_is_named_if_its_name_is_a_label(event: str, detail: str) -> None:
    reject = Log().outcome(line(event, 5))
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.detail) == (Reason.UNKNOWN_RECORD, detail)


@pytest.mark.parametrize(
    "numbers",
    [("", -1, -3), (), ("first", "", "4 s"), (10**6, 10**12, 86_401), ("01", "007", "0271034356"), ("1_0", "+1", " 4")],
)
def test_invalid_numbers_are_omitted(numbers: tuple[object, ...]) -> None:
    (event,) = Log().last(ENTER, line("ABANDON", *numbers))
    assert data_of(event) == HERE


FIELD = st.text(max_size=12) | st.sampled_from(["NONE", CALL, "600", "PJSIP/31", "-1", "9" * 30, "0639980000"])


@given(
    st.binary(max_size=60)
    | st.text(max_size=60).map(str.encode)
    | st.tuples(
        st.sampled_from([str(T), "0", "-5", "1e3", "٣", "9" * 20, ""]),
        FIELD,
        FIELD,
        FIELD,
        st.sampled_from([*sorted(KNOWN), "DID", "FULL", "NEW"]),
        st.lists(FIELD, max_size=7).map("|".join),
    )
    .map("|".join)
    .map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@settings(max_examples=400, deadline=None)
def test_no_line_raises(content: bytes) -> None:
    outcome = Log().outcome(content)
    assert isinstance(outcome, Reject) or all(decode(encode(event)) == event for event in outcome)
    if isinstance(outcome, Reject):
        assert outcome.reason in set(Reason) - {Reason.INTERNAL_ERROR}
        assert outcome.record == content
