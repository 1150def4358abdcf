"""French labels of figures for `accueil explain`; in English, the names are the labels."""

from typing import Final

from models.events import FeedbackScale
from streams.cli.output_tables import vocabulary_label
from streams.locale.i18n import say

_FRENCH: Final = {
    "service_level": "niveau de service",
    "abandonment": "taux d'abandon",
    "left": "autres sorties",
    "closed": "traités",
    "given": "avis donnés",
    "offered": "reçus",
    "answered": "répondus",
    "abandoned": "abandonnés",
    "transferred": "transférés",
    "ended": "terminés",
    "ended_forgotten": "terminés, fin non connue",
    "ring_unanswered": "sonneries sans réponse",
    "waiting": "en attente",
    "in_progress": "en cours",
    "agents_available": "agents disponibles",
    "agents_on_contact": "agents en ligne",
    "agents_paused": "agents en pause",
    "received": "reçus",
    "registered": "enregistrés",
    "assigned": "attribués",
    "acknowledged": "accusés de réception envoyés",
    "correction_requested": "corrections demandées",
    "corrected": "corrigés par l'usager",
    "responded": "premières réponses données",
    "scanned": "numérisés",
    "reopened": "rouverts",
    "pending_citizen": "chez l'usager",
    "booked": "pris",
    "booked_by_citizen": "pris par l'usager",
    "booked_by_service": "pris par le service",
    "moved": "déplacés",
    "checked_in": "arrivés",
    "cancelled_by_citizen": "annulés par l'usager",
    "cancelled_by_service": "annulés par le service",
    "attended": "honorés",
    "missed": "manqués",
    "invited": "invités à donner un avis",
    "invited_answered": "invitations suivies d'un avis",
    "started": "délais ouverts",
    "met": "délais tenus",
    "late": "faits en retard",
    "cancelled": "sans objet",
    "cancelled_late": "sans objet, après l'échéance",
    "breached": "délais dépassés",
    "due": "à échoir",
    "worked": "menés à leur terme",
    "running": "dans les temps",
    "at_risk": "à risque",
    "overdue": "en retard",
    "paused": "en pause",
    "handed_on": "transmis",
}
_PARTS: Final = {
    "promise_kept": "délai tenu",
    "promise_missed": "délai dépassé",
    "no_promise": "sans délai promis",
    "wait_le_60": "attente de 60 s ou moins",
    "wait_le_300": "attente de 300 s ou moins",
    "wait_gt_300": "attente de plus de 300 s",
}
_SETS: Final = {"sent": ("envoyés", "postage"), "closed": ("traités", "outcome"), "left": ("sortis", "outcome")}
"""Prefixes followed by a value of the vocabulary: prefix → label and vocabulary set."""


def figure_label(name: str) -> str:
    """Return the label of a figure in the language of the locale."""
    return say(name, _french_label(name))


def _french_label(name: str) -> str:
    if name in _FRENCH:
        return _FRENCH[name]
    first, _, rest = name.partition("_")
    if first == "given":
        scale = next(scale for scale in FeedbackScale if rest.startswith(scale))
        score = rest.removeprefix(scale).removeprefix("_")
        return f"avis, {vocabulary_label('scale', scale)}" + (
            f" : {score} / {scale.rpartition('_')[2]}" if score else ""
        )
    if first == "csat":
        part, _, satisfied = rest.rpartition("_")
        return f"{'satisfaits' if satisfied == 'satisfied' else 'non satisfaits'}, {_PARTS[part]}"
    label, vocabulary_set = _SETS[first]
    return f"{label} : {vocabulary_label(vocabulary_set, name if first == 'left' else rest)}"
