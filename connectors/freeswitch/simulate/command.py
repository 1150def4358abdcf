"""The command `accueil simulate freeswitch`."""

import time
from contextlib import closing

import click
import tomli_w

from connectors.freeswitch.simulate.call_simulation import CallSimulation, configuration, tables
from connectors.freeswitch.simulate.callcenter import Callcenter
from connectors.freeswitch.simulate.server import EventSocket
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation import HOST
from models.locale import _


@click.command(
    "freeswitch",
    help=_("Simulate a FreeSWITCH with callers and agents, and print the settings that read its event socket."),
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8487,
    show_default=True,
    help=_("Port to listen on, on this machine only."),
)
@click.option("--seed", type=int, default=1, show_default=True, help=_("The same seed gives the same calls."))
@click.option(
    "--rate",
    type=click.FloatRange(min=0, max=3_600, min_open=True),
    default=200,
    show_default=True,
    help=_("Calls per hour, on average."),
)
def command(*, port: int, seed: int, rate: float) -> None:
    """Print the connector settings, and simulate in real time until SIGTERM or SIGINT."""
    stop = install_stop_handler()
    try:
        event_socket = EventSocket(tables(), time.time, port=port)
    except OSError as error:
        raise click.ClickException(f"{HOST}:{port}: {error.strerror}") from None
    with closing(event_socket):
        settings = {"connector": "freeswitch", **configuration(event_socket.port)}
        click.echo(tomli_w.dumps({"connectors": {"simulation": settings}}))
        simulation = CallSimulation(Callcenter(event_socket.apply, seed), seed=seed, calls_per_hour=rate)
        simulation.begin(time.time())
        while not stop.wait(max(0.0, simulation.next_at - time.time())):
            simulation.run_until(time.time())
