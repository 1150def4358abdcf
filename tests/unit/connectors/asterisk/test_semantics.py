"""Semantics of queue_log: spellings, encodings, positions, and the order of lines."""

import re
import tomllib
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest

import connectors.asterisk as asterisk
from connectors.asterisk.call_history import CallHistory, StoredStay
from connectors.sdk.contract import Reject
from models.codec import encode
from models.events import Event
from models.identities import IdentityKind
from models.reasons import Reason
from tests.support.call_figures import fold
from tests.support.processes import ROOT
from tests.support.queue_log import CALL, ENTER, KEY, Log, T, agent_name, data_of, line

TALK = line("CONNECT", 5, "x", 2, at=T + 5, agent="PJSIP/31")
COMPLETED = line("COMPLETECALLER", 5, 55, 1, at=T + 60, agent="PJSIP/31")


def stays(events: list[Event]) -> list[tuple[str, str, int]]:
    """Return type, queue and stay number of the call events."""
    return [(event.type, event.data.queue, event.data.visit) for event in events if event.type.startswith("call.")]


def outcomes(*lines: str, **options: Any) -> dict[str, int]:
    """Return the ends of all queue stays, as counted by `streams.core`."""
    figures = fold(Log(**options).events(*lines))
    counted: dict[str, int] = {}
    for figure in figures.values():
        for name, count in figure.items():
            if name in {"waiting", "answered", "abandoned", "in_progress", "ended", "transferred"} or name.startswith(
                "left_"
            ):
                counted[name] = counted.get(name, 0) + count
    return {name: count for name, count in counted.items() if count}


class TestQueueNames:
    @pytest.mark.parametrize(
        ("options", "label"),
        [
            ({}, "support"),
            ({"queues": {"support": {}}}, "support"),
            ({"queues": {"Support": {}}}, "Support"),
            ({"queues": {"SUPPORT": {"label": "aide"}}}, "aide"),
            ({"queues": {"Support": {"label": "aide"}, "support": {"label": "aide"}}}, "aide"),
        ],
    )
    def test_queue_has_one_label_for_all_cases(self, options: dict[str, Any], label: str) -> None:
        agent = [line("PAUSE", call="NONE", queue="SUPPORT", agent="PJSIP/31")]
        events = Log(**options).events(
            line("ENTERQUEUE", queue="Support"),
            line("RINGNOANSWER", 900, queue="support", agent="PJSIP/32", at=T + 1),
            line("CONNECT", 5, "x", 2, queue="support", agent="PJSIP/31", at=T + 5),
            line("COMPLETEAGENT", 5, 5, 1, queue="support", agent="PJSIP/31", at=T + 10),
            *agent,
        )
        assert stays(events) == [(f"call.{name}", label, 1) for name in ("queued", "answered", "ended")]
        assert {event.data.queue for event in events} == {label}

    @pytest.mark.parametrize("name", ["Support", "Accueil Général", "École"])
    def test_stay_saved_with_the_case_of_its_queue_continues(self, name: str) -> None:
        queues = {"queues": {name: {"label": "aide"}}}
        log = Log(**queues)
        log.events(line("ENTERQUEUE", queue=name))
        log.memory.calls[CALL].stays = [StoredStay(log.mapping._names._as_one_word(name), T)]
        saved = msgspec.json.decode(msgspec.json.encode(log.memory), type=CallHistory)
        ended = Log(saved, **queues).events(line("ABANDON", 1, 1, 9, queue=name, at=T + 9))
        assert stays(ended) == [("call.abandoned", "aide", 1)]

    def test_case_of_non_ascii_letters_matters(self) -> None:
        assert (
            len({name for _, name, _ in stays(Log().events(*(line("ENTERQUEUE", queue=name) for name in ("É", "é"))))})
            == 2
        )


class TestWaits:
    def test_refusal_after_an_exit_is_a_refusal(self) -> None:
        left = [ENTER, line("EXITEMPTY", 1, 1, 9, at=T + 9)]
        assert outcomes(*left, line("JOINEMPTY", at=T + 20), custom_events={"JOINEMPTY": "empty"}) == {"left_empty": 2}

    def test_transfer_logged_after_the_next_entry_ends_the_earlier_stay(self) -> None:
        again = line("ENTERQUEUE", "", "0639980000", 1, at=T + 35)
        moved = line("BLINDTRANSFER", "600", "c", 5, 30, 1, at=T + 35, agent="PJSIP/31")
        gave_up = line("ABANDON", 1, 1, 25, at=T + 60)
        expected = [("queued", 1), ("answered", 1), ("queued", 2), ("transferred", 1), ("abandoned", 2)]
        found = stays(Log().events(ENTER, TALK, again, moved, gave_up))
        assert found == [(f"call.{name}", "accueil", visit) for name, visit in expected]
        lost_agent = moved.replace("PJSIP/31", "PJSIP/99")
        assert stays(Log().events(ENTER, TALK, again, lost_agent, gave_up)) == found

    def test_full_queue_does_not_end_a_conversation(self) -> None:
        assert outcomes(ENTER, TALK, line("FULL", at=T + 30), COMPLETED) == {"answered": 1, "ended": 1, "left_full": 1}

    def test_clock_set_back_does_not_start_a_second_stay(self) -> None:
        back = [
            line("CONNECT", 0, "x", 2, at=T - 100, agent="PJSIP/31"),
            line("COMPLETEAGENT", 0, 30, 1, at=T - 70, agent="PJSIP/31"),
        ]
        assert {visit for _, _, visit in stays(Log().events(ENTER, *back))} == {1}
        first = [line("ENTERQUEUE", at=T - 200), line("ABANDON", 1, 1, 5, at=T - 195)]
        assert [visit for _, _, visit in stays(Log().events(*first, ENTER, *back))] == [1, 1, 2, 2, 2]


@pytest.mark.parametrize("page", ["README.md", "README.fr.md"])
def test_xivo_events_have_the_meaning_in_the_readme(page: str) -> None:
    text = Path(asterisk.__file__).with_name(page).read_text("utf-8")
    block = next(block for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "DIVERT_CA_RATIO" in block)
    events = tomllib.loads(dedent(block))["connectors"]["siege"]["custom_events"]
    lines = [
        line("LEAVEEMPTY", at=T + 9),
        line("REROUTEGUIDE", at=T + 9),
        line("WRAPUPSTART", 10, agent="Agent/1001", at=T + 9),
    ]
    refusals = ("FULL", "CLOSED", "JOINEMPTY", "DIVERT_CA_RATIO", "DIVERT_HOLDTIME")
    lines += [line(event, call=f"{T}.{number}") for number, event in enumerate(refusals)]
    assert outcomes(ENTER, *lines, custom_events=events) == {
        "left_empty": 2,
        "left_full": 1,
        "left_closed": 1,
        "left_diverted": 2,
    }
    example = tomllib.loads((ROOT / "deploy" / "accueil.example.toml").read_text("utf-8"))
    assert example["connectors"]["siege"]["custom_events"] == events


class TestAgents:
    def states(self, *lines: str) -> dict[str, int]:
        return {
            name: count
            for figure in fold(Log().events(*lines)).values()
            for name, count in figure.items()
            if name.startswith("agents_") and count
        }

    def test_agent_added_after_a_removal_is_not_paused(self) -> None:
        pause, remove, add, paused = (
            line(event, *more, call="NONE", agent="PJSIP/31", at=T + at)
            for at, (event, *more) in enumerate(
                (("PAUSE",), ("REMOVEMEMBER", ""), ("ADDMEMBER", ""), ("ADDMEMBER", "PAUSED"))
            )
        )
        assert set(self.states(pause, remove, add)) == {"agents_available"}
        assert set(self.states(pause, add)) == {"agents_available"}
        assert set(self.states(pause, remove, add, remove, paused)) == {"agents_paused"}

    def test_conversation_with_a_lost_end_frees_the_agent_after_a_time(self) -> None:
        late = [
            line(name, 1, 9, 1, call=f"{T}.18", at=T + 9_000 + n, agent="PJSIP/31")
            for n, name in enumerate(("CONNECT", "COMPLETEAGENT"))
        ]
        assert set(self.states(ENTER, TALK, *late)) == {"agents_available"}


class TestParsing:
    def test_each_field_may_have_its_own_encoding(self) -> None:
        mixed = b"|".join([f"{T}|{CALL}".encode(), "général".encode(), "Zoé".encode("cp1252"), b"CONNECT|5|x|2"])
        (answered, _) = Log().outcome(mixed)
        assert (answered.data.queue, answered.data.agent) == ("general", agent_name("Zoé"))

    @pytest.mark.parametrize(
        ("parameters", "number", "position"),
        [
            ("|0639980000|3", "0639980000", 3),
            ("|0639980000|3|", "0639980000", 3),
            ("|0639980000|3|Camille Exemple", "0639980000", 3),
            ("|0639980000|3|0639980000", "0639980000", 3),
            ("|a|b|3", "", 3),
            ("|a|b|3|Camille_Exemple", "", 3),
            ("https://example.org/|0639980000|12|7", "0639980000", 12),
            ("|0639980000|", "0639980000", None),
            ("|0639980000|12|34|x", "", 34),
        ],
    )
    def test_caller_number_may_contain_the_separator(self, parameters: str, number: str, position: int | None) -> None:
        (event,) = Log().events(line("ENTERQUEUE", parameters))
        assert event.data.position == position
        assert event.identities == (KEY.pseudonym(IdentityKind.PHONE, "+33639980000") if number else "")

    @pytest.mark.parametrize(
        "log_line",
        [line("SURVEY", "CONNECT", 5), line("SURVEY", "ABANDON", 1, 1, 5), line("SURVEY", "PAUSE", agent="x")],
    )
    def test_parameter_is_not_read_as_an_event(self, log_line: str) -> None:
        assert not isinstance(Log().outcome(log_line), list | tuple)


class TestPhoneNumbers:
    @pytest.mark.parametrize(
        ("log_line", "hidden"),
        [
            (
                line("ABANDON", "0271034356", "271034356", "0271034356"),
                {"position", "original_position", "wait_seconds"},
            ),
            (line("CONNECT", "271034356", "x", "0271034356"), {"wait_seconds", "ring_seconds"}),
            (line("COMPLETEAGENT", "271034356", "0271034356", 1), {"wait_seconds", "handle_seconds"}),
            (line("COMPLETECALLER", "271034", "256200", 1), {"wait_seconds", "handle_seconds"}),
            (line("EXITWITHTIMEOUT", 1, 1, "271034356"), {"wait_seconds"}),
            (line("EXITEMPTY", 1, 1, "0271034356"), {"wait_seconds"}),
            (line("EXITWITHKEY", 1, 1, 1, "271034356"), {"wait_seconds"}),
            (line("WITHDRAW", 1, 1, "271034356", "x"), {"wait_seconds"}),
            (line("BLINDTRANSFER", 1, "c", "271034356", "271034356", 1), {"wait_seconds", "handle_seconds"}),
            (line("ATTENDEDTRANSFER", "APP", "c", "271034356", "271034356", 1), {"wait_seconds", "handle_seconds"}),
            (line("VOICEMAIL", "271034356", queue="NONE"), {"duration_seconds"}),
        ],
    )
    def test_phone_number_is_never_published(self, log_line: str, hidden: set[str]) -> None:
        events = Log().last(ENTER, log_line)
        assert "0271034356".removeprefix("0") not in "".join(encode(event).decode() for event in events)
        assert not hidden & data_of(events[0]).keys()

    def test_phone_number_is_not_a_future_time(self) -> None:
        log = Log()
        rejected = log.outcome(line("PAUSE", call="NONE", agent="PJSIP/31", at=2_125_551_234))
        assert isinstance(rejected, Reject)
        assert rejected.reason is Reason.TIME_IN_FUTURE
        assert log.memory == CallHistory()

    def test_phone_number_is_not_a_call_id(self) -> None:
        for call in ("2125551234.1", "1792000000.1", f"pbx-{T + 400 * 86_400}.1"):
            log = Log()
            (event,) = log.events(line("ENTERQUEUE", call=call))
            assert call not in encode(event).decode() + repr(log.memory)


@pytest.mark.parametrize(
    "event", ["CONNECT", "COMPLETEAGENT", "COMPLETECALLER", "BLINDTRANSFER", "ATTENDEDTRANSFER", "TRANSFER"]
)
def test_rejected_answer_is_marked_as_an_answer(event: str) -> None:
    for log_line in (line(event, 5, queue="NONE"), f"noon|{CALL}|600|x|{event}|5", f"{T}|{CALL}|600|{event}"):
        rejected = Log().outcome(log_line)
        assert isinstance(rejected, Reject)
        assert rejected.reports_answer
    other = Log().outcome(line("ABANDON", queue="NONE"))
    assert isinstance(other, Reject)
    assert not other.reports_answer
