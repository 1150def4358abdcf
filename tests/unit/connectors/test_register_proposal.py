"""Proposed mappings of registers of letters with a column such as `Sens`: arrived or sent."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.proposal import propose
from models.topics import Channel
from tests.unit.connectors.test_mapping_proposal import read, rows, times_of, try_events

NAMES = "N°;Arrivé le;Expéditeur;Sens"


def propose_register(*lines: str, names: str = NAMES) -> tuple[Mapping[str, Any], list[list[str]]]:
    """Return the proposed mapping for rows of a register, and the event types that it gives for each."""
    records = rows(names, *lines)
    proposed = read(propose(records, "table"))
    return proposed, try_events(proposed, records)


def test_a_direction_without_values_has_no_event() -> None:
    proposed, found = propose_register("1;05/01/2026;Mme Exemple;Arrivée", "2;06/01/2026;M. Exemple;Arrivée")
    assert [event["event"] for event in proposed["events"]] == ["letter.arrived"]
    assert found == [["letter.arrived"], ["letter.arrived"]]
    proposed, found = propose_register("1;05/01/2026;Mme Exemple;Départ", "2;06/01/2026;M. Exemple;Départ")
    assert [event["event"] for event in proposed["events"]] == ["letter.sent"]
    assert found == [["letter.sent"], ["letter.sent"]]


def test_numbers_of_one_series_that_restart_every_year_have_the_year_in_the_id() -> None:
    proposed, found = propose_register(
        "1;05/01/2025;Mme Exemple;Arrivée",
        "2;06/01/2025;Mme Exemple;Départ",
        "1;05/01/2026;M. Exemple;Départ",
        "2;06/01/2026;M. Exemple;Arrivée",
    )
    assert (proposed["id"], proposed["yearly_ids"]) == ("N°", True)
    assert found == [["letter.arrived"], ["letter.sent"], ["letter.sent"], ["letter.arrived"]]


def test_numbers_of_two_series_that_restart_every_year_have_year_and_direction_in_the_id() -> None:
    proposed, found = propose_register(
        "1;05/01/2025;Mme Exemple;Arrivée",
        "1;06/01/2025;Mme Exemple;Départ",
        "1;05/01/2026;M. Exemple;Départ",
        "1;06/01/2026;M. Exemple;Arrivée",
        "2;06/01/2026;M. Exemple;Arrivée",
    )
    assert (proposed["id"], proposed["yearly_ids"]) == (["Sens", "N°"], True)
    assert found == [["letter.arrived"], ["letter.sent"], ["letter.sent"], ["letter.arrived"], ["letter.arrived"]]


def test_dates_of_treatment_are_recognised() -> None:
    proposed, found = propose_register(
        "1;05/01/2026;06/01/2026;07/01/2026;20/01/2026",
        "2;06/01/2026;;;",
        names="N° enreg.;Date arrivée;Date transmission;AR envoyé le;Date réponse",
    )
    assert times_of(proposed)["letter.acknowledged"] == "AR envoyé le"
    assert found == [
        ["letter.arrived", "letter.assigned", "letter.acknowledged", "letter.answered"],
        ["letter.arrived"],
    ]


def test_dates_of_treatment_belong_to_the_letters_that_arrived() -> None:
    _proposed, found = propose_register(
        "1;05/01/2026;06/01/2026;07/01/2026;Arrivée",
        "2;06/01/2026;;;Départ",
        names="N°;Arrivé le;Transmis au service le;Accusé de réception le;Sens",
    )
    assert found == [["letter.arrived", "letter.assigned", "letter.acknowledged"], ["letter.sent"]]


@pytest.mark.parametrize(("day", "time_format"), [("20/01/2026", "%d/%m/%Y"), (date(2026, 1, 20), "iso")])
def test_a_bad_cell_does_not_choose_the_format(day: Any, time_format: str) -> None:
    cells = [*[day] * 8, "12/01/26", "en cours", ""]
    records = [
        {"N° enreg.": str(number), "Date arrivée": date(2026, 1, 5), "Date réponse": cell}
        for number, cell in enumerate(cells, 1)
    ]
    text = propose(records, "table", Channel.MAIL)
    assert "which give no event: 1\n" in text
    proposed = read(text)
    mapping = MappingOptions.model_validate(proposed)
    answered = mapping.events[-1]
    assert (answered.event, (answered.time.format if answered.time else None) or mapping.time_format) == (
        "letter.answered",
        time_format,
    )
    answers = ["letter.arrived", "letter.answered"]
    assert try_events(proposed, records) == [*[answers] * 8, [], ["letter.arrived"], ["letter.arrived"]]
