"""Metrics of appointments."""

from models.events import Party
from streams.core.figures.figure_schemas import APPOINTMENT_SCHEMA, CANCELLED_COUNTS
from streams.web.metrics.figure_readers import channels_of, count, counts
from streams.web.metrics.measure import FigureMeasure, counter_measure, histogram_measure


def measures() -> list[FigureMeasure]:
    """Return the definitions of the metrics of appointments; `FiguresCollector` computes their values.

    `contact_received_total` counts the bookings.
    """
    channels = channels_of(APPOINTMENT_SCHEMA)
    return [
        counter_measure(
            "contact_appointment",
            "Appointments by final outcome.",
            counts(APPOINTMENT_SCHEMA, {name: name for name in ("attended", "missed", *CANCELLED_COUNTS)}),
            ("outcome",),
        ),
        counter_measure(
            "contact_appointment_booked",
            "Appointments booked, by who booked them.",
            counts(APPOINTMENT_SCHEMA, {by: f"booked_by_{by}" for by in Party}),
            ("by",),
        ),
        counter_measure(
            "contact_appointment_moved", "Appointments moved at least once.", count(APPOINTMENT_SCHEMA, "moved")
        ),
        counter_measure(
            "contact_appointment_checked_in",
            "Citizens who checked in for their appointment.",
            count(APPOINTMENT_SCHEMA, "checked_in"),
        ),
        histogram_measure(
            "contact_appointment_lead_seconds",
            "Time from the booking to the start that was first booked.",
            "lead",
            channels,
        ),
    ]
