"""`accueil simulate freeswitch`."""

import time
from contextlib import closing

import click

from connectors.freeswitch.simulate.call_simulation import CallSimulation, configuration, tables
from connectors.freeswitch.simulate.callcenter import Callcenter
from connectors.freeswitch.simulate.server import EventSocket
from connectors.sdk.i18n import say
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import (
    click_port_errors,
    port_option,
    print_settings,
    rate_option,
    seed_option,
)


@click.command(
    "freeswitch",
    help=say(
        "Let citizens who do not exist call a FreeSWITCH that does not, and print the configuration that reads its event socket.",
        "Fait appeler des usagers qui n'existent pas un FreeSWITCH qui n'existe pas, et écrit la configuration qui lit son event "
        "socket.",
    ),
)
@port_option(8487)
@seed_option("The same seed gives the same calls.", "La même graine donne les mêmes appels.")
@rate_option("Calls per hour, on average.", "Appels par heure, en moyenne.", default=200, most=3_600)
def command(*, port: int, seed: int, rate: float) -> None:
    """Serve until stopped."""
    stop = install_stop_handler()
    with click_port_errors(port), closing(EventSocket(tables(), time.time, port=port)) as event_socket:
        print_settings("freeswitch", configuration(event_socket.port))
        day = CallSimulation(Callcenter(event_socket.happen, seed), seed=seed, calls_per_hour=rate, begin=time.time())
        while not stop.wait(max(0.0, day.next_at - time.time())):
            day.step()
