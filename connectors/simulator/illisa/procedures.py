"""Procedures of Illisa, and the steps of their cases."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Step(StrEnum):
    """A step of a case, whatever state a procedure names it with."""

    SUBMITTED = "submitted"
    TAKEN_UP = "taken_up"
    CORRECTION_REQUESTED = "correction_requested"
    CORRECTED = "corrected"
    IN_COMMITTEE = "in_committee"
    """No event: the service waits for its own committee."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NO_ACTION = "no_action"


class Procedure(NamedTuple):
    """A procedure with its state table."""

    name: str
    """Name of the procedure and of the service that decides, and of the mapping file."""
    table: str
    person: str
    """Column with the name of the person or body."""
    prefix: str
    """Beginning of the references."""
    states: Mapping[Step, str | int]
    """State of the table by step."""
    weight: float
    """Share of the procedure among all cases, as a weight."""
    is_listed_by_api: bool = False
    """The API lists the cases. The other procedures are read from their tables."""


def _states(*names: str | int) -> Mapping[Step, str | int]:
    return dict(zip(Step, names, strict=True))


PROCEDURES: Final = {
    procedure.name: procedure
    for procedure in (
        Procedure(
            "transport-adapte",
            "transport_demande",
            "beneficiaire",
            "TA",
            _states(
                *("deposee", "en_instruction", "pieces_demandees", "pieces_recues"),
                *("en_commission", "accordee", "refusee", "abandonnee"),
            ),
            40,
        ),
        Procedure(
            "arretes-voirie",
            "voirie_arrete",
            "petitionnaire",
            "AV",
            _states(
                *("recu", "instruction", "a_completer", "complete"),
                *("consultation", "signe", "refuse", "retire"),
            ),
            30,
        ),
        Procedure(
            "subventions-agricoles",
            "agriculture_subvention",
            "exploitant",
            "SA",
            _states(10, 20, 25, 26, 30, 40, 45, 50),
            10,
            is_listed_by_api=True,
        ),
        Procedure(
            "notaires",
            "notaire_echange",
            "etude",
            "EN",
            _states(
                *("recu", "en_cours", "attente_etude", "reponse_etude"),
                *("recherche", "repondu", "rejete", "sans_objet"),
            ),
            25,
            is_listed_by_api=True,
        ),
        Procedure(
            "contrats-territoire",
            "territoire_contrat",
            "collectivite",
            "CT",
            _states("depot", "analyse", "complements", "complements_recus", "vote", "signe", "ajourne", "abandon"),
            2,
        ),
    )
}
