"""The command `accueil simulate freeswitch`."""

import time
from contextlib import closing

import click

from connectors.freeswitch.simulate.call_simulation import CallSimulation, configuration, tables
from connectors.freeswitch.simulate.callcenter import Callcenter
from connectors.freeswitch.simulate.server import EventSocket
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import (
    click_port_errors,
    port_option,
    print_settings,
    rate_option,
    seed_option,
)
from models.locale import _


@click.command(
    "freeswitch",
    help=_("Simulate a FreeSWITCH with callers and agents, and print the settings that read its event socket."),
)
@port_option(8487)
@seed_option(_("The same seed gives the same calls."))
@rate_option(_("Calls per hour, on average."), default=200, most=3_600)
def command(*, port: int, seed: int, rate: float) -> None:
    """Print the connector settings, and simulate in real time until SIGTERM or SIGINT."""
    stop = install_stop_handler()
    with click_port_errors(port), closing(EventSocket(tables(), time.time, port=port)) as event_socket:
        print_settings("freeswitch", configuration(event_socket.port))
        simulation = CallSimulation(Callcenter(event_socket.apply, seed), seed=seed, calls_per_hour=rate)
        simulation.begin(time.time())
        while not stop.wait(max(0.0, simulation.next_at - time.time())):
            simulation.run_until(time.time())
