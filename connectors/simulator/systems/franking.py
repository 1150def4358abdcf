"""Franking machine of the mailroom: daily totals of outgoing post in a table, read with the preset `franking-machine`."""

from typing import Any, Final

from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.office_hours import PARIS
from connectors.simulator.organisation import FRANKED, HEADQUARTERS, POSTAGE, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import System
from models.topics import Channel

CLASSES: Final = {
    "lettre_verte": "Lettre verte",
    "economique": "ECOPLI",
    "lettre_recommandee": "Recommandé R1",
    "lettre_recommandee_avec_avis": "Recommandé R1 AR",
}
"""Postage class → name in the report."""
HEADER: Final = "Date;Compte;Tarif;Objets;Montant\n"


class FrankingMachine(System):
    """Franking machine that writes a report per month, with a row per day, account and class."""

    instance = "affranchissement"
    connector = "table"
    channel = Channel.MAIL
    action_kinds = frozenset({ActionKind.POST_FRANKED})

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self._reports = simulation_run.folder(self.instance)

    def options(self) -> dict[str, Any]:
        return {
            "mapping": "franking-machine",
            "files": str(self._reports / "*.csv"),
            "timezone": PARIS.key,
            "time_format": "%d/%m/%Y %H:%M",
            "sector": SECTOR,
            "site": {"value": HEADQUARTERS},
            "values": {"service": {service: service for service in FRANKED}},
        }

    def run(self, action: Action) -> None:
        at, service = action.at.astimezone(PARIS), action.citizen_case.place.service
        euros = f"{action.amount * POSTAGE[action.value][0] / 100:.2f}".replace(".", ",")
        row = f"{at:%d/%m/%Y %H:%M};{service};{CLASSES[action.value]};{action.amount};{euros}\n"
        with (self._reports / f"{at:%Y-%m}.csv").open("a", encoding="utf-8") as report:
            report.write(row if report.tell() else HEADER + row)
