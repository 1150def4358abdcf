"""Command `accueil simulate jdma`."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from connectors.jdma.simulate.opinions import BUTTONS, FORMS, Opinion, opinions
from connectors.jdma.simulate.server import TOKEN, JdmaServer, served
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import (
    click_port_errors,
    days_option,
    port_option,
    print_settings,
    rate_option,
    seed_option,
)
from models.locale import _

STEP_SECONDS: Final = 0.5
BUTTON_SITES: Final = {921: "cdas-nord", 922: "cdas-sud"}


@click.command(
    "jdma",
    help=_("Serve invented opinions, and print the configuration that reads them."),
)
@port_option(8486)
@seed_option(_("The same seed gives the same opinions."))
@days_option(_("Age of the first opinions, in days."))
@rate_option(_("Opinions per hour, on average."))
def command(*, port: int, seed: int, days: int, rate: float) -> None:
    """Serve opinions until stopped."""
    stop = install_stop_handler()
    jdma = JdmaServer(*FORMS)
    generated_until = datetime.now(UTC) - timedelta(days=days)
    with click_port_errors(port), served(jdma, port) as url:
        print_settings("jdma", configuration(url))
        while not stop.is_set():
            now = datetime.now(UTC)
            for opinion in opinions(seed, generated_until, now, rate):
                give(jdma, opinion)
            generated_until = now
            stop.wait(STEP_SECONDS)


def give(jdma: JdmaServer, opinion: Opinion) -> None:
    """Give an opinion, with its later change if it has one."""
    number = jdma.give_opinion(opinion.form, opinion.button, opinion.at, opinion.satisfaction, opinion.verbatim)
    if opinion.changed_at:
        jdma.change_opinion(number, opinion.changed_at, opinion.changed_to)


def configuration(url: str) -> dict[str, Any]:
    """Return the options of a connector that reads the server at `url`, without a publication delay."""
    forms: dict[str, Any] = {}
    for form, label in FORMS.items():
        sites = {str(button): {"site": BUTTON_SITES[button]} for button in BUTTONS[form] if button in BUTTON_SITES}
        forms[str(form)] = {"service": label, "buttons": sites}
    return {"url": url, "token": TOKEN, "settle_seconds": 0, "poll_seconds": 5, "forms": forms}
