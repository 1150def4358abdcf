"""Outcomes of calls, as a column such as `Résultat` names them: answered, abandoned, or a voice message left."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from connectors.sdk.mapping.sample_columns import Column, plain_name

ANSWERED: Final = "call.answered"
ABANDONED: Final = "call.abandoned"
MESSAGE_LEFT: Final = "call.voicemail_left"
_WORDS: Final = {
    ABANDONED: re.compile(
        r"\babandon|\bperdue?s?\b|\bmanque|\bmissed|\blost\b|\bunanswered"
        r"|\b(?:no|non|not|pas|sans) (?:answer|repon|decroch|abouti)"
    ),
    MESSAGE_LEFT: re.compile(
        r"\bmessagerie|\bmessages? (?:vocal|laisse|depose)|^messages?$|\bvocale?\b|\bvoice ?mail|\brepondeur"
    ),
    ANSWERED: re.compile(r"\brepondue?s?\b|\bdecroche|\banswered|\baboutie?s?\b"),
}
"""Words in values by event, without accents. `Non répondu` is abandoned though it has a word of answered calls."""


def find_outcomes(roles: Mapping[str, Column]) -> dict[str, list[str]]:
    """Return the values of the column `result` by event; none unless they tell answered calls from others."""
    if "result" not in roles:
        return {}
    found: dict[str, list[str]] = {}
    for value in roles["result"].distinct:
        if event := place_outcome(value):
            found.setdefault(event, []).append(value)
    return found if ANSWERED in found and len(found) > 1 else {}


def list_unplaced(roles: Mapping[str, Column]) -> Iterator[str]:
    """Yield the values of the column `result` that name no outcome, if others do."""
    if find_outcomes(roles):
        yield from (value for value in roles["result"].distinct if not place_outcome(value))


def place_outcome(value: str) -> str:
    """Return the event that a value names; empty if it names none, or if it is doubtful."""
    plain = " ".join(plain_name(value).split())
    found = [event for event, words in _WORDS.items() if words.search(plain)]
    if ABANDONED in found and ANSWERED in found:
        found.remove(ANSWERED)
    return found[0] if len(found) == 1 and "?" not in value else ""
