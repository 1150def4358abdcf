"""Every event type, and the one discriminated union that decodes them.

A type is a noun and a verb in the past. Adding an optional field is compatible; anything else is a new `dataversion`.
Times are aware; durations are seconds.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, field_validator, model_validator

from models.envelope import Envelope, EventPart, Label
from models.topics import Channel

Seconds = Annotated[float, Field(ge=0, le=315_576_000, allow_inf_nan=False)]
"""A duration; ten years is the longest that means anything."""
YEARS: Final = range(1970, 2200)
"""In which something can be planned: the first and the last that can be written are in no year in other time zones."""
Reference = Annotated[str, StringConstraints(min_length=1, max_length=100)]
"""A source's own reference (chrono, dossier, rdv id): never a name, never free text."""
AgentName = Annotated[str, StringConstraints(max_length=100)]
"""An agent's pseudonym (`models.identities`), or empty if unknown."""
Ordinal = Annotated[int, Field(ge=1, le=1000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class Nothing(EventPart):
    """Data of an event that says all in its type and time."""


# ---------------------------------------------------------------------------------------------------------------- calls
class LeaveReason(StrEnum):
    """Why a call left a queue without an answer and without giving up."""

    TIMEOUT = "timeout"
    """Waited as long as the queue lets one wait."""
    EMPTY = "empty"
    """No agent was there (any more)."""
    KEY = "key"
    """The caller pressed a key."""
    FULL = "full"
    """The queue took no more callers."""
    CLOSED = "closed"
    """Outside opening hours, or closed for the day."""
    DIVERTED = "diverted"
    """The dialplan sent the call elsewhere."""
    WITHDRAWN = "withdrawn"
    """Taken out of the queue by a manager action."""
    INCOMPATIBLE = "incompatible"
    """Caller and agent could not be connected (SYSCOMPAT)."""
    OTHER = "other"


class EndedBy(StrEnum):
    """Who ended a conversation."""

    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"


class TransferKind(StrEnum):
    """How a call was handed on."""

    BLIND = "blind"
    ATTENDED = "attended"
    UNKNOWN = "unknown"


class AgentChange(StrEnum):
    """What changed in an agent's state."""

    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"
    PAUSED = "paused"
    UNPAUSED = "unpaused"
    CONTACT_STARTED = "contact_started"
    CONTACT_ENDED = "contact_ended"
    RING_UNANSWERED = "ring_unanswered"
    """A call rang at the agent and was not answered."""


class CallEvent(Envelope):
    """Channel `call`."""

    channel: Literal[Channel.CALL] = Channel.CALL


class CallArrivedData(EventPart):
    """The call reached the switchboard."""

    line: Label = ""
    """The configuration's name of the dialled line; never the number."""


class CallArrived(CallEvent):
    """A call reached the switchboard, before any queue."""

    type: Literal["call.arrived"] = "call.arrived"
    data: CallArrivedData = CallArrivedData()


class InQueue(EventPart):
    """One stay of a call in a queue. A call that enters queues n times has visits 1 … n, and others where it was not taken."""

    queue: Label
    visit: Ordinal = 1


class CallQueuedData(InQueue):
    """The caller began to wait."""

    position: Count | None = None


class CallQueued(CallEvent):
    """A call entered a queue."""

    type: Literal["call.queued"] = "call.queued"
    data: CallQueuedData


class CallAnsweredData(InQueue):
    """An agent took the call."""

    agent: AgentName = ""
    wait_seconds: Seconds | None = None
    ring_seconds: Seconds | None = None


class CallAnswered(CallEvent):
    """An agent answered a waiting call."""

    type: Literal["call.answered"] = "call.answered"
    data: CallAnsweredData


class CallAbandonedData(InQueue):
    """The caller hung up while waiting."""

    wait_seconds: Seconds | None = None
    position: Count | None = None
    original_position: Count | None = None


class CallAbandoned(CallEvent):
    """A caller gave up waiting."""

    type: Literal["call.abandoned"] = "call.abandoned"
    data: CallAbandonedData


class CallLeftQueueData(InQueue):
    """The wait ended otherwise."""

    reason: LeaveReason
    wait_seconds: Seconds | None = None


class CallLeftQueue(CallEvent):
    """A call left a queue, neither answered nor abandoned."""

    type: Literal["call.left_queue"] = "call.left_queue"
    data: CallLeftQueueData


class CallTransferredData(InQueue):
    """The agent handed the call on, which ends the agent's part."""

    kind: TransferKind
    to_queue: Label = ""
    """The queue it went to, if the configuration knows the extension as one."""
    wait_seconds: Seconds | None = None
    handle_seconds: Seconds | None = None


class CallTransferred(CallEvent):
    """An agent transferred an answered call."""

    type: Literal["call.transferred"] = "call.transferred"
    data: CallTransferredData


class CallEndedData(InQueue):
    """The conversation is over."""

    ended_by: EndedBy
    wait_seconds: Seconds | None = None
    handle_seconds: Seconds | None = None


class CallEnded(CallEvent):
    """An answered call ended."""

    type: Literal["call.ended"] = "call.ended"
    data: CallEndedData


class CallMenuChosenData(EventPart):
    """What the caller chose in a voice menu."""

    option: Label = ""
    """The configuration's name of the choice; empty if it has none."""


class CallMenuChosen(CallEvent):
    """A caller made a choice in a voice menu."""

    type: Literal["call.menu_chosen"] = "call.menu_chosen"
    data: CallMenuChosenData = CallMenuChosenData()


class CallVoicemailLeftData(EventPart):
    """The message itself stays where it is."""

    duration_seconds: Seconds | None = None


class CallVoicemailLeft(CallEvent):
    """A caller left a voice message."""

    type: Literal["call.voicemail_left"] = "call.voicemail_left"
    data: CallVoicemailLeftData = CallVoicemailLeftData()


class AgentStateChangedData(EventPart):
    """One change; the subject is the agent."""

    change: AgentChange
    queue: Label = ""
    """The queue it concerns; empty for all of them."""


class AgentStateChanged(CallEvent):
    """An agent logged in or out, paused, or took or ended a contact."""

    type: Literal["agent.state_changed"] = "agent.state_changed"
    data: AgentStateChangedData


# -------------------------------------------------------------------------------------------------------------- letters
class LetterEvent(Envelope):
    """Channel `mail`."""

    channel: Literal[Channel.MAIL] = Channel.MAIL


class LetterArrivedData(EventPart):
    """What the envelope and the scan tell."""

    pages: Count | None = None
    admitted_at: AwareDatetime | None = None
    """When the public body received it, if the scan came later: the start of legal delays."""


class LetterArrived(LetterEvent):
    """A letter was scanned in the mailroom."""

    type: Literal["letter.arrived"] = "letter.arrived"
    data: LetterArrivedData = LetterArrivedData()


class LetterRegisteredData(EventPart):
    """Its number in the register."""

    chrono: Reference


class LetterRegistered(LetterEvent):
    """A letter got its chrono number."""

    type: Literal["letter.registered"] = "letter.registered"
    data: LetterRegisteredData


class LetterAssigned(LetterEvent):
    """A letter was given to the service in the envelope's `service`."""

    type: Literal["letter.assigned"] = "letter.assigned"
    data: Nothing = Nothing()


class LetterAcknowledged(LetterEvent):
    """The citizen was told that the letter arrived."""

    type: Literal["letter.acknowledged"] = "letter.acknowledged"
    data: Nothing = Nothing()


class LetterAnswered(LetterEvent):
    """The letter was answered."""

    type: Literal["letter.answered"] = "letter.answered"
    data: Nothing = Nothing()


class CloseOutcome(StrEnum):
    """How a matter was closed."""

    RESOLVED = "resolved"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    REDIRECTED = "redirected"
    NO_ACTION = "no_action"


class LetterClosedData(EventPart):
    """How it ended."""

    outcome: CloseOutcome = CloseOutcome.RESOLVED


class LetterClosed(LetterEvent):
    """Nothing more is to be done for a letter."""

    type: Literal["letter.closed"] = "letter.closed"
    data: LetterClosedData = LetterClosedData()


class PostageClass(StrEnum):
    """How a letter was sent; the French post's own classes."""

    GREEN = "lettre_verte"
    SERVICES_PLUS = "lettre_services_plus"
    REGISTERED = "lettre_recommandee"
    REGISTERED_RECEIPT = "lettre_recommandee_avec_avis"
    ECONOMY = "economique"
    ONLINE = "lettre_en_ligne"


class LetterSentData(EventPart):
    """Outgoing mail and what it cost."""

    postage: PostageClass
    cost_cents: Count
    """Postage in euro cents."""


class LetterSent(LetterEvent):
    """A letter left the house."""

    type: Literal["letter.sent"] = "letter.sent"
    data: LetterSentData


# --------------------------------------------------------------------------------------------------------------- e-mail
class EmailEvent(Envelope):
    """Channel `email`."""

    channel: Literal[Channel.EMAIL] = Channel.EMAIL


class EmailReceivedData(EventPart):
    """Where it waits."""

    queue: Label = ""


class EmailReceived(EmailEvent):
    """An e-mail came in."""

    type: Literal["email.received"] = "email.received"
    data: EmailReceivedData = EmailReceivedData()


class EmailAcknowledged(EmailEvent):
    """An automatic or personal acknowledgement went out."""

    type: Literal["email.acknowledged"] = "email.acknowledged"
    data: Nothing = Nothing()


class EmailAnswered(EmailEvent):
    """A person's answer went out."""

    type: Literal["email.answered"] = "email.answered"
    data: Nothing = Nothing()


# ---------------------------------------------------------------------------------------------------------------- forms
class FormEvent(Envelope):
    """Channel `form`."""

    channel: Literal[Channel.FORM] = Channel.FORM


class FormSubmittedData(EventPart):
    """Which procedure."""

    procedure: Label


class FormSubmitted(FormEvent):
    """A citizen submitted an online procedure."""

    type: Literal["form.submitted"] = "form.submitted"
    data: FormSubmittedData


class FormTakenUp(FormEvent):
    """An agent took it up."""

    type: Literal["form.taken_up"] = "form.taken_up"
    data: Nothing = Nothing()


class FormCorrectionRequested(FormEvent):
    """The citizen was asked for a correction or a paper: now it is the citizen's turn."""

    type: Literal["form.correction_requested"] = "form.correction_requested"
    data: Nothing = Nothing()


class FormCorrected(FormEvent):
    """The citizen has corrected it."""

    type: Literal["form.corrected"] = "form.corrected"
    data: Nothing = Nothing()


class FormDecision(StrEnum):
    """What was decided."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NO_ACTION = "no_action"


class FormDecidedData(EventPart):
    """The decision."""

    decision: FormDecision


class FormDecided(FormEvent):
    """A decision was taken."""

    type: Literal["form.decided"] = "form.decided"
    data: FormDecidedData


# --------------------------------------------------------------------------------------------------------- appointments
class Party(StrEnum):
    """Who did it."""

    CITIZEN = "citizen"
    SERVICE = "service"


class AppointmentEvent(Envelope):
    """Channel `appointment`."""

    channel: Literal[Channel.APPOINTMENT] = Channel.APPOINTMENT


class AppointmentSlotData(EventPart):
    """When it takes place."""

    starts_at: AwareDatetime
    """In the years 1970 to 2199."""
    by: Party = Party.CITIZEN
    queue: Label = ""
    """What it is for, as a word of the configuration."""

    @field_validator("starts_at")
    @classmethod
    def _check_year(cls, starts_at: datetime) -> datetime:
        if starts_at.year not in YEARS:
            raise ValueError("no year of an appointment")
        return starts_at


class AppointmentBooked(AppointmentEvent):
    """An appointment was made."""

    type: Literal["appointment.booked"] = "appointment.booked"
    data: AppointmentSlotData


class AppointmentMoved(AppointmentEvent):
    """It was moved to another time."""

    type: Literal["appointment.moved"] = "appointment.moved"
    data: AppointmentSlotData


class AppointmentCancelledData(EventPart):
    """By whom."""

    by: Party


class AppointmentCancelled(AppointmentEvent):
    """It was cancelled."""

    type: Literal["appointment.cancelled"] = "appointment.cancelled"
    data: AppointmentCancelledData


class AppointmentCheckedIn(AppointmentEvent):
    """The citizen is there."""

    type: Literal["appointment.checked_in"] = "appointment.checked_in"
    data: Nothing = Nothing()


class AppointmentAttended(AppointmentEvent):
    """It took place."""

    type: Literal["appointment.attended"] = "appointment.attended"
    data: Nothing = Nothing()


class AppointmentMissed(AppointmentEvent):
    """The citizen did not come."""

    type: Literal["appointment.missed"] = "appointment.missed"
    data: Nothing = Nothing()


# --------------------------------------------------------------------------------------------------------------- visits
class VisitEvent(Envelope):
    """Channel `visit`."""

    channel: Literal[Channel.VISIT] = Channel.VISIT


class VisitArrivedData(EventPart):
    """Where the visitor waits."""

    queue: Label = ""


class VisitArrived(VisitEvent):
    """A visitor took a ticket at a front desk."""

    type: Literal["visit.arrived"] = "visit.arrived"
    data: VisitArrivedData = VisitArrivedData()


class VisitCalled(VisitEvent):
    """The visitor was called to a desk."""

    type: Literal["visit.called"] = "visit.called"
    data: Nothing = Nothing()


class VisitServed(VisitEvent):
    """The visitor was served."""

    type: Literal["visit.served"] = "visit.served"
    data: Nothing = Nothing()


class VisitLeft(VisitEvent):
    """The visitor left without being served."""

    type: Literal["visit.left"] = "visit.left"
    data: Nothing = Nothing()


# ------------------------------------------------------------------------------------------------------------- feedback
class FeedbackScale(StrEnum):
    """What a score means; the name ends with the lowest and the highest."""

    CSAT_5 = "csat_1_5"
    CES_5 = "ces_1_5"
    CES_7 = "ces_1_7"
    NPS = "nps_0_10"
    JDMA = "jdma_0_10"

    @property
    def scores(self) -> range:
        """All scores that there are on it."""
        lowest, highest = self.value.rsplit("_", 2)[1:]
        return range(int(lowest), int(highest) + 1)


class FeedbackEvent(Envelope):
    """Channel `feedback`; the subject is the contact that the feedback is about."""

    channel: Literal[Channel.FEEDBACK] = Channel.FEEDBACK


class FeedbackInvited(FeedbackEvent):
    """A citizen was asked for an opinion."""

    type: Literal["feedback.invited"] = "feedback.invited"
    data: Nothing = Nothing()


class FeedbackGivenData(EventPart):
    """The opinion, as a number. Free text stays in the connector."""

    scale: FeedbackScale
    score: Annotated[int, Field(ge=0, le=10)]

    @model_validator(mode="after")
    def _check_score(self) -> Self:
        if self.score not in self.scale.scores:
            raise ValueError("the score is not on the scale")
        return self


class FeedbackGiven(FeedbackEvent):
    """A citizen answered a survey."""

    type: Literal["feedback.given"] = "feedback.given"
    data: FeedbackGivenData


# -------------------------------------------------------------------------------------------------------------- erasure
class PersonalDataErased(Envelope):
    """The source erased a contact's person, or was asked to: on the channel whose contact it is."""

    channel: Channel
    type: Literal["personal_data.erased"] = "personal_data.erased"
    data: Nothing = Nothing()


CallEvents = (
    CallArrived
    | CallMenuChosen
    | CallQueued
    | CallAnswered
    | CallAbandoned
    | CallLeftQueue
    | CallTransferred
    | CallEnded
    | CallVoicemailLeft
    | AgentStateChanged
)
LetterEvents = (
    LetterArrived | LetterRegistered | LetterAssigned | LetterAcknowledged | LetterAnswered | LetterClosed | LetterSent
)
EmailEvents = EmailReceived | EmailAcknowledged | EmailAnswered
FormEvents = FormSubmitted | FormTakenUp | FormCorrectionRequested | FormCorrected | FormDecided
AppointmentEvents = (
    AppointmentBooked
    | AppointmentMoved
    | AppointmentCancelled
    | AppointmentCheckedIn
    | AppointmentAttended
    | AppointmentMissed
)
VisitEvents = VisitArrived | VisitCalled | VisitServed | VisitLeft
FeedbackEvents = FeedbackInvited | FeedbackGiven

Event = Annotated[
    CallEvents
    | LetterEvents
    | EmailEvents
    | FormEvents
    | AppointmentEvents
    | VisitEvents
    | FeedbackEvents
    | PersonalDataErased,
    Field(discriminator="type"),
]
"""Any event, those of a channel in the order in which they happen as a rule; decode with `models.codec.decode`."""
