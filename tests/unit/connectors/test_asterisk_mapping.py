import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.mapping import QueueLogMapping
from connectors.asterisk.memory import CALL_SECONDS, MAX_CALLS, MAX_VISITS, Memory
from connectors.asterisk.records import KNOWN, LogLine
from connectors.sdk.config import parse
from connectors.sdk.contract import Reject
from connectors.sdk.errors import ConfigError
from connectors.sdk.tail import MAX_LINE_BYTES
from models.codec import encode
from models.events import AgentChange, Event
from models.identities import IdentityKind, PseudonymKey
from models.reasons import Reason

T = 1_773_650_000
NOW = datetime.fromtimestamp(T + 3_600, UTC)
KEY = PseudonymKey("social", bytes(range(32)))
CALL = f"{T}.17"
OPTIONS = {
    "path": "queue_log",
    "sector": "social",
    "site": "siege",
    "service": "standard",
    "queues": {
        "600": {"label": "accueil", "extensions": ["600", "*600"]},
        "610": {"label": "aide-sociale", "service": "social", "site": "annexe", "extensions": ["610"]},
    },
    "dids": {
        "01 99 00 00 10": {"line": "principale"},
        "+33261910000": {"line": "rennes", "service": "routes", "site": "antenne"},
        "0353010?00": {"line": "motif"},
        "0465*": {"line": "etoile"},
    },
    "custom_events": {"FULL": "full", "CLOSED": "closed", "DIVERTED": "diverted", "INFO": "ignore", "NUMERO": "did"}
    | {"MENU": "menu", "VOICEMAIL": "voicemail"},
    "menu_options": {"2": "rsa"},
}


class Log:
    """A mapping that is fed lines."""

    def __init__(self, memory: Memory | None = None, **options: Any) -> None:
        self.memory = memory or Memory()
        config = parse(AsteriskConfig, "essai", OPTIONS | options)
        assert isinstance(config, AsteriskConfig)
        self.mapping = QueueLogMapping("asterisk/essai", config, KEY, self.memory)

    def outcome(self, line: str | bytes) -> Sequence[Event] | Reject:
        return self.mapping.map(LogLine(line if isinstance(line, bytes) else line.encode(), NOW))

    def events(self, *lines: str) -> list[Event]:
        events: list[Event] = []
        for line in lines:
            outcome = self.outcome(line)
            assert not isinstance(outcome, Reject), outcome
            events += outcome
        return events

    def last(self, *lines: str) -> list[Event]:
        """The events of the last line."""
        self.events(*lines[:-1])
        return self.events(lines[-1])


def line(
    event: str, *parameters: object, at: int = T, call: str = CALL, queue: str = "600", agent: str = "NONE"
) -> str:
    return "|".join(map(str, (at, call, queue, agent, event, *parameters)))


def agent_name(name: str = "PJSIP/31") -> str:
    return KEY.pseudonym(IdentityKind.AGENT, name)


def data_of(event: Event) -> dict[str, Any]:
    return event.data.model_dump(mode="json", exclude_none=True)


ENTER = line("ENTERQUEUE", "", "0639980000", 3)
HERE = {"queue": "accueil", "visit": 1}
GAVE_UP = {"position": 2, "original_position": 3, "wait_seconds": 45}
TALKED = {"wait_seconds": 12, "handle_seconds": 60}
ATTENDED = {"kind": "attended", "to_queue": "", **TALKED}
TO_610 = {"kind": "blind", "to_queue": "aide-sociale", **TALKED}


@pytest.mark.parametrize(
    ("said", "kind", "data"),
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
        (line("AGENTDUMP", agent="PJSIP/31"), "call.left_queue", {"reason": "other"}),
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
def test_what_a_line_says_of_a_call(said: str, kind: str, data: dict[str, Any]) -> None:
    (event,) = Log().last(*([] if "ENTERQUEUE" in said else [ENTER]), said)[:1]
    assert event.type == kind
    assert data_of(event) == HERE | data
    assert event.subject == f"call:asterisk/essai:{CALL}"
    assert (event.source, event.sector, event.site, event.service) == ("asterisk/essai", "social", "siege", "standard")
    assert event.time == datetime.fromtimestamp(int(said.partition("|")[0]), UTC)
    assert event.recordedtime == NOW


@pytest.mark.parametrize(
    ("said", "changes"),
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
def test_what_a_line_says_of_an_agent(said: str, changes: list[tuple[str, str]]) -> None:
    events = [event for event in Log().last(ENTER, said) if event.type == "agent.state_changed"]
    assert [(event.data.change.value, event.data.queue) for event in events] == changes
    assert {event.subject for event in events} <= {f"agent:asterisk/essai:{agent_name()}"}
    assert sorted(event.sequence for event in events) == [event.sequence for event in events]
    assert len({event.sequence for event in events}) == len(events)


@pytest.mark.parametrize(
    "said",
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
def test_lines_that_say_nothing_about_contacts(said: str) -> None:
    assert list(Log().events(said)) == []


def test_every_event_of_the_format_is_in_these_tests() -> None:
    assert {name for name in KNOWN if f'line("{name}"' not in Path(__file__).read_text()} == set()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("not a line", Reason.UNREADABLE_LINE),
        (f"{T}|{CALL}|600|NONE", Reason.UNREADABLE_LINE),
        (f"noon|{CALL}|600|NONE|ENTERQUEUE", Reason.UNREADABLE_LINE),
        (f"{'9' * 40}|{CALL}|600|NONE|ENTERQUEUE", Reason.UNREADABLE_LINE),
        (line("ENTERQUEUE", "", "", "first"), Reason.UNREADABLE_LINE),
        (line("ENTERQUEUE", "", "", 10**9), Reason.UNREADABLE_LINE),
        (line("ABANDON", 1, 1, "4 s"), Reason.UNREADABLE_LINE),
        (line("COMPLETEAGENT", 10**12, 1), Reason.UNREADABLE_LINE),
        (line("ENTERQUEUE", call="NONE"), Reason.UNREADABLE_LINE),
        (line("CONNECT", call="REALTIME"), Reason.UNREADABLE_LINE),
        (line("FULL", call="MANAGER"), Reason.UNREADABLE_LINE),
        (line("DID", "0199000010", call="CLI"), Reason.UNREADABLE_LINE),
        (line("ABANDON", queue="NONE"), Reason.UNREADABLE_LINE),
        (line("PAUSE", call="NONE", agent="NONE"), Reason.UNREADABLE_LINE),
        (line("SURVEY", 5), Reason.UNKNOWN_RECORD),
        (line("", 5), Reason.UNKNOWN_RECORD),
        (b"\xff" + ENTER.encode(), Reason.INVALID_UTF8),
        (ENTER.encode() + b"x" * MAX_LINE_BYTES, Reason.OVERSIZED),
    ],
)
def test_why_a_line_is_rejected(said: str | bytes, reason: Reason) -> None:
    log = Log()
    reject = log.outcome(said)
    assert isinstance(reject, Reject)
    assert reject.reason is reason
    assert reject.record == (said if isinstance(said, bytes) else said.encode())
    assert log.events(ENTER), "the line after it is read"


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
def test_an_event_that_nobody_explained_is_named_if_its_name_is_a_word(event: str, detail: str) -> None:
    reject = Log().outcome(line(event, 5))
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.detail) == (Reason.UNKNOWN_RECORD, detail)


def test_numbers_that_are_not_there_or_negative_are_left_out() -> None:
    (event,) = Log().last(ENTER, line("ABANDON", "", -1, -3))
    assert data_of(event) == HERE


class TestVisits:
    def test_each_stay_in_a_queue_is_a_visit_of_its_own(self) -> None:
        events = Log().events(
            ENTER,
            line("CONNECT", 5, "x", 2, at=T + 5, agent="PJSIP/31"),
            line("BLINDTRANSFER", "610", "c", 5, 30, 1, at=T + 35, agent="PJSIP/31"),
            line("ENTERQUEUE", "", "0639980000", 1, at=T + 35, queue="610"),
            line("EXITWITHTIMEOUT", 1, 1, 60, at=T + 95, queue="610"),
            line("ENTERQUEUE", "", "0639980000", 1, at=T + 96),
            line("ABANDON", 1, 1, 9, at=T + 105),
        )
        calls = [event for event in events if event.type.startswith("call.")]
        assert [(event.type, event.data.queue, event.data.visit) for event in calls] == [
            ("call.queued", "accueil", 1),
            ("call.answered", "accueil", 1),
            ("call.transferred", "accueil", 1),
            ("call.queued", "aide-sociale", 2),
            ("call.left_queue", "aide-sociale", 2),
            ("call.queued", "accueil", 3),
            ("call.abandoned", "accueil", 3),
        ]
        assert {(event.service, event.site) for event in calls if event.data.visit == 2} == {("social", "annexe")}
        assert len({event.id for event in events}) == len(events)

    @pytest.mark.parametrize("said", [line("CONNECT", 5, agent="PJSIP/31"), line("ABANDON"), line("COMPLETEAGENT")])
    def test_a_call_that_never_entered_is_in_its_first_visit(self, said: str) -> None:
        assert Log().events(said)[0].data.visit == 1

    def test_a_queue_that_turns_a_call_away_is_visited_too(self) -> None:
        events = Log().events(
            ENTER,
            line("COMPLETECALLER", 1, 2, at=T + 60),
            line("FULL", at=T + 90),
            line("FULL", at=T + 91),
            line("FULL", at=T + 91, queue="610"),
            line("FULL", at=T + 90),
            line("DIVERTED", at=T + 92),
        )
        first, second, other, copy, named_otherwise = (event.data.visit for event in events[2:])
        assert copy == named_otherwise == first
        assert len({first, second, other}) == 3
        assert all(MAX_VISITS < visit <= 2 * MAX_VISITS for visit in (first, second, other))

    def test_it_is_numbered_apart_from_queues_that_take_it(self) -> None:
        enter = [ENTER, line("EXITEMPTY", 1, 1, 9, at=T + 9), line("ENTERQUEUE", at=T + 20, queue="610")]
        with_refusals = [line("FULL", at=T - 9), *enter[:2], line("CLOSED", at=T + 15, queue="610"), *enter[2:]]
        ids = {event.id for event in Log().events(*with_refusals)}
        assert ids > {event.id for event in Log().events(*enter)}
        assert len(ids) == 5

    def test_refusals_of_one_number_are_told_apart(self) -> None:
        memory = Memory()
        numbers = [memory.refuse(CALL, f"{queue}|1") for queue in range(MAX_VISITS)]
        assert sorted(numbers) == list(range(MAX_VISITS + 1, 2 * MAX_VISITS + 1))
        assert [memory.refuse(CALL, f"{queue}|1") for queue in range(MAX_VISITS)] == numbers

    def test_a_call_that_is_diverted_while_it_waits_leaves_the_queue_it_waits_in(self) -> None:
        assert Log().last(ENTER, line("DIVERTED", at=T + 9))[0].data.visit == 1

    def test_the_same_lines_again_are_the_same_events(self) -> None:
        said = [
            ENTER,
            line("EXITWITHTIMEOUT", 1, 1, 60, at=T + 60),
            line("FULL", at=T + 60, queue="610"),
            line("ENTERQUEUE", "", "0639980000", 1, at=T + 61),
            line("CONNECT", 5, "x", 2, at=T + 66, agent="PJSIP/31"),
            line("COMPLETEAGENT", 5, 30, 1, at=T + 96, agent="PJSIP/31"),
            line("CLOSED", at=T + 97),
        ]
        log = Log()
        first = [event.id for event in log.events(*said)]
        assert [event.id for event in log.events(*said)] == first

    def test_two_queues_of_one_label_are_two_visits(self) -> None:
        log = Log(queues={"600": {"label": "accueil"}, "601": {"label": "accueil"}})
        events = log.events(ENTER, line("EXITEMPTY", 1, 1, 0), line("ENTERQUEUE", queue="601"))
        assert [(event.data.queue, event.data.visit) for event in events] == [("accueil", n) for n in (1, 1, 2)]

    def test_a_call_may_loop(self) -> None:
        log = Log()
        visits = [
            event.data.visit
            for n in range(MAX_VISITS + 50)
            for event in log.events(line("ENTERQUEUE", at=T - 2_000 + n), line("EXITEMPTY", at=T - 2_000 + n))
        ]
        assert visits[: 2 * MAX_VISITS : 2] == list(range(1, MAX_VISITS + 1))
        assert set(visits[2 * MAX_VISITS :]) == {MAX_VISITS}


class TestIdentities:
    @pytest.mark.parametrize("written", ["0639980000", "+33639980000", "0033639980000", "06 39 98 00 00"])
    def test_a_caller_is_a_pseudonym_however_the_number_is_written(self, written: str) -> None:
        (event,) = Log().events(line("ENTERQUEUE", "", written, 1))
        assert event.identities == KEY.pseudonym(IdentityKind.PHONE, "+33639980000")

    @pytest.mark.parametrize("written", ["", "anonymous", "Restricted", "8123", "unknown", "<unknown>", "NONE"])
    def test_a_withheld_number_or_an_extension_is_nobody(self, written: str) -> None:
        assert Log().events(line("ENTERQUEUE", "", written, 1))[0].identities == ""

    def test_numbers_are_read_as_in_the_configured_country(self) -> None:
        (event,) = Log(region="BE").events(line("ENTERQUEUE", "", "0470 12 34 56", 1))
        assert event.identities == KEY.pseudonym(IdentityKind.PHONE, "+32470123456")

    @pytest.mark.parametrize(
        "name",
        [
            *("0199000042", "06.39.98.12.34", "06-39-98-12-34", "file-06.39_98-12.34", "accueil du 06 39 98 00 00"),
            *("file (06) 39/98·12 34", "file ０６３９９８１２３４", "+33 6 39 98 12 34"),  # noqa: RUF001 - as one may write
            *("camille@example.org", "camille＠example.org", "Camille @ example.org"),  # noqa: RUF001
            *(" ", "مرحبا", "١٢٣٤٥٦٧٨", "x" * 65, "é" * 65),
        ],
    )
    def test_the_name_of_a_queue_that_may_hold_a_number_or_an_address_is_hidden(self, name: str) -> None:
        (event,) = Log().events(line("ENTERQUEUE", queue=name))
        assert event.data.queue.startswith("queue-")
        assert not name.strip() or name not in encode(event).decode()
        assert Log().events(line("ENTERQUEUE", queue=name))[0].data.queue == event.data.queue

    @pytest.mark.parametrize("name", ["8000", "support", "Aide-Sociale.2", "site-75.611-2"])
    def test_another_queue_has_its_own_name(self, name: str) -> None:
        assert Log().events(line("ENTERQUEUE", queue=name))[0].data.queue == name

    @pytest.mark.parametrize(
        ("name", "label"),
        [
            ("accueil general", "accueil-general"),
            ("Accueil général", "Accueil-general"),
            ("Petite enfance (PMI)", "Petite-enfance-PMI"),
            ("Maison du cœur d’Île & Vilaine", "Maison-du-coeur-d-Ile-Vilaine"),  # noqa: RUF001
            ("RSA / 35", "RSA-35"),
        ],
    )
    def test_a_queue_of_several_words_is_shown_as_one(self, name: str, label: str) -> None:
        assert Log().events(line("ENTERQUEUE", queue=name))[0].data.queue == label

    def test_a_queue_has_the_label_that_the_configuration_gives_it_whatever_its_name(self) -> None:
        log = Log(queues={"06 39 98 00 00": {"label": "permanence"}, "Camille Exemple": {"label": "direction"}})
        for name, label in (("06 39 98 00 00", "permanence"), ("Camille Exemple", "direction")):
            assert log.events(line("ENTERQUEUE", queue=name))[0].data.queue == label

    @pytest.mark.parametrize(
        "call",
        [
            *("0639980000", "Camille Exemple", "a|b".replace("|", "/")),
            *(f"0639980000-{T}.12", f"06.39.98.00.00-{T}.12", "0639980000.1", "33639980000.1", "639980000.1"),
            *(f"{T}.0639980000", f"{T}.639980000", f"pbx-0639980000-{T}.1"),
        ],
    )
    def test_what_is_no_id_of_asterisks_own_is_hidden(self, call: str) -> None:
        (event,) = Log().events(line("ENTERQUEUE", call=call))
        assert event.subject.startswith("call:asterisk/essai:call-")
        assert call not in encode(event).decode()

    @pytest.mark.parametrize("call", [f"{T}.1", f"{T}.0", f"pbx-1-{T}.12345", f"pbx-35.siege-{T}.12345678"])
    def test_what_is_an_id_of_asterisks_own_is_kept(self, call: str) -> None:
        assert Log().events(line("ENTERQUEUE", call=call))[0].subject == f"call:asterisk/essai:{call}"


class TestLines:
    @pytest.mark.parametrize(
        ("dialled", "name"),
        [
            ("0199000010", "principale"),
            ("+33199000010", "principale"),
            ("33199000010", "principale"),
            ("0261910000", "rennes"),
            ("0353010700", "motif"),
            ("0353010701", ""),
            ("0465710001", "etoile"),
            ("0536490000", ""),
            ("", ""),
        ],
    )
    def test_a_dialled_number_is_known_by_its_name(self, dialled: str, name: str) -> None:
        (event,) = Log().events(line("DID", dialled, queue="NONE"))
        assert (event.type, data_of(event)) == ("call.arrived", {"line": name})
        assert dialled not in encode(event).decode() or not dialled

    def test_the_dialplan_may_call_it_otherwise(self) -> None:
        assert Log().events(line("NUMERO", "0199000010"))[0].data.line == "principale"

    def test_a_line_places_the_arrival_and_a_queue_all_that_happens_in_it(self) -> None:
        arrived, *in_queues = Log().events(
            line("DID", "0261910000", queue="NONE"),
            ENTER,
            line("CONNECT", 3, "x", 1, agent="PJSIP/31"),
            line("ADDMEMBER", call="NONE", agent="PJSIP/31"),
            line("ENTERQUEUE", call=f"{T}.18"),
            line("ENTERQUEUE", at=T + 9, queue="610"),
        )
        assert (arrived.service, arrived.site) == ("routes", "antenne")
        assert {(event.data.queue, event.service, event.site) for event in in_queues} == {
            ("accueil", "standard", "siege"),
            ("aide-sociale", "social", "annexe"),
        }

    @pytest.mark.parametrize(("event", "visits"), [("ENTERQUEUE", 2), ("FULL", 1), ("NOBODY_KNOWS", 1)])
    def test_what_is_remembered_of_a_queue_holds_no_number(self, event: str, visits: int) -> None:
        log = Log(queues={"06 39 98 00 00": {"label": "permanence"}, "0639980001": {"label": "permanence"}})
        log.outcome(line(event, queue="06 39 98 00 00"))
        assert log.events(line("ENTERQUEUE", queue="0639980001"))[0].data.visit == visits
        assert not re.search(r"39.?98", msgspec.json.encode(log.memory).decode())

    def test_a_position_of_an_earlier_version_is_understood(self) -> None:
        saved = b'{"seconds":{},"calls":{"%s":[%d,[["600",%d,0]],"routes","antenne"]}}' % (CALL.encode(), T, T - 9)
        memory = msgspec.json.decode(saved, type=Memory)
        assert Log(memory).events(line("ABANDON", 1, 1, 9))[0].data.visit == 1


class TestSteps:
    def test_a_choice_in_a_menu_is_known_by_its_name(self) -> None:
        menu = line("MENU", 2, queue="NONE")
        events = Log().events(
            menu, menu, line("MENU", 2, at=T + 9, queue="NONE"), line("MENU", "0639980000", queue="NONE")
        )
        assert [(event.type, event.data.option) for event in events] == [
            *[("call.menu_chosen", "rsa")] * 3,
            ("call.menu_chosen", ""),
        ]
        assert len({event.id for event in events}) == 3, "the same line again is the same event"

    def test_what_is_explained_later_is_counted_as_if_it_had_been_at_once(self) -> None:
        said = [line("MENU", 2, at=T + n, queue="NONE") for n in range(3)]
        unexplained = Log(custom_events={})
        rejects = [unexplained.outcome(one) for one in said]
        memories = [msgspec.json.decode(one.context, type=Memory) for one in rejects if isinstance(one, Reject)]
        again = [Log(memory).events(one)[0].id for memory, one in zip(memories, said, strict=True)]
        assert again == [event.id for event in Log().events(*said)]

    def test_a_voice_message_has_its_duration(self) -> None:
        (event,) = Log().events(line("VOICEMAIL", 23, queue="NONE"))
        assert (event.type, data_of(event)) == ("call.voicemail_left", {"duration_seconds": 23})

    def test_a_call_rings_in_vain_as_often_as_it_does(self) -> None:
        def ring(at: int, agent: str = "PJSIP/31") -> str:
            return line("RINGNOANSWER", 15000, at=at, agent=agent)

        rings = [ring(T + 15), ring(T + 30), ring(T + 30), ring(T + 30, "PJSIP/32"), ring(T + 45)]
        events = Log().events(ENTER, *rings)[1:]
        assert len({event.id for event in events}) == 4
        shifted = Log().events(line("ENTERQUEUE", at=T + 1), ring(T + 16), ring(T + 31))[1:]
        assert [event.id for event in shifted] == [events[0].id, events[1].id], "the second of a ring is not in its id"


class TestIds:
    def test_lines_of_one_second_are_in_order(self) -> None:
        log = Log()
        sequences = [log.events(line("ENTERQUEUE", call=f"{T}.{n}"))[0].sequence for n in range(1_200)]
        assert sequences == sorted(sequences)
        assert len(set(sequences)) == 1_200

    def test_what_an_agent_does_twice_in_a_second_is_two_events(self) -> None:
        pause, unpause = (line(name, call="NONE", agent="PJSIP/31") for name in ("PAUSE", "UNPAUSE"))
        events = Log().events(pause, unpause, pause, unpause, line("PAUSE", call="NONE", agent="PJSIP/32"))
        assert len({event.id for event in events}) == 5

    def test_a_line_that_is_late_by_a_second_disturbs_nothing(self) -> None:
        pause = line("PAUSE", call="NONE", agent="PJSIP/31")
        late = line("PAUSE", call="NONE", agent="PJSIP/31", at=T - 1)
        events = Log().events(pause, late, pause)
        assert len({event.id for event in events}) == 3
        assert [event.sequence for event in events if event.time.timestamp() == T] == ["000001", "000002"]

    @pytest.mark.parametrize("read_at", [NOW - timedelta(days=1), NOW, NOW + timedelta(days=4_000)])
    def test_what_a_line_means_does_not_depend_on_when_it_is_read(self, read_at: datetime) -> None:
        said = [ENTER, line("EXITEMPTY", 1, 1, 9, at=T + 9), line("ENTERQUEUE", at=T + 9), line("ABANDON", at=T + 20)]
        log = Log()
        events = [event for content in said for event in log.mapping.map(LogLine(content.encode(), read_at))]
        assert {event.recordedtime for event in events} == {read_at}
        assert [event.model_copy(update={"recordedtime": NOW}) for event in events] == Log().events(*said)

    def test_an_id_is_what_it_always_was(self) -> None:
        events = Log().events(ENTER, line("CONNECT", 1, "x", 1, agent="PJSIP/31"), line("FULL", queue="610"))
        assert [event.id for event in events] == [
            "2dea4d62-38ae-5df0-8b2c-5b7544da88f4",
            "da380512-ab81-5daa-a809-68018e3b72a7",
            "1c4e5e56-c557-5382-b97b-989ab6d21943",
            "ce27aa02-59f9-5e5b-a8de-37698f1403eb",
        ]


class TestMemory:
    def test_a_call_is_forgotten_when_the_log_has_not_mentioned_it_for_long(self) -> None:
        log = Log()
        log.events(line("ENTERQUEUE", call=f"{T}.1", at=T - 2 * CALL_SECONDS))
        log.events(line("ENTERQUEUE", call=f"{T}.2", at=T - CALL_SECONDS))
        log.events(line("ENTERQUEUE", call=f"{T}.3"))
        assert list(log.memory.calls) == [f"{T}.2", f"{T}.3"]

    def test_there_is_a_limit_to_it(self) -> None:
        log = Log()
        for n in range(MAX_CALLS + 500):
            log.events(line("ENTERQUEUE", call=f"{T}.{n}"))
        assert len(log.memory.calls) == MAX_CALLS
        assert next(iter(log.memory.calls)) == f"{T}.500"

    @pytest.mark.parametrize("at", [0, T + 50 * 366 * 86_400])
    def test_a_time_that_cannot_be_disturbs_nothing_for_long(self, at: int) -> None:
        log = Log()
        for n in range(10):
            log.events(line("ENTERQUEUE", call=f"{T}.{n}"))
        log.events(line("ENTERQUEUE", call=f"{T}.99", at=at))
        log.events(*(line("EXITEMPTY", call=f"{T}.{n}", at=T + 1) for n in range(10)))
        assert sum(len(log.memory.calls[f"{T}.{n}"].visits) for n in range(10)) == 10
        log.events(*(line("ENTERQUEUE", call=f"{T}.{n}", at=T + 2) for n in range(2, 10)))
        assert f"{T}.99" not in log.memory.calls
        assert [len(log.memory.calls[f"{T}.{n}"].visits) for n in range(2, 10)] == [2] * 8

    def test_an_old_line_alone_is_no_trouble(self) -> None:
        log = Log()
        log.events(line("PAUSE", call="NONE", agent="PJSIP/31"))
        assert log.events(line("ENTERQUEUE", at=T - 2 * CALL_SECONDS))[0].data.visit == 1

    @given(st.lists(st.sampled_from([
        *(line(event, call=f"{T}.{call}", queue=queue, agent="PJSIP/31", at=T + at)
          for event in ("ENTERQUEUE", "CONNECT", "COMPLETEAGENT", "EXITEMPTY", "FULL", "DID")
          for call in (1, 2) for queue in ("600", "610") for at in (0, 1)),
        *(line(event, call="NONE", agent="PJSIP/31", at=T + at) for event in ("PAUSE", "UNPAUSE") for at in (0, 1)),
    ]), max_size=25), st.integers(0, 25))  # fmt: skip
    @settings(max_examples=80, deadline=None)
    def test_a_restart_anywhere_changes_nothing(self, said: list[str], at: int) -> None:
        whole = [encode(event) for event in Log().events(*said)]
        before = Log()
        first = [encode(event) for event in before.events(*said[:at])]
        saved = msgspec.json.encode(before.memory)
        after = Log(msgspec.json.decode(saved, type=Memory))
        assert first + [encode(event) for event in after.events(*said[at:])] == whole


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
def test_no_line_whatever_raises(content: bytes) -> None:
    outcome = Log().outcome(content)
    assert isinstance(outcome, Reject) or all(encode(event) for event in outcome)
    if isinstance(outcome, Reject):
        assert outcome.reason in set(Reason) - {Reason.INTERNAL_ERROR}
        assert outcome.record == content


class TestConfig:
    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"queue": {}}, r"essai\.queue is unknown; did you mean essai\.queues\?"),
            (
                {"queues": {"600": {"lable": "x"}}},
                r"\.lable is unknown; did you mean essai\.queues\.600\.label\?",
            ),
            ({"queues": {"600": {"label": "aide sociale"}}}, r"essai\.queues\.600\.label must match"),
            (
                {"custom_events": {"FULL": "ful"}},
                r"^essai\.custom_events\.FULL must be one of timeout, .*, did, menu, voicemail, ignore$",
            ),
            ({"custom_events": {"ABANDON": "full"}}, r"essai\.custom_events\.ABANDON is an event of Asterisk's own"),
            ({"region": "France"}, r"essai\.region must match"),
            ({"sector": ""}, r"essai\.sector "),
            ({"start": "middle"}, r"essai\.start must be 'beginning' or 'end'"),
        ],
    )
    def test_a_mistake_is_named(self, options: dict[str, Any], complaint: str) -> None:
        with pytest.raises(ConfigError, match=complaint):
            Log(**options)

    def test_something_must_be_listened_to(self) -> None:
        with pytest.raises(ConfigError, match=r"^essai needs path, ami, or both$"):
            parse(AsteriskConfig, "essai", {})


def test_an_agent_has_the_same_name_in_all_events() -> None:
    events = Log().events(
        ENTER, line("CONNECT", 1, "x", 1, agent="PJSIP/31"), line("PAUSE", call="NONE", agent="PJSIP/31")
    )
    answered, started, paused = events[1:]
    assert started.subject == paused.subject == f"agent:asterisk/essai:{answered.data.agent}"
    assert started.data.change is AgentChange.CONTACT_STARTED
