"""`accueil simulate rdv`."""

from datetime import UTC, datetime, timedelta
from typing import Final

import click

from connectors.rdv.simulate.scenarios import ORGANISATIONS, AppointmentScenarios
from connectors.rdv.simulate.server import RdvServer, WebhookSender, configuration
from connectors.rdv.simulate.service import RdvService
from connectors.sdk.i18n import say
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import (
    HOST,
    click_port_errors,
    port_option,
    print_settings,
    rate_option,
    seed_option,
)
from connectors.sdk.simulation.http_app import serving

STEP_SECONDS: Final = 1.0
PAST: Final = timedelta(days=14)


@click.command(
    "rdv",
    help=say(
        "Be a RDV Service Public whose appointments do not exist: send its webhooks, serve its API, and print the "
        "configuration that reads both.",
        "Joue un RDV Service Public dont les rendez-vous n'existent pas : envoie ses webhooks, sert son API, et écrit la "
        "configuration qui lit les deux.",
    ),
)
@port_option(8484, "Where the API listens, on this machine only.", "Où l'API écoute, sur cette machine seulement.")
@click.option(
    "--to",
    type=click.IntRange(1, 65_535),
    default=8702,
    show_default=True,
    help=say("Port of this machine that webhooks are sent to.", "Port de cette machine où vont les webhooks."),
)
@seed_option("The same seed draws the same appointments.", "La même graine tire les mêmes rendez-vous.")
@rate_option(
    "New appointments per hour, on average.", "Nouveaux rendez-vous par heure, en moyenne.", default=20, most=200
)
def command(*, port: int, to: int, seed: int, rate: float) -> None:
    """Serve and send until stopped."""
    stop = install_stop_handler()
    service, sender = RdvService(sends_webhooks=False), WebhookSender(f"http://{HOST}:{to}/")
    lives = AppointmentScenarios(service, seed, datetime.now(UTC) - PAST, rate)
    lives.run(datetime.now(UTC))  # what is past is told by the API alone
    service.sends_webhooks = True
    with click_port_errors(port), serving(RdvServer(service, ORGANISATIONS).app, port, date_header=False) as address:
        print_settings("rdv", configuration(address, to, ORGANISATIONS))
        while not stop.wait(STEP_SECONDS):
            lives.run(datetime.now(UTC))
            sender.send_all(service.outbox)
