"""French or English, as the locale of whoever runs this asks."""

import os


def say(english: str, french: str) -> str:
    """Return `french` if the locale (LC_ALL, LC_MESSAGES, LANG; the first that is set) is French, else `english`."""
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return french if locale.lower().startswith("fr") else english
