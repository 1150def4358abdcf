"""`accueil survey-reference`: for whoever sends invitations."""

from pathlib import Path

import click
from pydantic import SecretStr

from connectors.sdk.errors import why
from connectors.sdk.webhook.signatures import check_secret
from connectors.sdk.words import say
from connectors.survey.reference import References


@click.command(
    "survey-reference",
    help=say(
        "Print the references of contacts, for links to a survey: one per line, of each CONTACT or line of standard input.",
        "Écrit les références de contacts, pour les liens vers une enquête : une par ligne, pour chaque CONTACT ou ligne reçue.",
    ),
    epilog=say(
        "A contact is named by its id, as in call:asterisk/siege:1773648000.12.",
        "Un contact est désigné par son identifiant, comme call:asterisk/siege:1773648000.12.",
    ),
)
@click.argument("contacts", metavar="[CONTACT]...", nargs=-1)
@click.option(
    "--secret-file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help=say("The connector's reference_secret_file.", "Le reference_secret_file du connecteur."),
)
def command(contacts: tuple[str, ...], secret_file: Path) -> None:
    """Print the references, in order."""
    references = References([_read(secret_file)])
    for line in contacts or click.get_text_stream("stdin"):
        try:
            click.echo(references.make(line.strip()))
        except ValueError:
            raise click.ClickException(say("not the id of a contact", "pas l'identifiant d'un contact")) from None


def _read(path: Path) -> SecretStr:
    try:
        secret = SecretStr(path.read_text(encoding="utf-8").strip())
        check_secret(secret)
    except OSError as error:
        raise click.ClickException(why(error, path)) from None
    except ValueError as error:
        raise click.ClickException(f"{path}: {error}") from None
    return secret
