"""Event types of online forms."""

from enum import StrEnum
from typing import Literal

from models.envelope import Envelope, EventPart, Label
from models.events.parts import NoData
from models.topics import Channel


class FormEvent(Envelope):
    """Channel `form`."""

    channel: Literal[Channel.FORM] = Channel.FORM


class FormSubmittedData(EventPart):
    """Data of `form.submitted`."""

    procedure: Label


class FormSubmitted(FormEvent):
    """A citizen submitted an online form."""

    type: Literal["form.submitted"] = "form.submitted"
    data: FormSubmittedData


class FormTakenUp(FormEvent):
    """An agent began to process a form."""

    type: Literal["form.taken_up"] = "form.taken_up"
    data: NoData = NoData()


class FormCorrectionRequested(FormEvent):
    """The citizen was asked for a correction or a document. The form now waits for the citizen."""

    type: Literal["form.correction_requested"] = "form.correction_requested"
    data: NoData = NoData()


class FormCorrected(FormEvent):
    """The citizen sent the correction."""

    type: Literal["form.corrected"] = "form.corrected"
    data: NoData = NoData()


class FormDecision(StrEnum):
    """Outcome of a form."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NO_ACTION = "no_action"
    RESOLVED = "resolved"
    """Decided, but the source does not say how."""


class FormDecidedData(EventPart):
    """Data of `form.decided`."""

    decision: FormDecision


class FormDecided(FormEvent):
    """The service decided on a form."""

    type: Literal["form.decided"] = "form.decided"
    data: FormDecidedData


FormEvents = FormSubmitted | FormTakenUp | FormCorrectionRequested | FormCorrected | FormDecided
