"""Demarches connector on a simulated server with the documented schema."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, Response

import connectors.demarches as demarches
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.keys import Keys
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import ConnectorHarness
from connectors.sdk.testing.hostile import LARGE_VALUE, VALUES, hostile_json
from models.events import Event
from models.identities import IdentityKind
from models.reasons import Reason
from tests.support.demarches_server import TOKEN, DemarchesServer, serving_dossiers
from tests.support.polled_servers import ServerConformance, unavailable

PROCEDURE = 48210
OTHER = 48211
BEGIN = datetime(2026, 3, 16, 8, tzinfo=UTC)
PERSONAL = ("Mireille", "Exemple", "mireille.exemple@example.org", "jean.modele@example.org", "06 39 98 55 11")
AGENT = "agent.fictif@example.org"


def at(minute: float) -> str:
    return (BEGIN + timedelta(minutes=minute)).isoformat()


def dossier(number: int, minute: float, *steps: str, corrections: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a dossier with all its fields, also those never requested; its steps are a minute apart and end at `minute`."""
    begin = minute - len(steps)
    return {
        "id": f"Dossier-{number}",
        "number": number,
        "state": "en_instruction",
        "archived": False,
        "dateDepot": at(begin),
        "dateDerniereModification": at(minute),
        "deposeParUnTiers": False,
        "motivation": f"{PERSONAL[0]} {PERSONAL[1]} habite ici",
        "usager": {"id": "u", "email": PERSONAL[2]},
        "demandeur": {"__typename": "PersonnePhysique", "id": "d", "nom": PERSONAL[1], "prenom": PERSONAL[0]},
        "traitements": [
            {
                "id": f"Traitement-{number}-{index}",
                "event": step,
                "dateTraitement": at(begin + index),
                "emailAgentTraitant": AGENT,
                "motivation": PERSONAL[4],
            }
            for index, step in enumerate(steps)
        ],
        "messages": [
            {
                "id": f"Message-{number}-{index}",
                "email": AGENT,
                "body": f"{PERSONAL[0]}, rappelez le {PERSONAL[4]}",
                "createdAt": at(begin + 0.5 + index),
                "correction": None if index == corrections else {"reason": "incorrect", "dateResolution": at(minute)},
            }
            for index in range(corrections + 1)
        ],
        **fields,
    }


def deleted(number: int, minute: float) -> dict[str, Any]:
    fields = {"id": f"DeletedDossier-{number}", "reason": "user_request", "state": "en_construction"}
    return fields | {"number": number, "dateSupression": at(minute)}


DOSSIERS = [
    dossier(1, 10, "depose"),
    dossier(2, 20, "depose", "passe_en_instruction", "accepte"),
    dossier(3, 30, "depose", "passe_en_instruction", "repasse_en_construction", corrections=1),
    dossier(4, 40, "depose", "un_evenement_de_demain", "classe_sans_suite"),
    dossier(5, 40, "depose", "depose_correction_usager", "refuse_automatiquement"),
    dossier(
        6,
        50,
        "depose",
        deposeParUnTiers=True,
        demandeur={"__typename": "PersonnePhysique", "id": "d", "nom": "x", "prenom": "y", "email": PERSONAL[3]},
    ),
    dossier(7, 51, "depose", demandeur={"__typename": "PersonneMorale", "id": "m", "siret": "00000000000000"}),
    dossier(8, 52, "depose", traitements=[{"id": "Traitement-8", "event": "depose", "dateTraitement": PERSONAL[4]}]),
    *(dossier(number, 60, "depose", "passe_en_instruction") for number in range(9, 40)),
]
DELETED = {"deletedDossiers": [deleted(1, 70), deleted(2, 71)]}


def options(server: DemarchesServer, **changes: Any) -> dict[str, Any]:
    procedures = {str(PROCEDURE): {"label": "transport-adapte", "service": "transports"}}
    return {"url": server.url, "token": TOKEN, "page_size": 7, "procedures": procedures, "poll_seconds": 3600} | changes


class TestConformance(ServerConformance):
    connector = demarches.CONNECTOR
    readme = Path(demarches.__file__).with_name("README.md")
    personal = (*PERSONAL, AGENT)

    def serve(self, directory: Path) -> AbstractContextManager[DemarchesServer]:
        return serving_dossiers()

    def options(self, directory: Path) -> dict[str, Any]:
        return options(self.server(directory))

    def supply(self, directory: Path, part: int, parts: int) -> None:
        size = -(-len(DOSSIERS) // parts)
        server = self.server(directory)
        server.refusal = None
        content = {"dossiers": DOSSIERS[: (part + 1) * size]} | (DELETED if part == parts - 1 else {})
        server.lists[PROCEDURE] = content
        (directory / "dossiers.json").write_text(json.dumps(content, ensure_ascii=False))

    def supply_hostile(self, directory: Path) -> None:
        nodes = [
            LARGE_VALUE,
            *VALUES.values(),
            *hostile_json(dossier(900, 45, "depose")),
            *hostile_json(deleted(901, 45)),
        ]
        page = b'{"data":{"demarche":{"page":{"pageInfo":{"hasNextPage":false},"nodes":['
        self.server(directory).refusal = Response(page + b",".join(nodes) + b"]}}}}")


@pytest.fixture
def server() -> Iterator[DemarchesServer]:
    with serving_dossiers() as started:
        yield started


def set_dossiers(server: DemarchesServer, *dossiers: dict[str, Any], procedure: int = PROCEDURE, **lists: Any) -> None:
    """Replace the dossiers of `procedure` on the server."""
    server.lists[procedure] = {"dossiers": dossiers, **lists}


def harness(server: DemarchesServer, tmp_path: Path, **changes: Any) -> ConnectorHarness:
    return ConnectorHarness(demarches.CONNECTOR, options(server, **changes), tmp_path / "data", tmp_path / "keys")


def event_types(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.subject.rpartition(":")[2], event.type) for event in events]


def test_dossier_is_erased_when_purged_and_not_while_in_the_bin(server: DemarchesServer, tmp_path: Path) -> None:
    hidden = deleted(5, 50)
    connector = harness(server, tmp_path)
    set_dossiers(server, dossier(5, 40, "depose"), dossier(6, 40, "depose"))
    assert len(connector.read_all(confirm=True)) == 2
    set_dossiers(server, pendingDeletedDossiers=[hidden, deleted(6, 50)])
    assert connector.read_all(confirm=True) == []
    restored = dossier(6, 60, "depose", "passe_en_instruction")
    other = deleted(7, 20 * 24 * 60)
    set_dossiers(server, restored, deletedDossiers=[other])
    assert event_types(connector.read_all(confirm=True))[-2:] == [("6", "form.taken_up"), ("7", "personal_data.erased")]
    set_dossiers(server, restored, deletedDossiers=[other, hidden])  # purged after two weeks, with the time of hiding
    assert event_types(connector.read_all(confirm=True)) == [("5", "personal_data.erased")]
    assert connector.read_all(confirm=True) == []


def test_steps_and_corrections_become_events(server: DemarchesServer, tmp_path: Path) -> None:
    set_dossiers(
        server,
        dossier(3, 30, "depose", "passe_en_instruction", "repasse_en_construction", corrections=1),
        dossier(5, 40, "depose", "passe_en_instruction_automatiquement", "refuse_automatiquement"),
        deletedDossiers=[deleted(5, 50)],
    )
    events = harness(server, tmp_path).read_all(confirm=True)
    assert event_types(events) == [
        ("3", "form.submitted"),
        ("3", "form.taken_up"),
        ("3", "form.correction_requested"),
        ("3", "form.corrected"),
        ("5", "form.submitted"),
        ("5", "form.taken_up"),
        ("5", "form.decided"),
        ("5", "personal_data.erased"),
    ]
    assert [event.time for event in events[:4]] == [BEGIN + timedelta(minutes=m) for m in (27, 28, 27.5, 30)]
    assert {event.service for event in events} == {"transports"}
    assert events[0].model_dump()["data"] == {"procedure": "transport-adapte"}
    assert events[6].model_dump()["data"] == {"decision": "rejected"}
    assert events[7].identities == ""


def test_identities_are_those_of_the_applicant(server: DemarchesServer, tmp_path: Path) -> None:
    set_dossiers(server, *DOSSIERS[4:6])
    connector = harness(server, tmp_path)
    own, for_another = (
        event.identities for event in connector.read_all(confirm=True) if event.type == "form.submitted"
    )
    key = Keys(tmp_path / "keys", connector.directory).pseudonym_key("general")
    assert own == f"{key.pseudonym(IdentityKind.DOSSIER, '5')} {key.pseudonym(IdentityKind.EMAIL, PERSONAL[2])}"
    assert for_another == f"{key.pseudonym(IdentityKind.DOSSIER, '6')} {key.pseudonym(IdentityKind.EMAIL, PERSONAL[3])}"


def test_invalid_steps_are_rejected_alone(server: DemarchesServer, tmp_path: Path) -> None:
    set_dossiers(server, DOSSIERS[3], DOSSIERS[7])
    connector = harness(server, tmp_path)
    assert event_types(connector.read_all(confirm=True)) == [("4", "form.submitted"), ("4", "form.decided")]
    rejects = [entry.reject for entry in read_rejects(connector.directory)]
    assert [reject.reason for reject in rejects] == [Reason.UNKNOWN_RECORD, Reason.UNREADABLE_LINE]
    assert PERSONAL[4] not in rejects[1].detail


def test_each_procedure_has_its_service_and_sector(server: DemarchesServer, tmp_path: Path) -> None:
    set_dossiers(server, dossier(1, 10, "depose"))
    set_dossiers(server, dossier(2, 5, "depose"), procedure=OTHER)
    procedures = {
        PROCEDURE: {"service": "transports"},
        OTHER: {"service": "voirie", "sector": "routes", "site": "nord"},
    }
    events = harness(server, tmp_path, procedures=procedures, site="siege").read_all(confirm=True)
    routings = [(event.service, event.site, event.sector) for event in events]
    assert routings == [("transports", "siege", "general"), ("voirie", "nord", "routes")]
    assert events[1].model_dump()["data"] == {"procedure": str(OTHER)}


def test_refused_procedure_does_not_block_others(server: DemarchesServer, tmp_path: Path) -> None:
    set_dossiers(server, dossier(1, 10, "depose"))
    connector = harness(server, tmp_path, procedures={OTHER: {}, PROCEDURE: {}})
    with connector.opened() as (flow, publisher):
        flow.step()
        assert event_types(publisher.events) == [("1", "form.submitted")]
        with pytest.raises(SourceUnavailableError, match=f"procedure {OTHER} does not exist"):
            flow.step()


def test_probe_reports_a_refused_procedure(server: DemarchesServer, tmp_path: Path) -> None:
    set_dossiers(server, dossier(1, 10, "depose"))
    assert harness(server, tmp_path).probe().events == {"form.submitted": 1}
    with pytest.raises(SourceRefusedError, match=f"procedure {OTHER} does not exist"):
        harness(server, tmp_path, procedures={PROCEDURE: {}, OTHER: {}}).probe()
    with pytest.raises(SourceRefusedError, match="refuses the token"):
        harness(server, tmp_path, token="un-autre-jeton").probe()


@pytest.mark.parametrize("page_size", [1, 3, 100])
def test_changes_in_the_same_second_are_not_missed(server: DemarchesServer, tmp_path: Path, page_size: int) -> None:
    """One change of the same second appears after the last page."""
    same_second = [dossier(number, 10, "depose") for number in range(1, 13)]
    set_dossiers(server, *same_second[:10])
    connector = harness(server, tmp_path, page_size=page_size)
    events = connector.read_all(confirm=True)
    set_dossiers(server, *same_second)
    events += connector.read_all(confirm=True)
    assert event_types(events) == [(str(number), "form.submitted") for number in range(1, 13)]


def test_late_visible_change_is_not_missed(server: DemarchesServer, tmp_path: Path) -> None:
    set_dossiers(server, dossier(2, 14, "depose"))
    connector = harness(server, tmp_path)
    connector.read_all(confirm=True)
    set_dossiers(server, dossier(2, 14, "depose"), dossier(1, 10, "depose"))
    assert event_types(connector.read_all(confirm=True)) == [("1", "form.submitted")]


def test_changes_during_paging_are_published(server: DemarchesServer, tmp_path: Path) -> None:
    before = [dossier(number, number, "depose") for number in range(1, 10)]
    after = [*before[1:], dossier(1, 20, "depose", "passe_en_instruction"), dossier(10, 21, "depose")]
    set_dossiers(server, *before)
    server.before_answer = lambda query: set_dossiers(server, *after) if query == 1 else None
    events = harness(server, tmp_path, page_size=3).read_all(confirm=True)
    assert set(event_types(events)) == {(str(n), "form.submitted") for n in range(1, 11)} | {("1", "form.taken_up")}


def test_only_changed_dossiers_are_repeated(server: DemarchesServer, tmp_path: Path) -> None:
    set_dossiers(server, dossier(1, 10, "depose"), dossier(2, 11, "depose"))
    connector = harness(server, tmp_path)
    first = connector.read_all(confirm=True)
    set_dossiers(server, dossier(1, 12, "depose", "accepte", dateDepot=at(9)), dossier(2, 11, "depose"))
    again = connector.read_all(confirm=True)
    assert event_types(again) == [("1", "form.submitted"), ("1", "form.decided")]
    assert again[0].id == first[0].id


def test_old_steps_are_not_repeated(server: DemarchesServer, tmp_path: Path) -> None:
    day, old, recent = 24 * 60, dossier(1, 10, "depose", "accepte"), dossier(2, 60 * 24 * 60, "depose")
    set_dossiers(server, old, recent)
    connector = harness(server, tmp_path)
    connector.read_all(confirm=True)
    set_dossiers(server, old | {"archived": True, "dateDerniereModification": at(61 * day)}, recent)
    assert connector.read_all(confirm=True) == []


def test_dossier_from_before_the_start_is_published_completely_on_its_first_change(
    server: DemarchesServer, tmp_path: Path
) -> None:
    day = 24 * 60
    before = dossier(1, 10, "depose")
    set_dossiers(server, before, dossier(2, 60 * day, "depose"))
    connector = harness(server, tmp_path, start=(BEGIN + timedelta(days=1)).date())
    assert event_types(connector.read_all(confirm=True)) == [("2", "form.submitted")]
    taken_up = dossier(1, 61 * day, "depose", "passe_en_instruction")
    taken_up["traitements"][0] = before["traitements"][0]
    set_dossiers(server, taken_up)
    assert event_types(connector.read_all(confirm=True)) == [("1", "form.submitted"), ("1", "form.taken_up")]
    set_dossiers(server, taken_up | {"dateDerniereModification": at(99 * day)}, dossier(2, 100 * day, "depose"))
    assert event_types(connector.read_all(confirm=True)) == [("1", "form.taken_up"), ("2", "form.submitted")]
    set_dossiers(server, taken_up | {"dateDerniereModification": at(150 * day)})
    assert connector.read_all(confirm=True) == []
    decided = dossier(1, 151 * day, "depose", "passe_en_instruction", "accepte")
    decided["traitements"][:2] = taken_up["traitements"]
    set_dossiers(server, decided)
    assert event_types(connector.read_all(confirm=True)) == [("1", "form.decided")]


def test_no_personal_field_is_requested(server: DemarchesServer, tmp_path: Path) -> None:
    set_dossiers(server, *DOSSIERS[:1])
    harness(server, tmp_path).read_all(confirm=True)
    words = {word for query in server.queries for word in query["query"].replace("\n", " ").split()}
    assert {"nom", "prenom", "body", "motivation", "emailAgentTraitant", "champs", "siret"}.isdisjoint(words)
    assert len(server.queries) == 2


def test_schema_error_is_reported_without_its_text(server: DemarchesServer, tmp_path: Path) -> None:
    server.code = "undefinedField"
    error = unavailable(harness(server, tmp_path))
    assert "its response does not match the documentation (undefinedField)" in error
    assert PERSONAL[0] not in error


def test_refused_cursor_restarts_the_poll(
    server: DemarchesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    set_dossiers(server, *(dossier(number, number, "depose") for number in range(1, 10)))
    connector = harness(server, tmp_path, page_size=3)
    with connector.opened() as (flow, publisher):
        flow.step()
        server.refusal = PlainTextResponse("", 500)
        with pytest.raises(SourceUnavailableError, match=r"out of order \(500\)"):
            flow.step()
        server.refusal = None
        for _ in range(3):
            flow.step()
        assert server.queries[2]["variables"]["after"] is None
        assert event_types(publisher.events) == [(str(number), "form.submitted") for number in range(1, 10)]
