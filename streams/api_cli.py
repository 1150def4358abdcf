"""`accueil api`: citizens' timelines over HTTP."""

import sys

import click

from streams.settings import Settings
from streams.terminal import clear_errors, pass_settings, start_logging
from streams.words import say


@click.command(
    name="api",
    help=say(
        "Serve citizens' timelines over HTTP, and their page.", "Sert les fils des usagers par HTTP, et leur page."
    ),
)
@pass_settings
def command(settings: Settings) -> None:
    """Answer until a signal comes."""
    from streams import api_process  # noqa: PLC0415

    start_logging(settings)
    with clear_errors():
        sys.exit(api_process.run(settings))
