"""Whom a command is about: by what it is told that, and what it asks for."""

from collections.abc import Callable
from typing import Any

import click

from connectors.sdk.keys import load_key
from models.identities import IdentityKind, normalise
from streams.cli.base import prompt
from streams.locale.i18n import say
from streams.privacy.vocabulary import LANGUAGES, name
from streams.runtime.errors import OperatorError
from streams.runtime.sector_keys import kind_option, sector_option
from streams.settings.schema import Settings


def citizen_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument and the options by which it learns whom it is about; `ask_for` asks for the rest."""
    return click.argument("name", required=False)(kind_option(sector_option(command)))


def prompt_pseudonym(settings: Settings, kind: IdentityKind, sector: str) -> str:
    """Return the pseudonym, by the key of a sector that `choose_sector` chose, of what is typed. Raises `OperatorError`."""
    word = name("kind", kind.value, say(*LANGUAGES))
    raw = prompt(word)
    normalised = normalise(kind, raw, settings.api.region)
    if not normalised:
        raise OperatorError(say(f"not valid: {word}", f"pas valable : {word}"))
    return load_key(settings.data / "connectors" / "keys", sector).pseudonym(kind, normalised)


def database_unavailable_text(error: Exception) -> str:
    """Return in words that the database is away."""
    return say(f"the timelines' database cannot be used: {error}", f"la base des fils est inutilisable : {error}")
