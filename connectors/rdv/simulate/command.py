"""Command `accueil simulate rdv`."""

from datetime import UTC, datetime, timedelta
from typing import Final

import click

from connectors.rdv.simulate.scenarios import ORGANISATIONS, AppointmentScenarios
from connectors.rdv.simulate.server import RdvServer, WebhookSender, configuration
from connectors.rdv.simulate.service import RdvService
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
from models.locale import _

STEP_SECONDS: Final = 1.0
PAST: Final = timedelta(days=14)


@click.command(
    "rdv",
    help=_(
        "Simulate RDV Service Public with invented appointments: send webhooks, serve the API, and "
        "print the configuration that reads both."
    ),
)
@port_option(8484, _("Port of the API, on this machine only."))
@click.option(
    "--to",
    type=click.IntRange(1, 65_535),
    default=8702,
    show_default=True,
    help=_("Port on this machine that receives the webhooks."),
)
@seed_option(_("The same seed draws the same appointments."))
@rate_option(_("New appointments per hour, on average."), default=20, most=200)
def command(*, port: int, to: int, seed: int, rate: float) -> None:
    """Serve the API and send webhooks until stopped."""
    stop = install_stop_handler()
    service, sender = RdvService(sends_webhooks=False), WebhookSender(f"http://{HOST}:{to}/")
    scenarios = AppointmentScenarios(service, seed, datetime.now(UTC) - PAST, rate)
    scenarios.run(datetime.now(UTC))  # past changes are available only through the API
    service.sends_webhooks = True
    with click_port_errors(port), serving(RdvServer(service, ORGANISATIONS).app, port, date_header=False) as address:
        print_settings("rdv", configuration(address, to, ORGANISATIONS))
        while not stop.wait(STEP_SECONDS):
            scenarios.run(datetime.now(UTC))
            sender.send_all(service.outbox)
