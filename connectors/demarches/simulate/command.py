"""Command `accueil simulate demarches`."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import click

from connectors.demarches.simulate.scenarios import PROCEDURES
from connectors.demarches.simulate.server import PATH, TOKEN, SimulatedDossiers, create_app
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import (
    click_port_errors,
    days_option,
    port_option,
    print_settings,
    rate_option,
    seed_option,
)
from connectors.sdk.simulation.http_app import serving
from models.locale import _


@click.command(
    "demarches",
    help=_("Serve the dossiers of simulated procedures, and print the configuration that reads them."),
)
@port_option(8483)
@seed_option(_("The same seed gives the same dossiers."))
@days_option(_("Age of the first dossiers, in days."))
@rate_option(_("Dossiers per hour, on average."))
def command(*, port: int, seed: int, days: int, rate: float) -> None:
    """Serve dossiers until stopped."""
    stop = install_stop_handler()
    simulation = SimulatedDossiers(seed, datetime.now(UTC) - timedelta(days=days), rate)
    app = create_app(simulation, partial(datetime.now, UTC))
    with click_port_errors(port), serving(app, port) as address:
        print_settings("demarches", configuration(address))
        stop.wait()


def configuration(address: str) -> dict[str, Any]:
    """Return the options of a connector that reads the server at `address`."""
    procedures = {str(number): {"label": label, "service": label} for number, label in PROCEDURES.items()}
    return {"url": f"{address}{PATH}", "token": TOKEN, "procedures": procedures}
