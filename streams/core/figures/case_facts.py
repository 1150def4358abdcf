"""Facts of cases that each written channel can have; the figure schema has those of all."""

from typing import Final

from models.events import CloseOutcome, FormDecision, PostageClass
from models.topics import Channel

STEPS: Final = {
    Channel.MAIL: ("registered", "assigned", "acknowledged"),
    Channel.EMAIL: ("acknowledged",),
    Channel.FORM: ("assigned", "correction_requested", "corrected"),
}
"""Channel → its possible intermediate steps; a channel has no series of other steps."""
OUTCOMES: Final = {
    Channel.MAIL: ("answered", *(outcome.value for outcome in CloseOutcome)),
    Channel.EMAIL: ("answered",),
    Channel.FORM: tuple(decision.value for decision in FormDecision),
}
"""Channel → possible outcomes of its cases."""
SENT: Final = {postage.value: f"sent_{postage}" for postage in PostageClass}
"""Class of postage → name of its count; only for letters."""
FACTS: Final = {
    channel: (
        "received",
        *(("scanned",) if channel is Channel.MAIL else ()),
        *steps,
        "responded",
        "reopened",
        *(f"closed_{outcome}" for outcome in OUTCOMES[channel]),
        *(SENT.values() if channel is Channel.MAIL else ()),
    )
    for channel, steps in STEPS.items()
}
"""Channel → the facts of `CASE_SCHEMA` that it can have."""
