"""The command `accueil simulate asterisk`."""

from datetime import datetime
from pathlib import Path

import click

from connectors.asterisk.simulate.log import simulate_day
from connectors.sdk.simulation.cli_options import click_errors, seed_option
from models.locale import _


@click.command(
    "asterisk",
    help=_("Write the queue_log of a simulated switchboard."),
)
@click.option(
    "--into",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help=_("Path of the queue_log to write."),
)
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help=_("Day to write."),
)
@seed_option(_("The same seed gives the same day."))
@click.option(
    "--calls",
    type=click.IntRange(min=1),
    default=1_500,
    show_default=True,
    help=_("Calls on a usual day."),
)
@click_errors()
def command(*, into: Path, day: datetime, seed: int, calls: int) -> None:
    """Write the lines of a day to the new file `into`, which must not exist yet."""
    into.touch(exist_ok=False)  # never into the log of a real switchboard
    simulate_day(into, day=day.date(), seed=seed, calls=calls)
