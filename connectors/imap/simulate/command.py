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
from connectors.sdk.i18n import say
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import (
    INSTANCE,
    days_option,
    print_settings,
    rate_option,
    seed_option,
)


@click.command(
    "imap",
    help=say(
        "Fill a dedicated mailbox with invented mail, and print the configuration that reads it.",
        "Remplit une boîte réservée à cet usage de courriels fictifs, et affiche la configuration qui la lit.",
    ),
)
@click.option("--host", required=True, help=say("Host name of the IMAP server.", "Nom du serveur IMAP."))
@click.option("--port", type=click.IntRange(1, 65_535), help=say("Port of the server.", "Port du serveur."))
@click.option(
    "--tls",
    type=click.Choice(["implicit", "starttls", "none"]),
    default="implicit",
    show_default=True,
    help=say("Encryption of the connection.", "Chiffrement de la connexion."),
)
@click.option(
    "--ca-file",
    type=click.Path(),
    help=say("PEM file of the server's certificate authority.", "Fichier PEM de l'autorité du certificat du serveur."),
)
@click.option("--username", required=True, help=say("User name of the mailbox.", "Nom d'utilisateur de la boîte."))
@click.option(
    "--password-file", required=True, help=say("File with the password.", "Fichier qui contient le mot de passe.")
)
@click.option(
    "--address",
    default="accueil@example.org",
    show_default=True,
    help=say("Address that citizens write to.", "Adresse à laquelle les usagers écrivent."),
)
@seed_option("The same seed gives the same mail.", "La même graine donne le même courrier.")
@days_option("Age of the first mail, in days.", "Âge du premier courriel, en jours.")
@rate_option("Conversations per hour, on average.", "Conversations par heure, en moyenne.")
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
