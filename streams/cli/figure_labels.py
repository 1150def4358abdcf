"""Labels and descriptions of figures for `accueil explain`; in English, the names are the labels."""

from collections.abc import Mapping
from typing import Final

from models.events import FeedbackScale
from models.locale import C_, N_, SOURCE_LANGUAGE, _, user_language
from streams.cli.output_tables import code_or_label, vocabulary_label
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    LINE_CHANNEL,
    MENU_CHANNEL,
    REASON_CHANNEL,
    SLA,
    TRANSFER_CHANNEL,
)

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


_TITLES: Final[Mapping[str, str]] = {
    SLA: N_("SLA targets"),
    TRANSFER_CHANNEL: N_("transfers"),
    REASON_CHANNEL: N_("reasons for contact"),
    LINE_CHANNEL: N_("dialled lines"),
    MENU_CHANNEL: N_("voice menus"),
    CALLBACK_CHANNEL: N_("voice messages and callbacks"),
}
"""Name in place of a channel → title of its figures, untranslated."""
_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "service_level": "share answered within the target",
    "abandonment": "share abandoned after more than the limit of short waits",
    "left": "sum of left_*: left the queue in another way",
    "closed": "sum of closed_*",
    "given": "sum of given_*: opinions",
    "offered": "entered a queue",
    "ended": "conversations that ended",
    "ended_forgotten": "conversations whose end no source recorded",
    "ring_unanswered": "rings at an agent who did not answer",
    "left_forgotten": "no source recorded how they left the queue",
    "waiting": "wait for the service now",
    "in_progress": "are being handled now",
    "pending_citizen": "wait for the citizen now",
    "received": "letters, e-mails or forms that arrived",
    "registered": "got a register number",
    "assigned": "assigned to a service",
    "acknowledged": "acknowledgements of receipt that were sent",
    "correction_requested": "the citizen was asked for a correction",
    "corrected": "the citizen sent a correction",
    "responded": "first response of an agent",
    "scanned": "scanned after a known receipt",
    "reopened": "continued after they were closed",
    "booked": "appointments booked, by the citizen or the service",
    "checked_in": "the citizen arrived",
    "attended": "the appointment took place",
    "missed": "the citizen did not come",
    "invited": "invited to give an opinion",
    "invited_answered": "invitations with an answer",
    "started": "SLA clocks that started",
    "met": "SLA targets met in time",
    "late": "SLA targets met after the deadline",
    "cancelled": "SLA clocks that ended before the deadline, without a result",
    "cancelled_late": "SLA clocks that ended after the deadline, without a result",
    "breached": "SLA deadlines that passed",
    "due": "SLA deadlines, in the future too",
    "worked": "SLA clocks with measured opening hours",
    "running": "SLA clocks in time now",
    "at_risk": "SLA clocks near their deadline now",
    "overdue": "SLA clocks past their deadline now",
    "paused": "SLA clocks that are paused now",
    "handed_on": "transfers to another queue or number",
    "reason_contacts": "contacts with a reason",
    "line_arrived": "calls that arrived on a line",
    "line_queued": "calls on a line that reached a queue",
    "menu_chosen": "choices in voice menus",
    "message_left": "calls with a voice message",
    "message_heard": "voice messages that an agent listened to",
    "called_back": "calls with a callback",
}
"""English description of figures whose name does not say what they count. In other languages, the label says it."""


def figures_title(channel: str) -> str:
    """Return the title of the figures of a channel, or of the name in its place, in the user's language."""
    return _(_TITLES[channel]) if channel in _TITLES else code_or_label("channel", channel)


def describe_figure(name: str) -> str:
    """Return what a figure counts, in the user's language; empty if its name says it."""
    return _DESCRIPTIONS.get(name, "") if user_language() == SOURCE_LANGUAGE else figure_label(name)
