"""Default meanings of the statuses shipped with Maarch (`sql/data_fr.sql`)."""

from collections.abc import Mapping
from typing import Final

from connectors.maarch.config import Meaning
from models.events import CloseOutcome

STATUSES: Final[Mapping[str, Meaning]] = {
    **dict.fromkeys(
        (
            *("INIT", "NEW", "NUMQUAL", "OUT", "RET", "COU", "ATT", "ATT_MP", "SVX"),
            *("VAL", "VALSG", "EVIS", "ESIG", "REJ_SIGN", "EENV", "EAVIS", "ESIGAR", "EENVAR"),
            *("GRC", "GRC_TRT", "GRC_ALERT", "PJQUAL", "SEND_MASS", "PND", "DSTRIBUTED", "RETRN", "NO_RETRN"),
        ),
        "open",
    ),
    "ENVDONE": "answered",
    "END": "resolved",
    "STDBY": "resolved",  # "Clôturé avec suivi": its action is `closeMailAction`, which sets `closing_date`
    "SSUITE": "no_action",
    "DEL": "no_action",
    **dict.fromkeys(("EXP_SEDA", "SEND_SEDA", "ACK_SEDA", "REPLY_SEDA"), "archived"),
}
OUTCOMES: Final = frozenset(CloseOutcome)
FOLLOWED_UP: Final = "STDBY"
"""Status of letters that are closed with a follow-up; earlier versions published them as open."""


def is_closed(meaning: Meaning) -> bool:
    """Return whether a letter whose status has this meaning is closed."""
    return meaning == "archived" or meaning in OUTCOMES


def closed_statuses(configured: Mapping[str, Meaning]) -> list[str]:
    """Return the statuses of closed letters, by the `configured` meanings and otherwise the default ones."""
    return [status for status, meaning in {**STATUSES, **configured}.items() if is_closed(meaning)]
