"""Command `accueil survey-reference`, for programs that send invitations."""

import click
from pydantic import SecretStr

from connectors.sdk.webhook.cli_options import secret_option
from connectors.survey.reference import ContactReferences
from models.locale import _


@click.command(
    "survey-reference",
    help=_(
        "Print the references of contacts for survey links, one per line, for each CONTACT or line of standard input."
    ),
    epilog=_("A CONTACT is a contact id, such as call:asterisk/siege:1773648000.12."),
)
@click.argument("contacts", metavar="[CONTACT]...", nargs=-1)
@secret_option("reference_secret_file", "--secret-file")
def command(contacts: tuple[str, ...], reference_secret: SecretStr) -> None:
    """Print the references, in order."""
    references = ContactReferences([reference_secret])
    for line in contacts or click.get_text_stream("stdin"):
        try:
            click.echo(references.make(line.strip()))
        except ValueError:
            raise click.ClickException(_("not the id of a contact")) from None
