"""`accueil api`: HTTP API of the citizens' timelines."""

import sys

import click

from streams.cli.base import pass_settings, start_logging
from streams.locale.i18n import say
from streams.runtime.errors import operator_errors
from streams.settings.schema import Settings


@click.command(
    name="api",
    help=say(
        "Serve the HTTP API of citizens' timelines and its web page.",
        "Servir l'API HTTP des fils d'usagers et sa page web.",
    ),
)
@pass_settings
def command(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    from streams.runtime import api_process  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        sys.exit(api_process.run(settings))
