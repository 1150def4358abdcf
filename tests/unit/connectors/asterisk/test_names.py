"""Names of callers, agents, queues and lines in events, without personal data."""

import re

import msgspec
import pytest

from connectors.asterisk.call_history import CallHistory
from models.codec import encode
from models.events import AgentChange
from models.identities import IdentityKind
from tests.support.queue_log import CALL, ENTER, KEY, Log, T, data_of, line


class TestIdentities:
    @pytest.mark.parametrize("written", ["0639980000", "+33639980000", "0033639980000", "06 39 98 00 00"])
    def test_caller_has_one_pseudonym_for_all_number_formats(self, written: str) -> None:
        (event,) = Log().events(line("ENTERQUEUE", "", written, 1))
        assert event.identities == KEY.pseudonym(IdentityKind.PHONE, "+33639980000")

    @pytest.mark.parametrize("written", ["", "anonymous", "Restricted", "8123", "unknown", "<unknown>", "NONE"])
    def test_withheld_number_and_extension_have_no_identity(self, written: str) -> None:
        assert Log().events(line("ENTERQUEUE", "", written, 1))[0].identities == ""

    def test_numbers_are_read_in_the_national_format(self) -> None:
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
    def test_queue_name_that_may_be_personal_is_hidden(self, name: str) -> None:
        (event,) = Log().events(line("ENTERQUEUE", queue=name))
        assert event.data.queue.startswith("queue-")
        assert not name.strip() or name not in encode(event).decode()
        assert Log().events(line("ENTERQUEUE", queue=name))[0].data.queue == event.data.queue

    @pytest.mark.parametrize("name", ["8000", "support", "aide-sociale.2", "site-75.611-2"])
    def test_other_queue_keeps_its_own_name(self, name: str) -> None:
        assert Log().events(line("ENTERQUEUE", queue=name))[0].data.queue == name

    @pytest.mark.parametrize(
        ("name", "label"),
        [
            ("accueil general", "accueil-general"),
            ("Accueil général", "accueil-general"),
            ("Petite enfance (PMI)", "petite-enfance-pmi"),
            ("Maison du cœur d’Île & Vilaine", "maison-du-coeur-d-Ile-vilaine"),  # noqa: RUF001
            ("RSA / 35", "rsa-35"),
        ],
    )
    def test_queue_name_becomes_one_word(self, name: str, label: str) -> None:
        assert Log().events(line("ENTERQUEUE", queue=name))[0].data.queue == label

    def test_queue_has_its_configured_label(self) -> None:
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
    def test_foreign_call_id_is_hashed(self, call: str) -> None:
        (event,) = Log().events(line("ENTERQUEUE", call=call))
        assert event.subject.startswith("call:asterisk/essai:call-")
        assert call not in encode(event).decode()

    @pytest.mark.parametrize("call", [f"{T}.1", f"{T}.0", f"pbx-1-{T}.12345", f"pbx-35.siege-{T}.12345678"])
    def test_asterisk_call_id_is_kept(self, call: str) -> None:
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
    def test_dialled_number_has_its_configured_line(self, dialled: str, name: str) -> None:
        (event,) = Log().events(line("DID", dialled, queue="NONE"))
        assert (event.type, data_of(event)) == ("call.arrived", {"line": name})
        assert dialled not in encode(event).decode() or not dialled

    def test_custom_event_can_replace_did(self) -> None:
        assert Log().events(line("NUMERO", "0199000010"))[0].data.line == "principale"

    def test_arrival_has_the_place_of_the_line_and_queue_events_that_of_the_queue(self) -> None:
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
    def test_memory_of_queues_contains_no_number(self, event: str, visits: int) -> None:
        log = Log(queues={"06 39 98 00 00": {"label": "permanence"}, "0639980001": {"label": "permanence"}})
        log.outcome(line(event, queue="06 39 98 00 00"))
        assert log.events(line("ENTERQUEUE", queue="0639980001"))[0].data.visit == visits
        assert not re.search(r"39.?98", msgspec.json.encode(log.memory).decode())

    def test_position_of_an_earlier_version_is_accepted(self) -> None:
        saved = b'{"seconds":{},"calls":{"%s":[%d,[["600",%d,0]],"routes","antenne"]}}' % (CALL.encode(), T, T - 9)
        memory = msgspec.json.decode(saved, type=CallHistory)
        assert Log(memory).events(line("ABANDON", 1, 1, 9))[0].data.visit == 1


def test_agent_has_one_pseudonym_in_all_events() -> None:
    events = Log().events(
        ENTER, line("CONNECT", 1, "x", 1, agent="PJSIP/31"), line("PAUSE", call="NONE", agent="PJSIP/31")
    )
    answered, started, paused = events[1:]
    assert started.subject == paused.subject == f"agent:asterisk/essai:{answered.data.agent}"
    assert started.data.change is AgentChange.CONTACT_STARTED
