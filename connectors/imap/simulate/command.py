"""`accueil simulate imap`."""

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
        "Fill a real mailbox, made for this, with mail that nobody wrote, and print the configuration that reads it.",
        "Remplit une vraie boîte, créée pour cela, de courriels que nul n'a écrits, et écrit la configuration qui la lit.",
    ),
)
@click.option("--host", required=True, help=say("The server.", "Le serveur."))
@click.option("--port", type=click.IntRange(1, 65_535), help=say("Its port.", "Son port."))
@click.option(
    "--tls",
    type=click.Choice(["implicit", "starttls", "none"]),
    default="implicit",
    show_default=True,
    help=say("How the connection is encrypted.", "Comment la connexion est chiffrée."),
)
@click.option("--ca-file", type=click.Path(), help=say("Its authority.", "Son autorité."))
@click.option("--username", required=True, help=say("Whose mailbox it is.", "À qui est la boîte."))
@click.option(
    "--password-file", required=True, help=say("A file with the password.", "Un fichier avec le mot de passe.")
)
@click.option(
    "--address",
    default="accueil@example.org",
    show_default=True,
    help=say("The address that citizens write to.", "L'adresse à laquelle les usagers écrivent."),
)
@seed_option("The same seed gives the same mail.", "La même graine donne le même courrier.")
@days_option("How many days ago the first mail came.", "De combien de jours date le premier courrier.")
@rate_option("Conversations per hour, on average.", "Conversations par heure, en moyenne.")
def command(*, seed: int, days: int, rate: float, address: str, **options: Any) -> None:
    """Write until stopped."""
    stop = install_stop_handler()
    given = {name: value for name, value in options.items() if value is not None} | {
        "addresses": {address: {"queue": "accueil"}}
    }
    try:
        config = parse(ImapConfig, INSTANCE, given)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    assert isinstance(config, ImapConfig)
    try:
        mailbox = Mailbox(config)
        print_settings("imap", given)
        for step in steps(seed, datetime.now(UTC) - timedelta(days=days), rate):
            if stop.wait(max(0.0, (step.at - datetime.now(UTC)).total_seconds())):
                break
            write(mailbox, step)
        mailbox.close()
    except FAILURES as error:
        raise click.ClickException(explain(error, config)) from None


def write(mailbox: Mailbox, step: Step) -> None:
    """Let `step` happen in `mailbox`."""
    thread = [step.reference(number) for number in step.thread]
    getattr(mailbox, step.method)(step.reference(step.number), step.at, step.citizen, thread)
