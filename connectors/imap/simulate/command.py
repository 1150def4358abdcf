"""Command `accueil simulate imap`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from connectors.imap.config import ImapConfig
from connectors.imap.session import FAILURES, explain
from connectors.imap.simulate.mailbox import Mailbox
from connectors.imap.simulate.scenarios import Step, steps
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import (
    INSTANCE,
    days_option,
    print_settings,
    rate_option,
    seed_option,
)
from models.locale import _


@click.command(
    "imap",
    help=_("Fill a dedicated mailbox with invented mail, and print the configuration that reads it."),
)
@click.option("--host", required=True, help=_("Host name of the IMAP server."))
@click.option("--port", type=click.IntRange(1, 65_535), help=_("Port of the server."))
@click.option(
    "--tls",
    type=click.Choice(["implicit", "starttls", "none"]),
    default="implicit",
    show_default=True,
    help=_("Encryption of the connection."),
)
@click.option(
    "--ca-file",
    type=click.Path(),
    help=_("PEM file of the server's certificate authority."),
)
@click.option("--username", required=True, help=_("User name of the mailbox."))
@click.option("--password-file", required=True, help=_("File with the password."))
@click.option(
    "--address",
    default="accueil@example.org",
    show_default=True,
    help=_("Address that citizens write to."),
)
@seed_option(_("The same seed gives the same mail."))
@days_option(_("Age of the first mail, in days."))
@rate_option(_("Conversations per hour, on average."))
def command(*, seed: int, days: int, rate: float, address: str, **options: Any) -> None:
    """Write messages until stopped."""
    stop = install_stop_handler()
    settings = {name: value for name, value in options.items() if value is not None} | {
        "addresses": {address: {"queue": "accueil"}}
    }
    try:
        config = parse(ImapConfig, INSTANCE, settings)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    assert isinstance(config, ImapConfig)
    try:
        mailbox = Mailbox(config)
        print_settings("imap", settings)
        for step in steps(seed, datetime.now(UTC) - timedelta(days=days), rate):
            if stop.wait(max(0.0, (step.at - datetime.now(UTC)).total_seconds())):
                break
            write(mailbox, step)
        mailbox.close()
    except FAILURES as error:
        raise click.ClickException(explain(error, config)) from None


def write(mailbox: Mailbox, step: Step) -> None:
    """Write the message of `step` to `mailbox`."""
    thread = [step.reference(number) for number in step.thread]
    getattr(mailbox, step.method)(step.reference(step.number), step.at, step.citizen, thread)
