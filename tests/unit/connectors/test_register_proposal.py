"""Proposed mappings of registers of letters with a column such as `Sens`: arrived or sent."""

from collections.abc import Mapping
from typing import Any

from connectors.sdk.mapping.proposal import propose
from tests.unit.connectors.test_mapping_proposal import read, rows, try_events

NAMES = "N°;Arrivé le;Expéditeur;Sens"


def propose_register(*lines: str) -> tuple[Mapping[str, Any], list[list[str]]]:
    """Return the proposed mapping for rows of a register, and the event types that it gives for each."""
    records = rows(NAMES, *lines)
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
