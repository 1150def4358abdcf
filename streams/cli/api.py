"""`accueil api`: citizens' timelines over HTTP."""

import sys

import click

from streams.cli.base import pass_settings, start_logging
from streams.locale.i18n import say
from streams.runtime.errors import operator_errors
from streams.settings.schema import Settings


@click.command(
    name="api",
    help=say(
        "Serve citizens' timelines over HTTP, and their page.", "Sert les fils des usagers par HTTP, et leur page."
    ),
)
@pass_settings
def command(settings: Settings) -> None:
    """Answer until a signal comes."""
    from streams.runtime import api_process  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        sys.exit(api_process.run(settings))
