"""`accueil simulate asterisk`."""

import signal
import threading
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from connectors.asterisk.simulate.clock import simulate_day, simulate_live
from connectors.sdk.words import say

ABOVE_ZERO: Final = click.FloatRange(min=0, min_open=True)


@click.command(
    "asterisk",
    help=say(
        "Write the queue_log of a switchboard that does not exist.",
        "Écrit le queue_log d'un standard qui n'existe pas.",
    ),
)
@click.option(
    "--into",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help=say("The queue_log to append to.", "Le queue_log à compléter."),
)
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    help=say("Write this whole day at once.", "Écrire cette journée entière d'un coup."),
)
@click.option(
    "--live",
    is_flag=True,
    help=say("Write as things happen, until stopped.", "Écrire au fil de l'eau, jusqu'à l'arrêt."),
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help=say("The same seed gives the same day.", "La même graine donne la même journée."),
)
@click.option(
    "--calls",
    type=click.IntRange(min=1),
    default=1_500,
    show_default=True,
    help=say("Calls of a usual day.", "Appels d'une journée ordinaire."),
)
@click.option(
    "--rate",
    type=ABOVE_ZERO,
    default=300,
    show_default=True,
    help=say("Calls per hour, live.", "Appels par heure, au fil de l'eau."),
)
@click.option(
    "--speed",
    type=ABOVE_ZERO,
    default=1,
    show_default=True,
    help=say("How much faster than life, live.", "Combien de fois plus vite que la réalité, au fil de l'eau."),
)
@click.option(
    "--catch-up",
    is_flag=True,
    help=say(
        "Live: write first what happened today until now.",
        "Au fil de l'eau : écrire d'abord ce qui s'est passé aujourd'hui.",
    ),
)
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    help=say("Where to write what really happened.", "Où écrire ce qui s'est vraiment passé."),
)
def command(
    *,
    into: Path,
    day: datetime | None,
    live: bool,
    seed: int,
    calls: int,
    rate: float,
    speed: float,
    catch_up: bool,
    ledger: Path | None,
) -> None:
    """Write lines as an Asterisk would."""
    if live == (day is not None):
        raise click.UsageError(say("either --day or --live", "soit --day, soit --live"))
    try:
        if day is not None:
            truth = simulate_day(into, day=day.date(), seed=seed, calls=calls)
        else:
            stop = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            truth = simulate_live(into, stop, seed=seed, calls_per_hour=rate, speed=speed, catch_up=catch_up)
        if ledger:
            ledger.write_text(truth.to_json(), encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        folder = Path(error.filename).parent
        raise click.ClickException(
            say(f"{folder} is no folder: create it first", f"{folder} n'est pas un dossier : le créer d'abord")
        ) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or into}: {error.strerror}") from None
