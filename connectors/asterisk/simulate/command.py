"""The command `accueil simulate asterisk`."""

from datetime import datetime
from pathlib import Path

import click

from connectors.asterisk.simulate.log import simulate_day
from connectors.sdk.i18n import say
from connectors.sdk.simulation.cli_options import click_errors, seed_option


@click.command(
    "asterisk",
    help=say(
        "Write the queue_log of a simulated switchboard.",
        "Écrit le queue_log d'un standard simulé.",
    ),
)
@click.option(
    "--into",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help=say("Path of the queue_log to write.", "Chemin du queue_log à écrire."),
)
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help=say("Day to write.", "Journée à écrire."),
)
@seed_option("The same seed gives the same day.", "La même graine donne la même journée.")
@click.option(
    "--calls",
    type=click.IntRange(min=1),
    default=1_500,
    show_default=True,
    help=say("Calls on a usual day.", "Appels d'une journée ordinaire."),
)
@click_errors()
def command(*, into: Path, day: datetime, seed: int, calls: int) -> None:
    """Write the lines of a day, as Asterisk would."""
    into.touch(exist_ok=False)  # never into the log of a real switchboard
    simulate_day(into, day=day.date(), seed=seed, calls=calls)
