"""Mapping of event callbacks to events (https://www.twilio.com/docs/taskrouter/api/event/reference)."""

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
    """Attributes that `<Enqueue>` sets for a call; tasks of other channels have no `call_sid`."""

    call_sid: str = ""
    caller: str = msgspec.field(name="from", default="")


class Callback(msgspec.Struct, rename="pascal"):
    """Fields of a callback (`EventType`, `Sid` …); callbacks about workers have no task."""

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
    """Return the events of a callback; none if it does not concern a call. Raises `UnusableRecord`."""
    callback = decode_form(body, Callback)
    attributes = decode_json(callback.task_attributes or "{}", Attributes)
    if not (callback.task_sid and attributes.call_sid):
        return []
    if (queue := queues.get(callback.task_queue_name)) is None:
        raise UnusableRecord(Reason.UNKNOWN_RECORD, "TaskQueueName")
    base: dict[str, Any] = {
        "id": event_id(source, callback.sid),
        "source": source,
        "subject": contact_id(Channel.CALL, source, callback.task_sid),
        "time": datetime.fromtimestamp(callback.timestamp_ms / 1000, UTC),
        "sector": key.sector,
        "identities": citizen_identities(key, phone=attributes.caller),
    }
    stay: dict[str, Any] = {"queue": queue, "wait_seconds": callback.task_age}
    match callback.event_type, callback.task_canceled_reason:
        case "task-queue.entered", _:
            return [events.CallQueued(**base, data=events.CallQueuedData(queue=queue))]
        case "reservation.accepted", _:
            agent = (sid := callback.worker_sid) and agent_id(source, key.pseudonym(IdentityKind.AGENT, sid))
            return [events.CallAnswered(**base, data=events.CallAnsweredData(**stay, agent=agent))]
        case "task.canceled", "hangup":
            return [events.CallAbandoned(**base, data=events.CallAbandonedData(**stay))]
        case "task.canceled", _:
            left = events.CallLeftQueueData(**stay, reason=events.LeaveReason.OTHER)
            return [events.CallLeftQueue(**base, data=left)]
        case "task.completed", _:
            return [events.CallEnded(**base, data=events.CallEndedData(queue=queue, ended_by=events.EndedBy.SYSTEM))]
    return []
