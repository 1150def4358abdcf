"""Command `accueil survey-reference`, for programs that send invitations."""

from pathlib import Path

import click
from pydantic import SecretStr

from connectors.sdk.errors import describe_os_error
from connectors.sdk.webhook.signatures import check_secret
from connectors.survey.reference import ContactReferences
from models.locale import _


def _read_secret(_context: click.Context, _parameter: click.Parameter, path: Path) -> SecretStr:
    try:
        secret = SecretStr(path.read_text(encoding="utf-8").strip())
        check_secret(secret)
    except OSError as error:
        raise click.BadParameter(describe_os_error(error, path)) from None
    except UnicodeDecodeError:
        raise click.BadParameter(_("{path} is not a text file", path=path)) from None
    except ValueError as error:
        raise click.BadParameter(f"{path} {error}") from None
    return secret


@click.command(
    "survey-reference",
    help=_(
        "Print the references of contacts for survey links, one per line, for each CONTACT or line of standard input."
    ),
    epilog=_("A CONTACT is a contact id, such as call:asterisk/siege:1773648000.12."),
)
@click.argument("contacts", metavar="[CONTACT]...", nargs=-1)
@click.option(
    "--secret-file",
    "reference_secret",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    callback=_read_secret,
    help=_("Same file as the connector's {option}.", option="reference_secret_file"),
)
def command(contacts: tuple[str, ...], reference_secret: SecretStr) -> None:
    """Print the references, in order, up to the first invalid contact id, for which it raises `click.ClickException`."""
    references = ContactReferences([reference_secret])
    for line in contacts or click.get_text_stream("stdin"):
        try:
            click.echo(references.make(line.strip()))
        except ValueError:
            raise click.ClickException(_("not the id of a contact")) from None
