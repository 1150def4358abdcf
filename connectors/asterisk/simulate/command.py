"""`accueil simulate asterisk`."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path

import click

from connectors.asterisk.simulate.ami_events import AmiEventWriter
from connectors.asterisk.simulate.ledger import Ledger
from connectors.asterisk.simulate.manager import SECRET, USERNAME, ManagerServer
from connectors.asterisk.simulate.simulation_run import Publish, simulate_day, simulate_live
from connectors.sdk.i18n import say
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import (
    ABOVE_ZERO,
    HOST,
    click_port_errors,
    ledger_option,
    seed_option,
    speed_option,
)


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
    help=say("The queue_log to write.", "Le queue_log à écrire."),
)
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    help=say("Write this whole day at once.", "Écrire cette journée entière d'un coup."),
)
@click.option(
    "--append",
    is_flag=True,
    help=say(
        "Put the day after what the file holds; live, that is always so.",
        "Mettre la journée à la suite du fichier ; au fil de l'eau, c'est toujours le cas.",
    ),
)
@click.option(
    "--live",
    is_flag=True,
    help=say("Write as things happen, until stopped.", "Écrire au fil de l'eau, jusqu'à l'arrêt."),
)
@seed_option("The same seed gives the same day.", "La même graine donne la même journée.")
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
    help=say(
        "Calls of a usual hour, live; how many come follows the hour of the day, and is never less than 0.6 times that.",
        "Appels d'une heure ordinaire, au fil de l'eau ; leur nombre suit l'heure, et ne descend pas sous 0,6 fois cela.",
    ),
)
@speed_option("How much faster than life, live.", "Combien de fois plus vite que la réalité, au fil de l'eau.")
@click.option(
    "--catch-up",
    is_flag=True,
    help=say(
        "Live: write first what happened today until now.",
        "Au fil de l'eau : écrire d'abord ce qui s'est passé aujourd'hui.",
    ),
)
@click.option(
    "--ami-port",
    type=click.IntRange(0, 65_535),
    help=say(
        "Live: tell the same on a manager interface at this port, on this machine only, and print how to read it.",
        "Au fil de l'eau : dire la même chose sur une interface de gestion à ce port, sur cette machine seulement, et "
        "écrire comment la lire.",
    ),
)
@ledger_option()
def command(
    *,
    into: Path,
    day: datetime | None,
    append: bool,
    live: bool,
    seed: int,
    calls: int,
    rate: float,
    speed: float,
    catch_up: bool,
    ami_port: int | None,
    ledger: Path | None,
) -> None:
    """Write lines as an Asterisk would."""
    if live == (day is not None):
        raise click.UsageError(say("either --day or --live", "soit --day, soit --live"))
    if day is not None and ami_port is not None:
        raise click.UsageError(say("--ami-port needs --live", "--ami-port demande --live"))
    try:
        if day is not None:
            truth = _write_day(into, day.date(), seed, calls, append=append)
        else:
            click.echo(say(f"writing to {into}, until stopped", f"écrit dans {into}, jusqu'à l'arrêt"))
            stop = install_stop_handler()
            with _serving(ami_port) as publish:
                truth = simulate_live(
                    into, stop, seed=seed, calls_per_hour=rate, speed=speed, catch_up=catch_up, publish=publish
                )
        if ledger:
            ledger.write_text(truth.to_json(), encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        folder = Path(error.filename).parent
        raise click.ClickException(
            say(f"{folder} is no folder: create it first", f"{folder} n'est pas un dossier : le créer d'abord")
        ) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or into}: {error.strerror}") from None


@contextmanager
def _serving(port: int | None) -> Iterator[Publish | None]:
    """Have a manager interface, if it is wanted."""
    if port is None:
        yield None
        return
    with click_port_errors(port):
        manager = ManagerServer(AmiEventWriter(clock=time.time), port=port)
    with closing(manager):
        click.echo(f'ami = {{ host = "{HOST}", port = {manager.port}, username = "{USERNAME}", secret = "{SECRET}" }}')
        yield manager.publish


def _write_day(into: Path, day: date, seed: int, calls: int, *, append: bool) -> Ledger:
    held = into.stat().st_size if into.exists() else 0
    if held and not append:
        raise click.ClickException(
            say(
                f"{into} is not empty: --append puts the day after what it holds",
                f"{into} n'est pas vide : --append met la journée à la suite",
            )
        )
    truth = simulate_day(into, day=day, seed=seed, calls=calls)
    with into.open("rb") as log:
        log.seek(held)
        lines = sum(1 for _ in log)
    click.echo(say(f"{lines} lines written to {into}", f"{lines} lignes écrites dans {into}"))
    return truth
