"""Texts in French and English, shared with the board where it has the same term."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

from models.locale import C_, translate
from models.topics import Channel
from streams.web.board.texts import TEXTS

Language = Literal["fr", "en"]
LANGUAGES: Final = get_args(Language)
"""The first one has no suffix in the uid of a dashboard."""

_NO_BREAK: Final = re.compile(r" (?=[:;?!÷%»])|(?<=«) ")
"""Spaces that must not break in French (Imprimerie nationale)."""


class LocalizedText(NamedTuple):
    """A text in both languages."""

    fr: str
    en: str

    def in_language(self, language: Language) -> str:
        """Return the text in one language; French with no-break spaces."""
        return _NO_BREAK.sub("\N{NO-BREAK SPACE}", self.fr) if language == "fr" else self.en


def _(message: str, /, **values: Any) -> LocalizedText:
    """Return a message of the catalogues in both languages; `values`, which may be localized, replace the names in braces."""
    french, english = (
        translate(message, language, **{name: getattr(value, language, value) for name, value in values.items()})
        for language in LANGUAGES
    )
    return LocalizedText(french, english)


def untranslated(text: str) -> LocalizedText:
    """Return a text that is the same in both languages, such as a name or a unit."""
    return LocalizedText(text, text)


def board_text(name: str) -> LocalizedText:
    """Return a text of the board (`streams.web.board.texts`)."""
    return LocalizedText(TEXTS["fr"][name], TEXTS["en"][name])


ValueNames = Mapping[str, LocalizedText]
"""Value of a label → its display name."""

CHANNELS: Final[ValueNames] = {
    channel.value: board_text(f"channel_{channel}") for channel in Channel if channel != "feedback"
}
BACKLOG_STATES: Final[ValueNames] = {
    "waiting": board_text("to_do"),
    "in_progress": board_text("in_progress"),
    "pending_citizen": board_text("pending_citizen"),
}
AGENT_STATES: Final[ValueNames] = {
    "available": _(C_("dashboard", "Available")),
    "on_contact": board_text("on_contact"),
    "paused": board_text("paused"),
}
SLA_STATES: Final[ValueNames] = {
    "running": board_text("running"),
    "at_risk": board_text("at_risk"),
    "overdue": board_text("overdue"),
    "paused": board_text("paused"),
}
CLOCK_KINDS: Final[ValueNames] = {
    name: board_text(f"clock_{name}") for name in ("answer", "acknowledge", "first_response", "announced", "resolution")
}
FORMULAS: Final[ValueNames] = {
    name: board_text(f"name_{name}") for name in ("net_of_short", "answered_share", "removed_share", "offered_share")
}
OPENING_STATES: Final[ValueNames] = {"1": board_text("open"), "0": board_text("shut")}
