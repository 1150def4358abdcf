"""Command `accueil simulate maarch`."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from connectors.maarch.simulate.maarch import SimulatedMaarch
from connectors.maarch.simulate.scenarios import CLASS_FIELD, COST_FIELD, ENTITIES, LetterSimulation
from connectors.maarch.simulate.server import LOGIN, PASSWORD, MaarchRestApi
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import (
    click_port_errors,
    days_option,
    port_option,
    print_settings,
    rate_option,
    seed_option,
)
from connectors.sdk.simulation.http_app import serving
from models.locale import _

STEP_SECONDS: Final = 1.0
CLASSES: Final = {
    "Lettre verte": "lettre_verte",
    "Recommandé": "lettre_recommandee",
    "Recommandé avec avis": "lettre_recommandee_avec_avis",
}


@click.command(
    "maarch",
    help=_("Serve the letters of a simulated Maarch, and print the configuration that reads them."),
)
@port_option(8485)
@seed_option(_("The same seed gives the same letters."))
@days_option(_("Age of the first letters, in days."))
@rate_option(_("Letters per hour, on average."))
def command(*, port: int, seed: int, days: int, rate: float) -> None:
    """Serve letters until stopped."""
    stop = install_stop_handler()
    maarch = SimulatedMaarch()
    simulation = LetterSimulation(maarch, seed, datetime.now(UTC) - timedelta(days=days), rate)
    simulation.advance(datetime.now(UTC))
    with click_port_errors(port), serving(MaarchRestApi(maarch.database).app(), port) as address:
        print_settings("maarch", configuration(address))
        while not stop.wait(STEP_SECONDS):
            simulation.advance(datetime.now(UTC))


def configuration(address: str) -> dict[str, Any]:
    """Return the options of a connector that reads the server at `address`."""
    return {
        "url": address,
        "login": LOGIN,
        "password": PASSWORD,
        "postage": {"class_field": CLASS_FIELD, "cost_field": COST_FIELD, "classes": CLASSES},
        "entities": {entity: {"service": service} for entity, service in ENTITIES.items()},
    }
