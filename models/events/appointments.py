"""Event types of appointments."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, field_validator

from models.envelope import Envelope, EventPart, Label
from models.events.parts import YEARS, NoData
from models.topics import Channel


class Party(StrEnum):
    """The party that booked, moved or cancelled an appointment."""

    CITIZEN = "citizen"
    SERVICE = "service"


class AppointmentEvent(Envelope):
    """Channel `appointment`."""

    channel: Literal[Channel.APPOINTMENT] = Channel.APPOINTMENT


class AppointmentSlotData(EventPart):
    """Data of `appointment.booked` and `appointment.moved`."""

    starts_at: AwareDatetime
    """In the years 1970 to 2199."""
    by: Party = Party.CITIZEN
    queue: Label = ""
    """Configured name of the appointment's purpose."""

    @field_validator("starts_at")
    @classmethod
    def _check_year(cls, starts_at: datetime) -> datetime:
        if starts_at.year not in YEARS:
            raise ValueError("the year of an appointment must be 1970 to 2199")
        return starts_at


class AppointmentBooked(AppointmentEvent):
    """An appointment was booked."""

    type: Literal["appointment.booked"] = "appointment.booked"
    data: AppointmentSlotData


class AppointmentMoved(AppointmentEvent):
    """An appointment was moved to another time."""

    type: Literal["appointment.moved"] = "appointment.moved"
    data: AppointmentSlotData


class AppointmentCancelledData(EventPart):
    """Data of `appointment.cancelled`."""

    by: Party


class AppointmentCancelled(AppointmentEvent):
    """An appointment was cancelled."""

    type: Literal["appointment.cancelled"] = "appointment.cancelled"
    data: AppointmentCancelledData


class AppointmentCheckedIn(AppointmentEvent):
    """The citizen arrived for an appointment."""

    type: Literal["appointment.checked_in"] = "appointment.checked_in"
    data: NoData = NoData()


class AppointmentAttended(AppointmentEvent):
    """An appointment took place."""

    type: Literal["appointment.attended"] = "appointment.attended"
    data: NoData = NoData()


class AppointmentMissed(AppointmentEvent):
    """The citizen did not come to an appointment."""

    type: Literal["appointment.missed"] = "appointment.missed"
    data: NoData = NoData()


AppointmentEvents = (
    AppointmentBooked
    | AppointmentMoved
    | AppointmentCancelled
    | AppointmentCheckedIn
    | AppointmentAttended
    | AppointmentMissed
)
