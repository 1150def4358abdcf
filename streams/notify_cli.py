"""`accueil notify`: tells people of promises that are broken, or soon will be."""

import sys

import click

from streams.settings import Settings
from streams.terminal import EXIT_RESTART, clear_errors, pass_settings, start_logging
from streams.words import say


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
    from streams import programs  # noqa: PLC0415

    start_logging(settings)
    with clear_errors():
        sys.exit(programs.notify(settings))


@group.command(
    help=say("Send a test to every receiver.", "Envoie un essai à chaque destinataire."),
)
@pass_settings
def test(settings: Settings) -> None:
    """Say what came of it; exit code 70 if a receiver did not take it."""
    from streams import programs  # noqa: PLC0415
    from streams.notify.notifier import try_out  # noqa: PLC0415

    failed = False
    with clear_errors():
        options = programs.notify_options(settings, brokers="")
    for name, trouble in try_out(options):
        failed = failed or bool(trouble)
        click.echo(f"{name}{say(':', ' :')} {trouble or say('taken', 'reçu')}")
    sys.exit(EXIT_RESTART if failed else 0)
