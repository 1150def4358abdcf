"""What messages of the manager interface tell, as the records that the log has of the same facts.

Events and their order: the XML documentation and the code of `apps/app_queue.c`. They say less than the log of how a wait ended:
`QueueCallerAbandon` stands for a caller who hung up, for a time-out, for an empty queue and for a withdrawal, and a caller who
leaves by a key only leaves. Which it was, the variable `QUEUESTATUS` and the next step of the dialplan tell.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.manager.call_tracker import CallTracker, Leaving, Progress
from connectors.asterisk.manager.manager_event import ManagerEvent, record
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.queue_log import MESSAGE_LEFT, QueueLogRecord
from connectors.sdk.i18n import say
from models.codec import UnusableRecord
from models.reasons import Reason

NOT_BY_THE_CALLER: Final = {
    "TIMEOUT": "EXITWITHTIMEOUT",
    "LEAVEEMPTY": "EXITEMPTY",
    "LEAVEUNAVAIL": "EXITEMPTY",
    "WITHDRAW": "WITHDRAW",
}
"""`QUEUESTATUS` after a wait → the record that the log has of it."""
NOT_ENTERED: Final = {"FULL": "=full", "JOINEMPTY": "=empty", "JOINUNAVAIL": "=empty"}
"""`QUEUESTATUS` without a wait → the record: the log itself says nothing."""
COMPLETED: Final = {"caller": "COMPLETECALLER", "agent": "COMPLETEAGENT"}
_Handler = Callable[[ManagerEvent], Sequence[QueueLogRecord]]


class MessageTranslator:
    """Translates the messages of one switchboard, in order; what earlier ones said is in `watch`."""

    def __init__(self, config: AsteriskConfig, names: NameResolver, watch: CallTracker) -> None:
        self._names = names
        self._watch = watch
        self._custom = {"DID": "did", **config.custom_events}
        self._in_queues: Mapping[str, _Handler] = {
            "QueueCallerJoin": self._joined,
            "QueueCallerLeave": self._left,
            "QueueCallerAbandon": self._given_up,
            "AgentConnect": self._answered,
            "AgentComplete": self._completed,
            "AgentRingNoAnswer": lambda said: [record(said, "RINGNOANSWER", said.number("RingTime"))],
        }
        self._of_calls: Mapping[str, _Handler] = {
            "Newchannel": self._arrived,
            "Newexten": self._stepped,
            "VarSet": self._variable_set,
            "BlindTransfer": self._transferred,
            "AttendedTransfer": self._transferred,
            "Hangup": self._hung_up,
            "UserEvent": self._told_by_the_dialplan,
        }
        self._of_agents: Mapping[str, _Handler] = {
            "QueueMemberAdded": self._member_added,
            "QueueMemberRemoved": self._member_removed,
            "QueueMemberPause": self._member_paused,
            "AgentLogin": lambda said: [record(said, "AGENTLOGIN")],
            "AgentLogoff": lambda said: [record(said, "AGENTLOGOFF")],
        }

    def translate(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        """Return what a message tells. Raises `Unusable`, and has taken note of nothing then."""
        if handler := self._in_queues.get(said.event):
            if not said.call:
                raise UnusableRecord(Reason.UNREADABLE_LINE, say("it names no call", "il ne nomme pas d'appel"))
            if not said.queue:
                raise UnusableRecord(Reason.UNREADABLE_LINE, say("it names no queue", "il ne nomme pas de file"))
            return handler(said)
        if handler := self._of_agents.get(said.event):
            if not said.agent:
                raise UnusableRecord(Reason.UNREADABLE_LINE, say("it names no agent", "il ne nomme pas d'agent"))
            return handler(said)
        handler = self._of_calls.get(said.event)
        return handler(said) if handler and said.call else ()

    # ------------------------------------------------------------------------------------------------------------ waits
    def _joined(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        progress = self._watch.progress(said.call)
        if progress.waiting == said.queue:
            return ()  # the list of who waits told it before
        before = abandonment_records(said, progress)
        self._watch.calls[said.call] = Progress(
            said.queue, said.second, self._place_of(said, said.get("Exten")), progress.asked
        )
        return [*before, record(said, "ENTERQUEUE", "", said.get("CallerIDNum"), said.number("Position"))]

    def _given_up(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        progress = self._watch.progress(said.call)
        if progress.given_up:
            return ()
        if not self._watch.hears_dialplan:
            raise UnusableRecord(
                Reason.UNKNOWN_RECORD,
                say(
                    "how it ended is told by events of the class dialplan, which this user may not read",
                    "la façon dont il a fini est dite par des événements de la classe dialplan, que cet utilisateur ne peut lire",
                ),
            )
        places = said.number("Position"), said.number("OriginalPosition"), said.number("HoldTime")
        progress.given_up = Leaving(said.second, said.queue, *places)
        return ()

    def _left(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        progress = self._watch.progress(said.call)
        if progress.waiting == said.queue:
            progress.waiting = ""
            if not progress.given_up:
                progress.gone = Leaving(said.second, said.queue, wait_seconds=str(said.second - progress.since))
        return ()

    def _variable_set(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        self._watch.hears_dialplan = True
        progress = self._watch.calls.get(said.call)
        match said.get("Variable"), said.get("Value"):
            case "VMSTATUS", "SUCCESS" if said.call in self._watch.memory.calls:  # who calls from within is no contact
                return [record(said, MESSAGE_LEFT)]
            case "QUEUESTATUS", status if progress and not progress.waiting:
                return self._explain(said, progress, status)
        return ()

    def _explain(self, said: ManagerEvent, progress: Progress, status: str) -> Sequence[QueueLogRecord]:
        """Return how a wait ended, or why there was none."""
        if leaving := progress.given_up or progress.gone:
            if event := NOT_BY_THE_CALLER.get(status):
                progress.given_up = progress.gone = None
                return [_end(said, leaving, event)]
        elif progress.asked and (event := NOT_ENTERED.get(status)):
            return [record(said.at(queue=progress.asked), event)]
        return ()

    def _stepped(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        """Take note of the dialplan's next step; after a wait that nobody ended, a key has led there."""
        self._watch.hears_dialplan = True
        progress = self._watch.calls.get(said.call)
        found: list[QueueLogRecord] = []
        if progress and progress.gone and self._is_by_key(said, progress):
            found.append(_end(said, progress.gone, "EXITWITHKEY"))
            progress.gone = None
        if said.get("Application") == "Queue":
            self._watch.progress(said.call).asked = self._names.queue_key(said.get("AppData").partition(",")[0])
        return found

    def _is_by_key(self, said: ManagerEvent, progress: Progress) -> bool:
        extension = said.get("Extension")  # only a key's is kept
        return bool(extension) and self._place_of(said, extension) != progress.place

    def _place_of(self, said: ManagerEvent, extension: str) -> str:
        return self._names.keyed_hash("place", f"{said.get('Context')}\0{extension}")

    def _hung_up(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        progress = self._watch.calls.pop(said.call, None)
        return abandonment_records(said, progress) if progress else ()

    # ---------------------------------------------------------------------------------------------------- conversations
    def _answered(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        progress = self._watch.progress(said.call)
        progress.waiting, progress.gone, progress.given_up = "", None, None
        self._watch.talks[said.call] = said.queue, said.agent
        return [record(said, "CONNECT", said.number("HoldTime"), "", said.number("RingTime"))]

    def _transferred(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        if said.get("Result") == "Success":
            blind, extension = said.event == "BlindTransfer", said.get("Extension")
            known = extension if blind and self._names.queue_of_extension(extension) else ""
            event = "BLINDTRANSFER" if blind else "ATTENDEDTRANSFER"
            self._watch.progress(said.call).transfer = f"{event}|{known}"
        return ()

    def _completed(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        self._watch.talks.pop(said.call, None)
        waited, talked = said.number("HoldTime"), said.number("TalkTime")
        if event := COMPLETED.get(said.get("Reason")):
            return [record(said, event, waited, talked)]
        progress = self._watch.calls.get(said.call, Progress())
        event, _, extension = (progress.transfer or "TRANSFER").partition("|")
        progress.transfer = ""
        return [record(said, event, extension, "", waited, talked)]

    # --------------------------------------------------------------------------------------------------- outside queues
    def _arrived(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        dialled = said.get("Exten")
        first = said.get("Uniqueid") == said.get("Linkedid")
        return [record(said, "DID", dialled)] if first and self._names.line(dialled) else ()

    def _told_by_the_dialplan(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        name = said.get("UserEvent")
        # A voice message is told without the dialplan's help, and would be two.
        known = self._custom.get(name, "voicemail") != "voicemail"
        return [record(said, name, *said.get("Data").split("|"))] if known else ()

    # ----------------------------------------------------------------------------------------------------------- agents
    def _member_added(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        paused = said.get("Paused") == "1"
        self._watch.members.setdefault(said.queue, {})[said.agent] = paused
        return [record(said, "ADDMEMBER", "PAUSED" if paused else "")]

    def _member_removed(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        self._watch.members.get(said.queue, {}).pop(said.agent, None)
        return [record(said, "REMOVEMEMBER")]

    def _member_paused(self, said: ManagerEvent) -> Sequence[QueueLogRecord]:
        paused = said.get("Paused") == "1"
        self._watch.members.setdefault(said.queue, {})[said.agent] = paused
        return [record(said, "PAUSE" if paused else "UNPAUSE")]


def _end(said: ManagerEvent, leaving: Leaving, event: str) -> QueueLogRecord:
    """Return how a wait ended, as of when it did."""
    places = [leaving.position, leaving.first_position, leaving.wait_seconds]
    key = [""] if event == "EXITWITHKEY" else []
    return record(said.at(second=leaving.second, queue=leaving.queue), event, *key, *places)


def abandonment_records(said: ManagerEvent, progress: Progress) -> Sequence[QueueLogRecord]:
    """Return that the caller gave up, if that is so: nothing else was said to be the reason."""
    given_up, progress.given_up = progress.given_up, None
    return [_end(said, given_up, "ABANDON")] if given_up else ()
