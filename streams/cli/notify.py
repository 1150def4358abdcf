"""`accueil notify`: alerts for SLA targets that are breached or at risk."""

import sys

import click

from models.locale import _
from streams.cli.base import pass_settings, start_logging
from streams.settings.exit_codes import EXIT_RESTART
from streams.settings.schema import Settings


@click.group(
    invoke_without_command=True,
    help=_("Send alerts for breached or at-risk SLA targets to Alertmanager, webhooks and mailboxes."),
    epilog=_(
        "Configure receivers in accueil.toml: [notify.alertmanagers.<name>], "
        "[notify.webhooks.<name>], [notify.mails.<name>]."
    ),
)
@click.pass_context
def group(context: click.Context) -> None:
    """Run until SIGTERM or SIGINT, or run a subcommand."""
    if context.invoked_subcommand is None:
        _run()


@pass_settings
def _run(settings: Settings) -> None:
    from streams.runtime import process_specs  # noqa: PLC0415

    start_logging(settings)
    sys.exit(process_specs.notify(settings))


@group.command(help=_("Send a test alert to every receiver."))
@pass_settings
def test(settings: Settings) -> None:
    from streams.notify.notifier import send_test_messages  # noqa: PLC0415
    from streams.runtime import process_specs  # noqa: PLC0415

    failed = False
    options = process_specs.notify_options(settings, brokers="")
    for name, problem in send_test_messages(options):
        failed = failed or bool(problem)
        result, colon = problem or _("accepted"), _(":")
        click.echo(f"{name}{colon} {result}")
    sys.exit(EXIT_RESTART if failed else 0)
