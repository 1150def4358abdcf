"""What is written: letters, e-mails, forms."""

from typing import Final

from models.events import CloseOutcome, FormDecision, PostageClass
from models.topics import Channel
from streams.core.figures import Figure
from streams.core.layouts import MATTERS
from streams.web.metrics.measure import Counter, Histogram, Measure, Reads, Values, channels_of, count, counts, join

STEPS: Final = {
    Channel.MAIL: ("registered", "assigned", "acknowledged"),
    Channel.EMAIL: ("acknowledged",),
    Channel.FORM: ("assigned", "correction_requested", "corrected"),
}
"""What can happen on the way, as the event types have it: a channel has no series of what it cannot have."""
OUTCOMES: Final = {
    Channel.MAIL: ("answered", *(outcome.value for outcome in CloseOutcome)),
    Channel.EMAIL: ("answered",),
    Channel.FORM: tuple(decision.value for decision in FormDecision),
}
"""How it can end."""
SENT: Final = {postage.value: f"sent_{postage}" for postage in PostageClass}
"""Class of postage → its count; only letters are sent."""
FACTS: Final = {
    channel: (
        "received",
        *steps,
        "responded",
        *(f"closed_{outcome}" for outcome in OUTCOMES[channel]),
        *(SENT.values() if channel is Channel.MAIL else ()),
    )
    for channel, steps in STEPS.items()
}
"""All that is counted of a channel."""
_CENTS: Final = MATTERS.index["postage_cents"]


def measures() -> list[Measure]:
    """Return the metrics of what is written."""
    return [
        _step("contact_registered", "Given a number in the register.", "registered"),
        _step("contact_assigned", "Given to a service, or taken up by one.", "assigned"),
        _step("contact_acknowledged", "Whose sender was told that it has come.", "acknowledged"),
        Counter(
            "contact_form_correction",
            "Forms whose sender was asked to correct them, or did so.",
            counts(MATTERS, {"requested": "correction_requested", "received": "corrected"}, Channel.FORM),
            ("step",),
        ),
        Counter(
            "contact_closed",
            "Answered, decided, or closed otherwise, by outcome.",
            join(*map(_closed, OUTCOMES)),
            ("outcome",),
        ),
        Counter("contact_sent", "Letters that left the house.", counts(MATTERS, SENT, Channel.MAIL), ("postage",)),
        Counter("contact_postage_euros", "Postage of the letters that left the house.", {Channel.MAIL: _euros}),
        Counter(
            "contact_postage_corrected_euros",
            "Postage taken back, which the counter still holds.",
            {Channel.MAIL: _euros_corrected},
        ),
        _delay("contact_registration_seconds", "the number in the register", "registration", "registered"),
        _delay("contact_assignment_seconds", "the service that has it", "assignment", "assigned"),
        _delay("contact_acknowledgement_seconds", "the acknowledgement", "acknowledgement", "acknowledged"),
        Histogram(
            "contact_first_response_seconds",
            "Elapsed time from receipt to a person's first answer, or request for a correction.",
            "first_response",
            channels_of(MATTERS),
        ),
        Histogram(
            "contact_resolution_seconds",
            "Elapsed time from receipt to what closed it, last answer or decision.",
            "resolution",
            channels_of(MATTERS),
        ),
    ]


def _having(step: str) -> tuple[Channel, ...]:
    return tuple(channel for channel, steps in STEPS.items() if step in steps)


def _step(name: str, about: str, step: str) -> Counter:
    return Counter(name, about, count(MATTERS, step, *_having(step)))


def _delay(name: str, until: str, duration: str, step: str) -> Histogram:
    return Histogram(name, f"Elapsed time from receipt to {until}.", duration, _having(step))


def _closed(channel: Channel) -> Reads:
    return counts(MATTERS, {outcome: f"closed_{outcome}" for outcome in OUTCOMES[channel]}, channel)


def _euros(figure: Figure) -> Values:
    return {(): figure.counts[_CENTS] / 100}


def _euros_corrected(figure: Figure) -> Values:
    return {(): figure.corrected.get(_CENTS, 0) / 100}
