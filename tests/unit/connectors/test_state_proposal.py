"""Proposed mappings of requests with states: the time of a state, the procedure, and names of states and reasons."""

from typing import Any

import pytest

from connectors.sdk.mapping.column_roles import find_roles, guess_channel
from connectors.sdk.mapping.proposal import propose
from connectors.sdk.mapping.sample_columns import describe_column
from connectors.sdk.mapping.state_proposal import place_state
from models.topics import Channel
from tests.unit.connectors.test_mapping_proposal import read, rows, try_events

STATES = (
    ("D-1", "2026-02-14", "reçue", "2026-02-14"),
    ("D-1", "2026-02-14", "incomplète", "2026-03-02"),
    ("D-1", "2026-02-14", "complétée", "2026-03-12"),
    ("D-1", "2026-02-14", "accordée", "2026-04-02"),
    ("D-2", "2026-02-15", "reçue", "2026-02-15"),
    ("D-2", "2026-02-15", "en cours ??", "2026-03-15"),
)
AIDS = ("AEB", "AEB", "AEB", "AEB", "FSL", "FSL")


def requests(submitted: str, changed: str, kind: str = "type_aide") -> list[dict[str, Any]]:
    """Return records of requests with their states; the names of three columns are given."""
    names = ("numero", submitted, "etat", changed)
    return [{**dict(zip(names, row, strict=True)), kind: aid} for row, aid in zip(STATES, AIDS, strict=True)]


@pytest.mark.parametrize("changed", ["date_etat", "statut_le", "modifie_le", "jour"])
def test_the_time_of_a_state_differs_between_the_records_of_a_contact(changed: str) -> None:
    records = requests("depose_le", changed)
    for given in (records, [dict(sorted(record.items(), reverse=True)) for record in records]):
        proposed = read(propose(given, "http", Channel.FORM))
        assert (proposed["changed_at"], proposed["events"][0]["time"]) == (changed, "depose_le")
        assert try_events(proposed, given) == [
            ["form.submitted"],
            ["form.correction_requested"],
            ["form.corrected"],
            ["form.decided"],
            ["form.submitted"],
            [],  # rejected until a person places its state
        ]


def test_a_time_with_a_name_of_changes_that_never_differs_is_not_that_of_the_state() -> None:
    records = [{**record, "maj_le": "2026-05-01"} for record in requests("depose_le", "jour")]
    assert read(propose(records, "http", Channel.FORM))["changed_at"] == "jour"


def test_the_only_time_of_a_table_without_states_begins_its_contacts() -> None:
    columns = [
        describe_column(name, rows("N°;Date état", "1;2026-02-14", "2;2026-02-15")) for name in ("N°", "Date état")
    ]
    roles = find_roles(columns, Channel.MAIL)
    assert (roles["begins"].name, "changed_at" in roles) == ("Date état", False)


@pytest.mark.parametrize("kind", ["type_aide", "Type d'aide", "Prestation", "Aide demandée", "Service demandé", "type"])
def test_the_kind_of_aid_is_the_procedure_of_a_request(kind: str) -> None:
    records = [{**record, "montant_aide": "100"} for record in requests("depose_le", "date_etat", kind)]
    proposed = read(propose(records, "http", Channel.FORM))
    assert (proposed["procedure"], proposed["values"]["procedure"]) == (kind, {"AEB": "aeb", "FSL": "fsl"})


def test_kinds_of_aid_are_a_sign_of_requests() -> None:
    records = requests("depose_le", "date_etat")
    assert guess_channel([describe_column(name, records) for name in records[0]]) is Channel.FORM


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("complétée", "corrected"),
        ("Dossier complété", "corrected"),
        ("COMPLÉTÉ", "corrected"),
        ("Complet", "taken_up"),
        ("complete", "taken_up"),
        ("Incomplète", "correction"),
        ("à compléter", None),
        ("en cours ??", None),
    ],
)
def test_completed_requests_are_corrected_and_doubtful_states_unknown(value: str, name: str | None) -> None:
    state = place_state(value, Channel.FORM)
    assert (state.name if state else None) == name


def test_names_of_reasons_are_a_table_to_be_uncommented() -> None:
    records = rows("N°;Reçu le;Motif", "1;2026-11-16;Demande d'APA", "2;2026-11-17;RSA", "3;2026-11-18;RSA")
    text = propose(records, "table", Channel.MAIL)
    assert "# the names on the right must be in [contact_reasons] of accueil.toml\n# [values.contact_reason]\n" in text
    lines = [
        line.removeprefix("# ") for line in text.split("# [values.contact_reason]\n")[1].split("\n\n")[0].splitlines()
    ]
    assert [line.partition("  # ")[0] for line in lines] == ['"RSA" = "rsa"', '"Demande d\'APA" = "demande-d-apa"']
