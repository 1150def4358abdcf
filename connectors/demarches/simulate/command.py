"""`accueil simulate demarches`."""

import signal
import socket
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import click
import uvicorn

from connectors.demarches.simulate.lives import PROCEDURES
from connectors.demarches.simulate.server import PATH, TOKEN, Simulation, create_app
from connectors.sdk.words import say

HOST: Final = "127.0.0.1"


@click.command(
    "demarches",
    help=say(
        "Serve the dossiers of procedures that do not exist, and print the configuration that reads them.",
        "Sert les dossiers de démarches qui n'existent pas, et écrit la configuration qui les lit.",
    ),
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8483,
    show_default=True,
    help=say("Where to listen, on this machine only.", "Où écouter, sur cette machine seulement."),
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help=say("The same seed gives the same dossiers.", "La même graine donne les mêmes dossiers."),
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
    help=say("Dossiers per hour, on average.", "Dossiers par heure, en moyenne."),
)
def command(*, port: int, seed: int, days: int, rate: float) -> None:
    """Serve until stopped."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise click.ClickException(f"{HOST}:{port}: {error.strerror}") from None
    simulation = Simulation(seed, datetime.now(UTC) - timedelta(days=days), rate)
    server = uvicorn.Server(
        uvicorn.Config(create_app(simulation, partial(datetime.now, UTC)), log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    click.echo(configuration(listener.getsockname()[1]))
    stop.wait()
    server.should_exit = True
    thread.join()


def configuration(port: int) -> str:
    """Return what `accueil.toml` needs to read what is served at `port`."""
    procedures = [
        f'[connectors.simulation.procedures.{number}]\nlabel = "{label}"\nservice = "{label}"\n'
        for number, label in PROCEDURES.items()
    ]
    head = f'[connectors.simulation]\nconnector = "demarches"\nurl = "http://{HOST}:{port}{PATH}"\ntoken = "{TOKEN}"\n'
    return "\n".join([head, *procedures])
