"""Messages in the user's language, from the gettext catalogues in this folder. Imports the standard library only.

English is the language of the source. `<language>/LC_MESSAGES/accueil.po` holds the translations: a further language is a
further file. `make catalogues` extracts new messages and compiles the catalogues.
"""

import os
import re
from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path
from typing import Any, Final

DOMAIN: Final = "accueil"
DIRECTORY: Final = Path(__file__).parent
SOURCE_LANGUAGE: Final = "en"
LANGUAGES: Final = ("fr", SOURCE_LANGUAGE)
"""Languages of pages and documents; the first one is the default of pages. Commands speak every language that has a catalogue."""

_AFTER_CONTEXT: Final = "\4"
"""Character between a context and its message, as in the catalogues of gettext."""


def user_language() -> str:
    """Return the language of the locale, such as "fr", or English if it has no catalogue.

    The first of LC_ALL, LC_MESSAGES and LANG that is set and not empty counts.
    """
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    language = re.split(r"[_.@]", locale)[0].lower()
    return language if type(_catalogue(language)) is not NullTranslations else SOURCE_LANGUAGE


def document_language() -> str:
    """Return the language for documents that a command writes: the user's if it is one of `LANGUAGES`, else English."""
    language = user_language()
    return language if language in LANGUAGES else SOURCE_LANGUAGE


def _(message: str, /, **values: Any) -> str:
    """Return a message in the user's language (`user_language`), by `translate`."""
    return translate(message, user_language(), **values)


def translate(message: str, language: str, /, **values: Any) -> str:
    """Return a message in `language`, or in English if no catalogue has it.

    `values` replace the names in braces, by `str.format`; a missing one raises `KeyError`. Without any `values`, braces stay.
    An empty message stays empty: gettext would return the header of the catalogue.
    """
    if not message:
        return ""
    text = _catalogue(language).gettext(message).rpartition(_AFTER_CONTEXT)[2]
    return text.format(**values) if values else text


def N_(message: str) -> str:  # noqa: N802 - gettext's usual name
    """Return the message unchanged. This marks it for extraction; `_` or `translate` translates it where it is used."""
    return message


def C_(context: str, message: str) -> str:  # noqa: N802 - like `N_`
    """Mark a message that has another translation in `context`. Return it with the context, which `_` and `translate` remove."""
    return f"{context}{_AFTER_CONTEXT}{message}"


@cache
def _catalogue(language: str) -> NullTranslations:
    return translation(DOMAIN, DIRECTORY, [language], fallback=True)
