"""`accueil simulate maarch`."""

import signal
import threading
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from connectors.maarch.simulate.lives import CLASS_FIELD, COST_FIELD, ENTITIES, Simulation
from connectors.maarch.simulate.maarch import SimulatedMaarch
from connectors.maarch.simulate.server import HOST, LOGIN, PASSWORD, Rest, serving
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
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8485,
    show_default=True,
    help=say("Where to listen, on this machine only.", "Où écouter, sur cette machine seulement."),
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help=say("The same seed gives the same letters.", "La même graine donne les mêmes courriers."),
)
@click.option(
    "--days",
    type=click.IntRange(0, 365),
    default=14,
    show_default=True,
    help=say("How many days ago the first ones came.", "De combien de jours datent les premiers."),
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, max=500, min_open=True),
    default=6,
    show_default=True,
    help=say("Letters per hour, on average.", "Courriers par heure, en moyenne."),
)
def command(*, port: int, seed: int, days: int, rate: float) -> None:
    """Serve until stopped."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    maarch = SimulatedMaarch()
    simulation = Simulation(maarch, seed, datetime.now(UTC) - timedelta(days=days), rate)
    simulation.advance(datetime.now(UTC))
    try:
        with serving(Rest(maarch.database).app(), port) as address:
            click.echo(configuration(address))
            while not stop.wait(STEP_SECONDS):
                simulation.advance(datetime.now(UTC))
    except OSError as error:
        raise click.ClickException(f"{HOST}:{port}: {error.strerror}") from None


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
