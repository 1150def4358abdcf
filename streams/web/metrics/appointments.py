"""Appointments."""

from models.events import Party
from streams.core.layouts import APPOINTMENTS, CANCELLED
from streams.web.metrics.measure import Counter, Histogram, PlaceMeasure, channels_of, count, counts


def measures() -> list[PlaceMeasure]:
    """Return the metrics of appointments; how many were booked is `contact_received_total`."""
    channels = channels_of(APPOINTMENTS)
    return [
        Counter(
            "contact_appointment",
            "What became of appointments, in the end.",
            counts(APPOINTMENTS, {name: name for name in ("attended", "missed", *CANCELLED)}),
            ("outcome",),
        ),
        Counter(
            "contact_appointment_booked",
            "Appointments booked, by whom.",
            counts(APPOINTMENTS, {by: f"booked_by_{by}" for by in Party}),
            ("by",),
        ),
        Counter("contact_appointment_moved", "Appointments moved at least once.", count(APPOINTMENTS, "moved")),
        Counter("contact_appointment_checked_in", "Citizens who came to one.", count(APPOINTMENTS, "checked_in")),
        Histogram("contact_appointment_lead_seconds", "From the booking to the time booked first.", "lead", channels),
    ]
