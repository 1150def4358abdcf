"""Choice between French and English texts by the locale."""

import os


def say(english: str, french: str) -> str:
    """Return `french` if the locale is French, else `english`. The first of LC_ALL, LC_MESSAGES and LANG that is set counts."""
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return french if locale.lower().startswith("fr") else english
