"""Arguments and prompts of commands that are about one citizen."""

from collections.abc import Callable
from typing import Any

import click

from connectors.sdk.keys import load_key
from models.identities import IdentityKind, normalise
from models.locale import _, user_language
from streams.cli.base import prompt
from streams.privacy.vocabulary import name
from streams.runtime.sector_keys import IDENTITY_KINDS
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings


def citizen_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument NAME and the options `--kind` and `--sector`; `prompt_pseudonym` asks for a citizen without NAME."""
    for add in (
        click.option("--sector", show_default=_("the only one"), help=_("Sector whose key makes the pseudonym.")),
        click.option(
            "--kind",
            type=click.Choice(IDENTITY_KINDS),
            default=IdentityKind.PHONE.value,
            show_default=True,
            help=_("Kind of identity to prompt for."),
        ),
        click.argument("name", required=False),
    ):
        command = add(command)
    return command


def prompt_pseudonym(settings: Settings, kind: IdentityKind, sector: str) -> str:
    """Prompt for an identity, and return its pseudonym by the key of a sector. Raise `OperatorError` if it is not valid.

    Raises `KeyFileError` if the key cannot be used; a missing key is created.
    """
    label = name("kind", kind.value, user_language())
    raw = prompt(label)
    normalised = normalise(kind, raw, settings.api.region)
    if not normalised:
        raise OperatorError(_("not valid: {label}", label=label))
    return load_key(settings.data / "connectors" / "keys", sector).pseudonym(kind, normalised)
