"""Command `accueil simulate mailroom`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import click

from connectors.sdk.files import make_private_directory
from connectors.sdk.simulation.cli_options import click_errors, directory_option, print_settings, seed_option
from models.locale import _

SERVICES: Final = ("mdph", "rsa", "pmi", "archives")
STACK_EVERY: Final = 10
"""Letters per stack: the command adds one stack with separator sheets after each of these groups."""


@click.command(
    "mailroom",
    help=_("Drop scans of invented letters, and print the configuration that reads them."),
)
@directory_option(_("Directory for the hot folder and its archive."))
@click.option(
    "--letters",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    help=_("Number of letters with a sidecar; stacks are added to them."),
)
@seed_option(_("The same seed gives the same letters."))
@click_errors()
def command(*, into: Path, letters: int, seed: int) -> None:
    """Drop all letters."""
    from connectors.mailroom.simulate.mailroom import Mailroom  # noqa: PLC0415 - the connector does not need its libraries

    inbox, archive = into.resolve() / "inbox", into.resolve() / "archive"
    for folder in (inbox, archive):
        make_private_directory(folder)
    mailroom = Mailroom(inbox, archive)
    random = Random(seed)  # noqa: S311 - a simulation
    first_at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=letters)
    for number in range(letters):
        name, at = f"{seed}-{number:06}", first_at + timedelta(seconds=number)
        fields = {
            "reference": name,
            "arrived_at": (at - timedelta(hours=random.randint(1, 30))).isoformat(),
            "service": random.choice(SERVICES),
            "email": f"usager{random.randrange(3_000)}@example.org",
        }
        mailroom.drop_letter(name, scanned_at=at, pages=random.randint(1, 4), fields=fields)
        if number % STACK_EVERY == STACK_EVERY - 1:
            sheets = [(service, random.randint(1, 3)) for service in random.sample(SERVICES, 3)]
            mailroom.drop_stack(f"{name}-stack", scanned_at=at, letters=sheets, code=random.choice(("code128", "qr")))
    print_settings("mailroom", configuration(inbox, archive))


def configuration(inbox: Path, archive: Path) -> dict[str, Any]:
    """Return the options of the connector that reads the folder."""
    names = {service: service for service in SERVICES}
    folders = {"inbox": str(inbox), "archive": str(archive)}
    return folders | {"settle_seconds": 0, "services": names, "separators": names}
