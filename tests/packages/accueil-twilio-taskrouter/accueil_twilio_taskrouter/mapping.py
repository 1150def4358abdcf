"""What one event callback means (https://www.twilio.com/docs/taskrouter/api/event/reference)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from connectors.sdk.decoding import decode_form, decode_json
from connectors.sdk.pseudonyms import citizen_identities
from models import events
from models.codec import UnusableRecord
from models.identities import IdentityKind, PseudonymKey
from models.ids import agent_id, contact_id, event_id
from models.reasons import Reason
from models.topics import Channel

Sid = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{2}[0-9a-f]{32}\Z")]


class Attributes(msgspec.Struct):
    """What `<Enqueue>` tells of a call; tasks of other channels have no `call_sid`."""

    call_sid: str = ""
    caller: str = msgspec.field(name="from", default="")


class Callback(msgspec.Struct, rename="pascal"):
    """What a callback tells (`EventType`, `Sid` …); those about workers name no task."""

    event_type: str
    sid: Sid
    timestamp_ms: Annotated[int, msgspec.Meta(ge=0, lt=10**14)]
    task_sid: Sid = ""
    task_attributes: str = ""
    task_queue_name: str = ""
    task_age: Annotated[int, msgspec.Meta(ge=0, lt=10**9)] | None = None
    task_canceled_reason: str = ""
    worker_sid: str = ""


def read_event(body: bytes, source: str, queues: Mapping[str, str], key: PseudonymKey) -> list[events.Event]:
    """Return what a callback means; nothing if it is not about a call. Raises `Unusable`."""
    told = decode_form(body, Callback)
    attributes = decode_json(told.task_attributes or "{}", Attributes)
    if not (told.task_sid and attributes.call_sid):
        return []
    if (queue := queues.get(told.task_queue_name)) is None:
        raise UnusableRecord(Reason.UNKNOWN_RECORD, "TaskQueueName")
    said: dict[str, Any] = {
        "id": event_id(source, told.sid),
        "source": source,
        "subject": contact_id(Channel.CALL, source, told.task_sid),
        "time": datetime.fromtimestamp(told.timestamp_ms / 1000, UTC),
        "sector": key.sector,
        "identities": citizen_identities(key, phone=attributes.caller),
    }
    stay: dict[str, Any] = {"queue": queue, "wait_seconds": told.task_age}
    match told.event_type, told.task_canceled_reason:
        case "task-queue.entered", _:
            return [events.CallQueued(**said, data=events.CallQueuedData(queue=queue))]
        case "reservation.accepted", _:
            agent = agent_id(source, key.pseudonym(IdentityKind.AGENT, told.worker_sid)) if told.worker_sid else ""
            return [events.CallAnswered(**said, data=events.CallAnsweredData(**stay, agent=agent))]
        case "task.canceled", "hangup":
            return [events.CallAbandoned(**said, data=events.CallAbandonedData(**stay))]
        case "task.canceled", _:
            left = events.CallLeftQueueData(**stay, reason=events.LeaveReason.OTHER)
            return [events.CallLeftQueue(**said, data=left)]
        case "task.completed", _:
            return [events.CallEnded(**said, data=events.CallEndedData(queue=queue, ended_by=events.EndedBy.SYSTEM))]
    return []
