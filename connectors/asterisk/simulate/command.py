"""`accueil simulate asterisk`."""

import signal
import threading
from datetime import datetime
from pathlib import Path

import click

from connectors.asterisk.simulate.clock import simulate_day, simulate_live
from connectors.sdk.words import say


@click.command("asterisk", short_help="A switchboard's queue_log · le queue_log d'un standard")
@click.option(
    "--into", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The queue_log to append to."
)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Write this whole day at once.")
@click.option("--live", is_flag=True, help="Write as things happen, until stopped.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same day.")
@click.option("--calls", type=int, default=1_500, show_default=True, help="Calls of a usual day.")
@click.option("--rate", type=float, default=300, show_default=True, help="Calls per hour, live.")
@click.option("--speed", type=float, default=1, show_default=True, help="How much faster than life, live.")
@click.option("--catch-up", is_flag=True, help="Live: write first what happened today until now.")
@click.option("--ledger", type=click.Path(dir_okay=False, path_type=Path), help="Where to write what really happened.")
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
    """Write the queue_log of an Asterisk that does not exist."""
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
