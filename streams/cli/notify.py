"""`accueil notify`: tells people of promises that are broken, or soon will be."""

import sys

import click

from streams.cli.base import pass_settings, start_logging
from streams.locale.i18n import say
from streams.runtime.errors import EXIT_RESTART, operator_errors
from streams.settings.schema import Settings


@click.group(
    invoke_without_command=True,
    help=say(
        "Tell Alertmanager, webhooks and mailboxes of SLA deadlines.",
        "Signale les échéances à Alertmanager, webhooks et messageries.",
    ),
    epilog=say(
        "Receivers are tables of accueil.toml: [notify.alertmanagers.<name>], [notify.webhooks.<name>], [notify.mails.<name>].",
        "Les destinataires sont des tables d'accueil.toml : [notify.alertmanagers.<nom>], [notify.webhooks.<nom>], "
        "[notify.mails.<nom>].",
    ),
)
@click.pass_context
def group(context: click.Context) -> None:
    """Run until a signal comes, unless a command is given."""
    if context.invoked_subcommand is None:
        context.invoke(run)


@click.command
@pass_settings
def run(settings: Settings) -> None:
    """Read `contact.sla.v1`, and tell."""
    from streams.runtime import process_specs  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        sys.exit(process_specs.notify(settings))


@group.command(
    help=say("Send a test to every receiver.", "Envoie un essai à chaque destinataire."),
)
@pass_settings
def test(settings: Settings) -> None:
    """Say what came of it; exit code 70 if a receiver did not take it."""
    from streams.notify.notifier import send_test_messages  # noqa: PLC0415
    from streams.runtime import process_specs  # noqa: PLC0415

    failed = False
    with operator_errors():
        options = process_specs.notify_options(settings, brokers="")
    for name, trouble in send_test_messages(options):
        failed = failed or bool(trouble)
        click.echo(f"{name}{say(':', ' :')} {trouble or say('taken', 'reçu')}")
    sys.exit(EXIT_RESTART if failed else 0)
