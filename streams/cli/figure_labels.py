"""Labels of figures for `accueil explain`; in English, the names are the labels."""

from typing import Final

from models.events import FeedbackScale
from models.locale import C_, SOURCE_LANGUAGE, _, user_language
from streams.cli.output_tables import vocabulary_label

_LABELS: Final = {
    message.partition("\4")[2]: message
    for message in (
        C_("figure", "service_level"),
        C_("figure", "abandonment"),
        C_("figure", "left"),
        C_("figure", "closed"),
        C_("figure", "given"),
        C_("figure", "offered"),
        C_("figure", "answered"),
        C_("figure", "abandoned"),
        C_("figure", "transferred"),
        C_("figure", "ended"),
        C_("figure", "ended_forgotten"),
        C_("figure", "ring_unanswered"),
        C_("figure", "waiting"),
        C_("figure", "in_progress"),
        C_("figure", "agents_available"),
        C_("figure", "agents_on_contact"),
        C_("figure", "agents_paused"),
        C_("figure", "received"),
        C_("figure", "registered"),
        C_("figure", "assigned"),
        C_("figure", "acknowledged"),
        C_("figure", "correction_requested"),
        C_("figure", "corrected"),
        C_("figure", "responded"),
        C_("figure", "scanned"),
        C_("figure", "reopened"),
        C_("figure", "pending_citizen"),
        C_("figure", "booked"),
        C_("figure", "booked_by_citizen"),
        C_("figure", "booked_by_service"),
        C_("figure", "moved"),
        C_("figure", "checked_in"),
        C_("figure", "cancelled_by_citizen"),
        C_("figure", "cancelled_by_service"),
        C_("figure", "attended"),
        C_("figure", "missed"),
        C_("figure", "invited"),
        C_("figure", "invited_answered"),
        C_("figure", "started"),
        C_("figure", "met"),
        C_("figure", "late"),
        C_("figure", "cancelled"),
        C_("figure", "cancelled_late"),
        C_("figure", "breached"),
        C_("figure", "due"),
        C_("figure", "worked"),
        C_("figure", "running"),
        C_("figure", "at_risk"),
        C_("figure", "overdue"),
        C_("figure", "paused"),
        C_("figure", "handed_on"),
        C_("figure", "reason_contacts"),
        C_("figure", "line_arrived"),
        C_("figure", "line_queued"),
        C_("figure", "menu_chosen"),
        C_("figure", "message_left"),
        C_("figure", "message_heard"),
        C_("figure", "callback_requested"),
        C_("figure", "called_back"),
        C_("figure", "promise_kept"),
        C_("figure", "promise_missed"),
        C_("figure", "no_promise"),
        C_("figure", "wait_le_60"),
        C_("figure", "wait_le_300"),
        C_("figure", "wait_gt_300"),
    )
}
"""Name of a figure → its label, untranslated."""
_PREFIXES: Final = {
    "sent": (C_("figure", "sent"), "postage"),
    "closed": (C_("figure", "closed"), "outcome"),
    "left": (C_("figure", "left queue"), "outcome"),
}
"""Prefix of names → its label, untranslated, and the vocabulary of the rest of the name; for `left`, of the whole name."""


def figure_label(name: str) -> str:
    """Return the label of one of `figure_explanation.figure_names` in the user's language; in English, the name itself."""
    if user_language() == SOURCE_LANGUAGE:
        return name
    if name in _LABELS:
        return _(_LABELS[name])
    first, _separator, rest = name.partition("_")
    if first == "given":
        scale = next(scale for scale in FeedbackScale if rest.startswith(scale))
        score = rest.removeprefix(scale).removeprefix("_")
        label = _("feedback, {scale}", scale=vocabulary_label("scale", scale))
        return f"{label}{_(':')} {score} / {scale.rpartition('_')[2]}" if score else label
    if first == "csat":
        part, _separator, satisfied = rest.rpartition("_")
        return (_("satisfied") if satisfied == "satisfied" else _("not satisfied")) + f", {_(_LABELS[part])}"
    label, vocabulary_set = _PREFIXES[first]
    return f"{_(label)}{_(':')} {vocabulary_label(vocabulary_set, name if first == 'left' else rest)}"
