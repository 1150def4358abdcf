"""Event types of visits at front desks."""

from typing import Literal

from models.envelope import Envelope, EventPart, Label
from models.events.parts import NoData
from models.topics import Channel


class VisitEvent(Envelope):
    """Channel `visit`."""

    channel: Literal[Channel.VISIT] = Channel.VISIT


class VisitArrivedData(EventPart):
    """Data of `visit.arrived`."""

    queue: Label = ""


class VisitArrived(VisitEvent):
    """A visitor took a ticket at a front desk."""

    type: Literal["visit.arrived"] = "visit.arrived"
    data: VisitArrivedData = VisitArrivedData()


class VisitCalled(VisitEvent):
    """A visitor was called to a desk."""

    type: Literal["visit.called"] = "visit.called"
    data: NoData = NoData()


class VisitServed(VisitEvent):
    """A visitor was served."""

    type: Literal["visit.served"] = "visit.served"
    data: NoData = NoData()


class VisitLeft(VisitEvent):
    """A visitor left without being served."""

    type: Literal["visit.left"] = "visit.left"
    data: NoData = NoData()


VisitEvents = VisitArrived | VisitCalled | VisitServed | VisitLeft
