"""The command `accueil simulate asterisk`."""

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
    help=say("Write this whole day immediately.", "Écrire cette journée entière immédiatement."),
)
@click.option(
    "--append",
    is_flag=True,
    help=say(
        "Append the day to the file; --live always appends.",
        "Ajouter la journée à la fin du fichier ; --live le fait toujours.",
    ),
)
@click.option(
    "--live",
    is_flag=True,
    help=say("Write in real time, until stopped.", "Écrire en temps réel, jusqu'à l'arrêt."),
)
@seed_option("The same seed gives the same day.", "La même graine donne la même journée.")
@click.option(
    "--calls",
    type=click.IntRange(min=1),
    default=1_500,
    show_default=True,
    help=say("Calls on a usual day, with --day.", "Appels d'une journée ordinaire, avec --day."),
)
@click.option(
    "--rate",
    type=ABOVE_ZERO,
    default=300,
    show_default=True,
    help=say(
        "Calls in a usual hour, with --live. The volume varies over the day, and is never below 0.6 times this.",
        "Appels d'une heure ordinaire, avec --live. Le volume varie dans la journée, sans descendre sous 0,6 fois ce nombre.",
    ),
)
@speed_option("Speed relative to real time, with --live.", "Vitesse par rapport au temps réel, avec --live.")
@click.option(
    "--catch-up",
    is_flag=True,
    help=say(
        "With --live: first write the day up to now.",
        "Avec --live : écrire d'abord la journée jusqu'à maintenant.",
    ),
)
@click.option(
    "--ami-port",
    type=click.IntRange(0, 65_535),
    help=say(
        "With --live: also serve a manager interface on this port, on this machine only, and print its settings.",
        "Avec --live : servir aussi une interface de gestion sur ce port, sur cette machine seulement, et afficher ses "
        "réglages.",
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
    """Write lines as Asterisk would."""
    if live == (day is not None):
        raise click.UsageError(say("use either --day or --live", "utiliser soit --day, soit --live"))
    if day is not None and ami_port is not None:
        raise click.UsageError(say("--ami-port requires --live", "--ami-port exige --live"))
    try:
        if day is not None:
            totals = _write_day(into, day.date(), seed, calls, append=append)
        else:
            click.echo(say(f"writing to {into}, until stopped", f"écrit dans {into}, jusqu'à l'arrêt"))
            stop = install_stop_handler()
            with _manager_server(ami_port) as publish:
                totals = simulate_live(
                    into, stop, seed=seed, calls_per_hour=rate, speed=speed, catch_up=catch_up, publish=publish
                )
        if ledger:
            ledger.write_text(totals.to_json(), encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        folder = Path(error.filename).parent
        raise click.ClickException(
            say(f"{folder} is not a folder: create it first", f"{folder} n'est pas un dossier : le créer d'abord")
        ) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or into}: {error.strerror}") from None


@contextmanager
def _manager_server(port: int | None) -> Iterator[Publish | None]:
    """Serve a manager interface on `port`, print its settings, and yield its `publish`; yield None without `port`."""
    if port is None:
        yield None
        return
    with click_port_errors(port):
        manager = ManagerServer(AmiEventWriter(clock=time.time), port=port)
    with closing(manager):
        click.echo(f'ami = {{ host = "{HOST}", port = {manager.port}, username = "{USERNAME}", secret = "{SECRET}" }}')
        yield manager.publish


def _write_day(into: Path, day: date, seed: int, calls: int, *, append: bool) -> Ledger:
    size = into.stat().st_size if into.exists() else 0
    if size and not append:
        raise click.ClickException(
            say(
                f"{into} is not empty: use --append to append the day",
                f"{into} n'est pas vide : utiliser --append pour ajouter la journée à la fin",
            )
        )
    totals = simulate_day(into, day=day, seed=seed, calls=calls)
    with into.open("rb") as log:
        log.seek(size)
        lines = sum(1 for _ in log)
    click.echo(say(f"{lines} lines written to {into}", f"{lines} lignes écrites dans {into}"))
    return totals
