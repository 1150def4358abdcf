"""`accueil api`: HTTP API of the citizens' timelines."""

import sys

import click

from models.locale import _
from streams.cli.base import pass_settings, start_logging
from streams.settings.schema import Settings


@click.command(
    name="api",
    help=_("Serve the HTTP API of citizens' timelines and its web page."),
)
@pass_settings
def command(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    from streams.runtime import api_process  # noqa: PLC0415

    start_logging(settings)
    sys.exit(api_process.run(settings))
