"""Event types of contacts of any channel."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from models.envelope import Envelope, EventPart, Label
from models.events.parts import NoData
from models.topics import Channel


class ContactReasonSetData(EventPart):
    """Data of `contact.reason_set`."""

    contact_reason: Annotated[Label, StringConstraints(min_length=1)]
    """Name of the reason in the settings (`contact_reasons`)."""
    by_rule: bool = False
    """True if a rule of the settings set the reason, and not the source. A reason of the source replaces it at any time."""


class ContactReasonSet(Envelope):
    """The reason for a contact was set. The latest of the source counts, else the latest that a rule of the settings set."""

    channel: Channel
    type: Literal["contact.reason_set"] = "contact.reason_set"
    data: ContactReasonSetData


class PersonalDataErased(Envelope):
    """The source erased the personal data of a contact, or was asked to. `channel` is the contact's channel."""

    channel: Channel
    type: Literal["personal_data.erased"] = "personal_data.erased"
    data: NoData = NoData()


class ContactRetracted(Envelope):
    """The source corrected or deleted the record of a contact. The contact counts nowhere; a corrected one has a new id."""

    channel: Channel
    type: Literal["contact.retracted"] = "contact.retracted"
    data: NoData = NoData()
