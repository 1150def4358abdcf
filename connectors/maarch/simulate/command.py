"""Command `accueil simulate maarch`."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from connectors.maarch.simulate.maarch import SimulatedMaarch
from connectors.maarch.simulate.scenarios import CLASS_FIELD, COST_FIELD, ENTITIES, LetterSimulation
from connectors.maarch.simulate.server import LOGIN, PASSWORD, MaarchRestApi
from connectors.sdk.i18n import say
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

STEP_SECONDS: Final = 1.0
CLASSES: Final = {
    "Lettre verte": "lettre_verte",
    "Recommandé": "lettre_recommandee",
    "Recommandé avec avis": "lettre_recommandee_avec_avis",
}


@click.command(
    "maarch",
    help=say(
        "Serve the letters of a simulated Maarch, and print the configuration that reads them.",
        "Sert les courriers d'un Maarch simulé, et affiche la configuration qui les lit.",
    ),
)
@port_option(8485)
@seed_option("The same seed gives the same letters.", "La même graine donne les mêmes courriers.")
@days_option("Age of the first letters, in days.", "Âge des premiers courriers, en jours.")
@rate_option("Letters per hour, on average.", "Courriers par heure, en moyenne.")
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
