"""Translation of manager interface messages to the records that the log contains for the same facts.

Events and their order: the XML documentation and the code of `apps/app_queue.c`. The messages are less precise than the
log about how a wait ends. `QueueCallerAbandon` is sent for a caller who hung up, a timeout, an empty queue and a
withdrawal. A caller who leaves by a key only leaves. The variable `QUEUESTATUS` and the next step of the dialplan show
which it was.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.manager.call_tracker import CallTracker, Leaving, Progress
from connectors.asterisk.manager.manager_event import ManagerEvent, record
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.queue_log import MESSAGE_LEFT, QueueLogRecord
from models.codec import UnusableRecord
from models.locale import _
from models.reasons import Reason

EXIT_EVENTS: Final = {
    "TIMEOUT": "EXITWITHTIMEOUT",
    "LEAVEEMPTY": "EXITEMPTY",
    "LEAVEUNAVAIL": "EXITEMPTY",
    "WITHDRAW": "WITHDRAW",
}
"""`QUEUESTATUS` after a wait → the corresponding record of the log."""
REFUSAL_EVENTS: Final = {"FULL": "=full", "JOINEMPTY": "=empty", "JOINUNAVAIL": "=empty"}
"""`QUEUESTATUS` without a wait → internal record; the log does not report refusals."""
COMPLETED: Final = {"caller": "COMPLETECALLER", "agent": "COMPLETEAGENT"}
_Handler = Callable[[ManagerEvent], Sequence[QueueLogRecord]]


class MessageTranslator:
    """Translates the messages of one switchboard in order. `tracker`, the memory of earlier messages, is updated."""

    def __init__(self, config: AsteriskConfig, names: NameResolver, tracker: CallTracker) -> None:
        self._names = names
        self._tracker = tracker
        self._custom = {"DID": "did", **config.custom_events}
        self._queue_handlers: Mapping[str, _Handler] = {
            "QueueCallerJoin": self._joined,
            "QueueCallerLeave": self._left,
            "QueueCallerAbandon": self._given_up,
            "AgentConnect": self._answered,
            "AgentComplete": self._completed,
            "AgentRingNoAnswer": lambda ami_event: [record(ami_event, "RINGNOANSWER", ami_event.number("RingTime"))],
        }
        self._call_handlers: Mapping[str, _Handler] = {
            "Newchannel": self._arrived,
            "Newexten": self._dialplan_step,
            "VarSet": self._variable_set,
            "BlindTransfer": self._transferred,
            "AttendedTransfer": self._transferred,
            "Hangup": self._hung_up,
            "UserEvent": self._user_event,
        }
        self._agent_handlers: Mapping[str, _Handler] = {
            "QueueMemberAdded": self._member_added,
            "QueueMemberRemoved": self._member_removed,
            "QueueMemberPause": self._member_paused,
            "AgentLogin": lambda ami_event: [record(ami_event, "AGENTLOGIN")],
            "AgentLogoff": lambda ami_event: [record(ami_event, "AGENTLOGOFF")],
        }

    def translate(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        """Return the log records of a message, and update the tracker. Many messages only update it and give no record.

        Raises `UnusableRecord` if a message about a queue lacks its call or queue, or one about an agent lacks the agent; also
        for `QueueCallerAbandon` before any event of the class `dialplan`. Other messages without a call give no record.
        """
        if handler := self._queue_handlers.get(ami_event.name):
            if not ami_event.call:
                raise UnusableRecord(Reason.UNREADABLE_LINE, _("it names no call"))
            if not ami_event.queue:
                raise UnusableRecord(Reason.UNREADABLE_LINE, _("it names no queue"))
            return handler(ami_event)
        if handler := self._agent_handlers.get(ami_event.name):
            if not ami_event.agent:
                raise UnusableRecord(Reason.UNREADABLE_LINE, _("it names no agent"))
            return handler(ami_event)
        handler = self._call_handlers.get(ami_event.name)
        return handler(ami_event) if handler and ami_event.call else ()

    # ------------------------------------------------------------------------------------------------------------ waits
    def _joined(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        progress = self._tracker.progress(ami_event.call)
        if progress.waiting == ami_event.queue:
            return ()  # already reported by the queue status
        abandonment = abandonment_records(ami_event, progress)
        self._tracker.calls[ami_event.call] = Progress(
            ami_event.queue, ami_event.second, self._place_of(ami_event, ami_event.get("Exten")), progress.requested
        )
        return [
            *abandonment,
            record(ami_event, "ENTERQUEUE", "", ami_event.get("CallerIDNum"), ami_event.number("Position")),
        ]

    def _given_up(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        progress = self._tracker.progress(ami_event.call)
        if progress.given_up:
            return ()
        if not self._tracker.hears_dialplan:
            raise UnusableRecord(
                Reason.UNKNOWN_RECORD,
                _("how the wait ended is in events of the class dialplan, which this user may not read"),
            )
        numbers = ami_event.number("Position"), ami_event.number("OriginalPosition"), ami_event.number("HoldTime")
        progress.given_up = Leaving(ami_event.second, ami_event.queue, *numbers)
        return ()

    def _left(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        progress = self._tracker.progress(ami_event.call)
        if progress.waiting == ami_event.queue:
            progress.waiting = ""
            if not progress.given_up:
                progress.gone = Leaving(
                    ami_event.second, ami_event.queue, wait_seconds=str(ami_event.second - progress.since)
                )
        return ()

    def _variable_set(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        self._tracker.hears_dialplan = True
        progress = self._tracker.calls.get(ami_event.call)
        match ami_event.get("Variable"), ami_event.get("Value"):
            # Internal callers are not contacts.
            case "VMSTATUS", "SUCCESS" if ami_event.call in self._tracker.memory.calls:
                return [record(ami_event, MESSAGE_LEFT)]
            case "QUEUESTATUS", status if progress and not progress.waiting:
                return self._exit_or_refusal(ami_event, progress, status)
        return ()

    def _exit_or_refusal(self, ami_event: ManagerEvent, progress: Progress, status: str) -> Sequence[QueueLogRecord]:
        if leaving := progress.given_up or progress.gone:
            if event := EXIT_EVENTS.get(status):
                progress.given_up = progress.gone = None
                return [_exit_record(ami_event, leaving, event)]
        elif progress.requested and (event := REFUSAL_EVENTS.get(status)):
            return [record(ami_event._replace(queue=progress.requested), event)]
        return ()

    def _dialplan_step(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        """Return the record of an exit by a key if this step shows one, and remember the requested queue."""
        self._tracker.hears_dialplan = True
        progress = self._tracker.calls.get(ami_event.call)
        records: list[QueueLogRecord] = []
        if progress and progress.gone and self._is_by_key(ami_event, progress):
            records.append(_exit_record(ami_event, progress.gone, "EXITWITHKEY"))
            progress.gone = None
        if ami_event.get("Application") == "Queue":
            self._tracker.progress(ami_event.call).requested = self._names.queue_key(
                ami_event.get("AppData").partition(",")[0]
            )
        return records

    def _is_by_key(self, ami_event: ManagerEvent, progress: Progress) -> bool:
        extension = ami_event.get("Extension")  # retained only for keys
        return bool(extension) and self._place_of(ami_event, extension) != progress.place

    def _place_of(self, ami_event: ManagerEvent, extension: str) -> str:
        return self._names.keyed_hash("place", f"{ami_event.get('Context')}\0{extension}")

    def _hung_up(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        progress = self._tracker.calls.pop(ami_event.call, None)
        return abandonment_records(ami_event, progress) if progress else ()

    # ---------------------------------------------------------------------------------------------------- conversations
    def _answered(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        progress = self._tracker.progress(ami_event.call)
        progress.waiting, progress.gone, progress.given_up = "", None, None
        self._tracker.talks[ami_event.call] = ami_event.queue, ami_event.agent
        return [record(ami_event, "CONNECT", ami_event.number("HoldTime"), "", ami_event.number("RingTime"))]

    def _transferred(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        if ami_event.get("Result") == "Success":
            blind, extension = ami_event.name == "BlindTransfer", ami_event.get("Extension")
            known = extension if blind and self._names.queue_of_extension(extension) else ""
            event = "BLINDTRANSFER" if blind else "ATTENDEDTRANSFER"
            self._tracker.progress(ami_event.call).transfer = f"{event}|{known}"
        return ()

    def _completed(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        self._tracker.talks.pop(ami_event.call, None)
        waited, talked = ami_event.number("HoldTime"), ami_event.number("TalkTime")
        if event := COMPLETED.get(ami_event.get("Reason")):
            return [record(ami_event, event, waited, talked)]
        progress = self._tracker.calls.get(ami_event.call, Progress())
        event, _, extension = (progress.transfer or "TRANSFER").partition("|")
        progress.transfer = ""
        return [record(ami_event, event, extension, "", waited, talked)]

    # --------------------------------------------------------------------------------------------------- outside queues
    def _arrived(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        dialled = ami_event.get("Exten")
        first = ami_event.get("Uniqueid") == ami_event.get("Linkedid")
        return [record(ami_event, "DID", dialled)] if first and self._names.line(dialled) else ()

    def _user_event(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        name = ami_event.get("UserEvent")
        # Voice messages are reported by the variable VMSTATUS already and would count twice.
        known = self._custom.get(name, "voicemail") != "voicemail"
        return [record(ami_event, name, *ami_event.get("Data").split("|"))] if known else ()

    # ----------------------------------------------------------------------------------------------------------- agents
    def _member_added(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        paused = ami_event.get("Paused") == "1"
        self._tracker.members.setdefault(ami_event.queue, {})[ami_event.agent] = paused
        return [record(ami_event, "ADDMEMBER", "PAUSED" if paused else "")]

    def _member_removed(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        self._tracker.members.get(ami_event.queue, {}).pop(ami_event.agent, None)
        return [record(ami_event, "REMOVEMEMBER")]

    def _member_paused(self, ami_event: ManagerEvent) -> Sequence[QueueLogRecord]:
        paused = ami_event.get("Paused") == "1"
        self._tracker.members.setdefault(ami_event.queue, {})[ami_event.agent] = paused
        return [record(ami_event, "PAUSE" if paused else "UNPAUSE")]


def _exit_record(ami_event: ManagerEvent, leaving: Leaving, event: str) -> QueueLogRecord:
    numbers = [leaving.position, leaving.first_position, leaving.wait_seconds]
    key = [""] if event == "EXITWITHKEY" else []
    return record(ami_event._replace(second=leaving.second, queue=leaving.queue), event, *key, *numbers)


def abandonment_records(ami_event: ManagerEvent, progress: Progress) -> Sequence[QueueLogRecord]:
    """Return an `ABANDON` record if `progress.given_up` is set, since no other reason followed, and clear it; else none."""
    given_up, progress.given_up = progress.given_up, None
    return [_exit_record(ami_event, given_up, "ABANDON")] if given_up else ()
