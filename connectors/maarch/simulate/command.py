"""`accueil simulate maarch`."""

from datetime import UTC, datetime, timedelta
from typing import Final

import click

from connectors.maarch.simulate.lives import CLASS_FIELD, COST_FIELD, ENTITIES, Simulation
from connectors.maarch.simulate.maarch import SimulatedMaarch
from connectors.maarch.simulate.server import LOGIN, PASSWORD, Rest
from connectors.sdk.simulating import (
    await_stop,
    clear_port_errors,
    days_option,
    port_option,
    rate_option,
    seed_option,
    serving,
)
from connectors.sdk.words import say

STEP_SECONDS: Final = 1.0
CLASSES: Final = {
    "Lettre verte": "lettre_verte",
    "Recommandé": "lettre_recommandee",
    "Recommandé avec avis": "lettre_recommandee_avec_avis",
}


@click.command(
    "maarch",
    help=say(
        "Serve the letters of a Maarch that does not exist, and print the configuration that reads them.",
        "Sert les courriers d'un Maarch qui n'existe pas, et écrit la configuration qui les lit.",
    ),
)
@port_option(8485)
@seed_option("The same seed gives the same letters.", "La même graine donne les mêmes courriers.")
@days_option("How many days ago the first ones came.", "De combien de jours datent les premiers.")
@rate_option("Letters per hour, on average.", "Courriers par heure, en moyenne.")
def command(*, port: int, seed: int, days: int, rate: float) -> None:
    """Serve until stopped."""
    stop = await_stop()
    maarch = SimulatedMaarch()
    simulation = Simulation(maarch, seed, datetime.now(UTC) - timedelta(days=days), rate)
    simulation.advance(datetime.now(UTC))
    with clear_port_errors(port), serving(Rest(maarch.database).app(), port) as address:
        click.echo(configuration(address))
        while not stop.wait(STEP_SECONDS):
            simulation.advance(datetime.now(UTC))


def configuration(address: str) -> str:
    """Return what `accueil.toml` needs to read what is served at `address`."""
    lines = [
        "[connectors.simulation]",
        'connector = "maarch"',
        f'url = "{address}"',
        f'login = "{LOGIN}"',
        f'password = "{PASSWORD}"',
        "",
        "[connectors.simulation.postage]",
        f"class_field = {CLASS_FIELD}",
        f"cost_field = {COST_FIELD}",
        "",
        "[connectors.simulation.postage.classes]",
        *(f'"{name}" = "{word}"' for name, word in CLASSES.items()),
    ]
    for entity, service in ENTITIES.items():
        lines += ["", f"[connectors.simulation.entities.{entity}]", f'service = "{service}"']
    return "\n".join(lines)
