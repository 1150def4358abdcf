"""What people read, French and English side by side; what the board has a word for has the same one here."""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

from models.topics import Channel
from streams.web.texts import TEXTS

Language = Literal["fr", "en"]
LANGUAGES: Final = get_args(Language)
"""The first one is what has no suffix: names of files and dashboards are the same in all."""

_NO_BREAK: Final = re.compile(r" (?=[:;?!÷%»])|(?<=«) ")
"""Spaces where no line of French may end (Imprimerie nationale)."""


class Words(NamedTuple):
    """One text in both languages."""

    fr: str
    en: str

    def of(self, language: Language) -> str:
        """Return the text, as it is set in print."""
        return _NO_BREAK.sub("\N{NO-BREAK SPACE}", self.fr) if language == "fr" else self.en


def same(text: str) -> Words:
    """Return what is no word of a language, as a name or a unit."""
    return Words(text, text)


def board(name: str) -> Words:
    """Return what the board calls it (`streams.web.texts`)."""
    return Words(TEXTS["fr"][name], TEXTS["en"][name])


Vocabulary = Mapping[str, Words]
"""Value of a label → what people call it."""

CHANNELS: Final[Vocabulary] = {
    channel.value: board(f"channel_{channel}") for channel in Channel if channel != "feedback"
}
BACKLOG: Final[Vocabulary] = {
    "waiting": board("to_do"),
    "in_progress": board("in_progress"),
    "pending_citizen": board("pending_citizen"),
}
AGENTS: Final[Vocabulary] = {
    "available": Words("Disponibles", "Available"),
    "on_contact": board("on_contact"),
    "paused": board("paused"),
}
PROMISES: Final[Vocabulary] = {
    "running": board("running"),
    "at_risk": board("at_risk"),
    "overdue": board("overdue"),
    "paused": board("paused"),
}
CLOCKS: Final[Vocabulary] = {
    name: board(f"clock_{name}") for name in ("answer", "acknowledge", "first_response", "announced", "resolution")
}
FORMULAS: Final[Vocabulary] = {
    name: board(f"name_{name}") for name in ("net_of_short", "answered_share", "removed_share", "offered_share")
}
OPENING: Final[Vocabulary] = {"1": board("open"), "0": board("shut")}
