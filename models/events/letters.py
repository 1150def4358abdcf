"""Event types of letters and of counted post."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from models.envelope import Envelope, EventPart
from models.events.parts import Count, NoData, Reference
from models.topics import Channel


class LetterEvent(Envelope):
    """Channel `mail`."""

    channel: Literal[Channel.MAIL] = Channel.MAIL


class LetterArrivedData(EventPart):
    """Data of `letter.arrived`, read from the envelope and the scan."""

    pages: Count | None = None
    admitted_at: AwareDatetime | None = None
    """When the public body received the letter, if it was scanned later. Legal delays start here."""


class LetterArrived(LetterEvent):
    """A letter was scanned in the mailroom."""

    type: Literal["letter.arrived"] = "letter.arrived"
    data: LetterArrivedData = LetterArrivedData()


class LetterRegisteredData(EventPart):
    """Data of `letter.registered`."""

    chrono: Reference
    """Number of the letter in the mail register."""


class LetterRegistered(LetterEvent):
    """A letter got its chrono number."""

    type: Literal["letter.registered"] = "letter.registered"
    data: LetterRegisteredData


class LetterAssigned(LetterEvent):
    """A letter was assigned to the service named in the envelope's `service`."""

    type: Literal["letter.assigned"] = "letter.assigned"
    data: NoData = NoData()


class LetterAcknowledged(LetterEvent):
    """An acknowledgement of receipt was sent to the citizen."""

    type: Literal["letter.acknowledged"] = "letter.acknowledged"
    data: NoData = NoData()


class LetterAnswered(LetterEvent):
    """An answer to a letter was sent."""

    type: Literal["letter.answered"] = "letter.answered"
    data: NoData = NoData()


class CloseOutcome(StrEnum):
    """Outcome of a closed case."""

    RESOLVED = "resolved"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    REDIRECTED = "redirected"
    NO_ACTION = "no_action"


class LetterClosedData(EventPart):
    """Data of `letter.closed`."""

    outcome: CloseOutcome = CloseOutcome.RESOLVED


class LetterClosed(LetterEvent):
    """A letter's case was closed: no further work is expected."""

    type: Literal["letter.closed"] = "letter.closed"
    data: LetterClosedData = LetterClosedData()


class PostageClass(StrEnum):
    """Postage class of an outgoing letter, as La Poste names them."""

    GREEN = "lettre_verte"
    SERVICES_PLUS = "lettre_services_plus"
    REGISTERED = "lettre_recommandee"
    REGISTERED_RECEIPT = "lettre_recommandee_avec_avis"
    ECONOMY = "economique"
    ONLINE = "lettre_en_ligne"


class LetterSentData(EventPart):
    """Data of `letter.sent`."""

    postage: PostageClass
    cost_cents: Count = 0
    """Postage in euro cents; 0 if it is unknown, which adds nothing to the sums of postage."""


class LetterSent(LetterEvent):
    """The organisation posted a letter."""

    type: Literal["letter.sent"] = "letter.sent"
    data: LetterSentData


class PostDirection(StrEnum):
    """Direction of counted post."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class CountedPostClass(StrEnum):
    """Class of counted post: the postage classes, and the other classes that mailrooms count."""

    GREEN = "lettre_verte"
    SERVICES_PLUS = "lettre_services_plus"
    REGISTERED = "lettre_recommandee"
    REGISTERED_RECEIPT = "lettre_recommandee_avec_avis"
    ECONOMY = "economique"
    ONLINE = "lettre_en_ligne"
    ORDINARY = "courrier_ordinaire"
    PARCEL = "colis"
    PRESS = "presse"
    OTHER = "autre"


class PostCountedData(EventPart):
    """Data of `post.counted`."""

    post_class: CountedPostClass
    direction: PostDirection = PostDirection.OUTGOING
    items: Count
    """Number of items."""
    cost_cents: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    """Total postage in euro cents."""


class PostCounted(LetterEvent):
    """Items of post were counted in total, by a franking machine or a mailroom. They are no contacts of known citizens.

    Each total has its own subject (the `id` of a mapping), for example its day, service and class. Letters known
    one by one have `letter.*` events instead.
    """

    type: Literal["post.counted"] = "post.counted"
    data: PostCountedData


LetterEvents = (
    LetterArrived
    | LetterRegistered
    | LetterAssigned
    | LetterAcknowledged
    | LetterAnswered
    | LetterClosed
    | LetterSent
    | PostCounted
)
