"""Event types of e-mails."""

from typing import Literal

from models.envelope import Envelope, EventPart, Label
from models.events.parts import NoData
from models.topics import Channel


class EmailEvent(Envelope):
    """Channel `email`."""

    channel: Literal[Channel.EMAIL] = Channel.EMAIL


class EmailReceivedData(EventPart):
    """Data of `email.received`."""

    queue: Label = ""


class EmailReceived(EmailEvent):
    """An e-mail was received."""

    type: Literal["email.received"] = "email.received"
    data: EmailReceivedData = EmailReceivedData()


class EmailAcknowledged(EmailEvent):
    """An acknowledgement was sent, automatically or by an agent."""

    type: Literal["email.acknowledged"] = "email.acknowledged"
    data: NoData = NoData()


class EmailAnswered(EmailEvent):
    """An agent's answer was sent."""

    type: Literal["email.answered"] = "email.answered"
    data: NoData = NoData()


EmailEvents = EmailReceived | EmailAcknowledged | EmailAnswered
