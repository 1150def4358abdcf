"""Names of `accueil explain` for the contacts behind each figure of the pages."""

from collections.abc import Mapping
from typing import Final

from streams.core.figures.figure_explanation import ABANDONMENT, SERVICE_LEVEL
from streams.core.figures.figure_schemas import CANCELLED_COUNTS
from streams.core.figures.satisfaction import SCALES

EXPLAIN_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "queues_waiting": ("waiting",),
    "queues_longest": ("waiting",),
    "queues_in_progress": ("in_progress",),
    "queues_available": (),
    "queues_on_contact": (),
    "queues_paused": (),
    "queues_received": ("offered",),
    "queues_answered": ("answered",),
    "queues_abandoned": ("abandoned",),
    "queues_left": ("left",),
    "queues_abandonment": (ABANDONMENT,),
    "queues_service": (SERVICE_LEVEL,),
    "queues_recent": (SERVICE_LEVEL,),
    "queues_mean_wait": ("answered",),
    "queues_mean_handle": ("transferred", "ended"),
    "queues_usual": (),
    "matters_received": ("received",),
    "matters_closed": ("closed",),
    "matters_to_do": ("waiting",),
    "matters_open": ("waiting", "in_progress"),
    "matters_in_progress": ("in_progress",),
    "matters_pending_citizen": ("pending_citizen",),
    "matters_oldest": ("waiting", "in_progress"),
    "matters_first_response": ("responded",),
    "appointments_booked": ("booked",),
    "appointments_attended": ("attended",),
    "appointments_missed": ("missed",),
    "appointments_cancelled": CANCELLED_COUNTS,
    "appointments_upcoming": ("pending_citizen",),
    "appointments_waiting": ("waiting",),
    "opinions_given": ("given",),
    "opinions_response": ("invited",),
    **{f"opinions_{measure.value}": (f"given_{scale}",) for measure, scale in SCALES.items()},
    "sla_targets_running": ("running",),
    "sla_targets_at_risk": ("at_risk",),
    "sla_targets_overdue": ("overdue",),
    "sla_targets_paused": ("paused",),
    "sla_targets_longest_overdue": ("overdue",),
    "sla_targets_kept": ("met", "breached"),
    "reasons_contacts": ("reason_contacts",),
    "lines_arrived": ("line_arrived",),
    "lines_queued": ("line_queued",),
    "lines_unqueued": ("line_arrived", "line_queued"),
    "menu_chosen": ("menu_chosen",),
    "callbacks_left": ("message_left",),
    "callbacks_heard": ("message_heard",),
    "callbacks_mean_hearing": ("message_heard",),
    "callbacks_requested": ("callback_requested",),
    "callbacks_called_back": ("called_back",),
    "callbacks_mean_delay": ("called_back",),
    "post_items": (),
    "post_cost": (),
}
"""Key of a figure in the pages → its names in `accueil explain` (`figure_explanation.figure_names`).

Empty for a figure that counts no contacts."""
