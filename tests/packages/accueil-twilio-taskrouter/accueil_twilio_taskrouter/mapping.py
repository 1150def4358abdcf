"""What one event callback means (https://www.twilio.com/docs/taskrouter/api/event/reference)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from models.codec import Unusable
from models.events import (
    CallAbandoned,
    CallAbandonedData,
    CallAnswered,
    CallAnsweredData,
    CallEnded,
    CallEndedData,
    CallLeftQueue,
    CallLeftQueueData,
    CallQueued,
    CallQueuedData,
    EndedBy,
    Event,
    LeaveReason,
)
from models.identities import IdentityKind, PseudonymKey, normalise_phone
from models.ids import agent_id, contact_id, event_id
from models.reasons import Reason
from models.topics import Channel

SID: Final = re.compile(r"[A-Z]{2}[0-9a-f]{32}", re.ASCII)


class Attributes(msgspec.Struct):
    """What `<Enqueue>` tells of a call; tasks of other channels have no `call_sid`."""

    call_sid: str = ""
    caller: str = msgspec.field(name="from", default="")


def read_event(body: bytes, source: str, queues: Mapping[str, str], key: PseudonymKey) -> list[Event]:
    """Return what a callback means; nothing if it is not about a call. Raises `Unusable`."""
    try:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        attributes = msgspec.json.decode(form.get("TaskAttributes") or "{}", type=Attributes)
    except UnicodeDecodeError:
        raise Unusable(Reason.INVALID_UTF8) from None
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise Unusable(Reason.UNREADABLE_LINE) from None
    return _about_a_call(form, attributes, source, queues, key) if attributes.call_sid else []


def _about_a_call(
    form: dict[str, str], attributes: Attributes, source: str, queues: Mapping[str, str], key: PseudonymKey
) -> list[Event]:
    task, queue, worker = _sid(form, "TaskSid"), queues.get(form.get("TaskQueueName", "")), form.get("WorkerSid", "")
    if queue is None:
        raise Unusable(Reason.UNKNOWN_RECORD, "TaskQueueName")
    phone = normalise_phone(attributes.caller)
    said: dict[str, Any] = {
        "id": event_id(source, _sid(form, "Sid")),
        "source": source,
        "subject": contact_id(Channel.CALL, source, task),
        "time": datetime.fromtimestamp(_number(form, "TimestampMs") / 1000, UTC),
        "sector": key.sector,
        "identities": key.pseudonym(IdentityKind.PHONE, phone) if phone else "",
    }
    match form.get("EventType"), form.get("TaskCanceledReason"):
        case "task-queue.entered", _:
            return [CallQueued(**said, data=CallQueuedData(queue=queue))]
        case "reservation.accepted", _:
            agent = agent_id(source, key.pseudonym(IdentityKind.AGENT, worker)) if worker else ""
            waited = _number(form, "TaskAge")
            return [CallAnswered(**said, data=CallAnsweredData(queue=queue, agent=agent, wait_seconds=waited))]
        case "task.canceled", "hangup":
            return [CallAbandoned(**said, data=CallAbandonedData(queue=queue, wait_seconds=_number(form, "TaskAge")))]
        case "task.canceled", _:
            left = CallLeftQueueData(queue=queue, reason=LeaveReason.OTHER, wait_seconds=_number(form, "TaskAge"))
            return [CallLeftQueue(**said, data=left)]
        case "task.completed", _:
            return [CallEnded(**said, data=CallEndedData(queue=queue, ended_by=EndedBy.SYSTEM))]
        case _:
            return []


def _sid(form: Mapping[str, str], name: str) -> str:
    if not SID.fullmatch(form.get(name, "")):
        raise Unusable(Reason.INVALID_FIELD, name)
    return form[name]


def _number(form: Mapping[str, str], name: str) -> int:
    if not re.fullmatch(r"\d{1,14}", form.get(name, ""), re.ASCII):
        raise Unusable(Reason.INVALID_FIELD, name)
    return int(form[name])
