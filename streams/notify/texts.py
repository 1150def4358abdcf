"""Texts of notifications in French and English: service, channel, target, waiting time and delay; no data about the citizen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from models.calendars import Unit
from models.ids import source_of
from models.locale import C_, N_, translate
from models.policies import QUEUE_CHANNELS
from models.timestamps import day_ending_at
from streams.notify.incidents import BROKEN, ChangeKind, Incident, IncidentKind
from streams.notify.options import Language, NotifyOptions
from streams.notify.store import Notice

MINUTE_MS: Final = 60_000
"""Shortest time to or since the deadline that is added to it ("in 5 min", "5 min ago"), in milliseconds."""
DAY_HOURS: Final = 24
CLOCKS: Final[dict[str, str]] = {
    "answer": N_("answer"),
    "acknowledge": N_("acknowledgement"),
    "first_response": N_("first response"),
    "announced": N_("announced delay"),
    "resolution": N_("resolution"),
}
CHANNELS: Final[dict[str, str]] = {
    "mail": N_("letter"),
    "email": N_("e-mail"),
    "call": N_("call"),
    "form": N_("online procedure"),
    "appointment": N_("appointment"),
    "visit": N_("visit"),
    "feedback": N_("feedback"),
}
ENDS: Final[dict[str, str]] = {
    "met": C_("notification", "done"),
    "cancelled": N_("cancelled"),
    "paused": N_("waiting for the citizen"),
    "moved": N_("the deadline was moved"),
    "breached": N_("the deadline passed"),
}
DATE: Final = N_("%Y-%m-%d")
UNITS: Final[dict[str, tuple[str, str]]] = {
    "working_days": (N_("working day"), N_("working days")),
    "business_days": (N_("business day"), N_("business days")),
    "calendar_days": (N_("calendar day"), N_("calendar days")),
    "clear_days": (N_("clear day"), N_("clear days")),
    "months": (N_("month"), N_("months")),
}
"""Units of days and months: singular and plural."""
DIGESTS: Final[dict[str, tuple[str, str]]] = {
    "started": (N_("1 deadline passed or near"), N_("{} deadlines passed or near")),
    "broken": (N_("1 warning whose deadline passed"), N_("{} warnings whose deadline passed")),
    "ended": (N_("1 incident ended"), N_("{} incidents ended")),
}
"""Counts in the headline of a digest: singular and plural."""
LINKS: Final[dict[str, str]] = {
    "dashboard_url": C_("notification", "Board"),
    "runbook_url": N_("What to do"),
}
TESTS: Final = N_("A test of Accueil: no action needed")


class IncidentFormatter(NamedTuple):
    """Format incidents in one language, with the names of services and queues from the settings."""

    language: Language
    zone: ZoneInfo
    services: Mapping[str, str] = {}
    """Code → name."""
    queues: Mapping[tuple[str, str, str], str] = {}
    """Channel, site and code → name."""

    def translate(self, message: str) -> str:
        """Return a message in this language."""
        return translate(message, self.language)

    def labelled(self, label: str, text: str) -> str:
        """Return `text` after the translated label."""
        return "".join((self.translate(label), self.translate(": "), text))

    def summarise(self, incident: Incident) -> str:
        """Return an incident in one line: `Deadline passed` or `Deadline near`, then service, channel and target."""
        where = ", ".join(filter(None, (self.service(incident), self._channel(incident))))
        is_breached = incident.kind is IncidentKind.BREACHED
        head = N_("Deadline passed") if is_breached else N_("Deadline near")
        return self.labelled(head, f"{where}, {self.describe_target(incident)}")

    def service(self, incident: Incident) -> str:
        """Return the name of the service, or its code if it has none; without a service, the name of the queue."""
        return self.services.get(incident.service, incident.service) or self._queue(incident)

    def describe_target(self, incident: Incident) -> str:
        """Return the target in words: `first response within 10 working days`; `first response` if no duration is known."""
        what = self.translate(CLOCKS.get(incident.clock, incident.clock))
        if not incident.target:
            return what
        return self.translate("{} within {}").format(what, self._amount(incident.target, incident.unit))

    def explain(self, notice: Notice, now: int) -> str:
        """Return all known facts of an incident at `now` (milliseconds since 1970), one line each."""
        incident, is_over = notice.incident, notice.what is ChangeKind.ENDED
        policy = self.translate("policy {}").format(incident.policy)
        since = N_("Waiting since") if incident.channel in QUEUE_CHANNELS else C_("notification", "Received")
        facts = {
            N_("Service"): self._place(incident),
            N_("Channel"): self._channel(incident),
            N_("Target"): f"{self.describe_target(incident)} ({policy})",
            since: self._time(incident, incident.since),
            N_("Deadline"): self._deadline(incident, None if is_over else now),
            N_("Ended"): self._end(incident) if is_over else "",
            N_("Reported late"): self._lateness(incident) if incident.late else "",
            N_("Contact"): self._contact(incident),
            C_("notification", "Details"): f"accueil sla explain {incident.contact}",
        }
        return "\n".join(self.labelled(label, text) for label, text in facts.items() if text)

    def headline(self, notices: Sequence[Notice]) -> str:
        """Return the subject of a message: a summary of one incident, counts for a digest, or the test text without notices."""
        if not notices:
            return self.translate(TESTS)
        if len(notices) > 1:
            counts = Counter("broken" if _is_broken(notice) else notice.what.value for notice in notices)
            parts = ((forms[counts[part] > 1], counts[part]) for part, forms in DIGESTS.items() if counts[part])
            return ", ".join(self.translate(both).format(count) for both, count in parts)
        kind, incident = notices[0].what, notices[0].incident
        summary = self.summarise(incident)
        return self.labelled("Ended", summary) if kind is ChangeKind.ENDED else summary

    def line(self, notice: Notice, now: int) -> str:
        """Return an incident in two lines, as part of a digest."""
        incident, is_over = notice.incident, notice.what is ChangeKind.ENDED
        facts = [self.labelled("Deadline", self._deadline(incident, None if is_over else now))]
        if is_over:
            facts.append(self.labelled("Ended", self._end(incident)))
        details = self.translate("; ").join([*facts, self._contact(incident)])
        return f"{self.summarise(incident)}\n  {details}"

    def _contact(self, incident: Incident) -> str:
        """Return a contact's number in its source system, and its source `<connector>/<instance>`; the whole id without one."""
        number, source = incident.contact.rpartition(":")[2], source_of(incident.contact)
        return self.translate("no. {} in {}").format(number, source) if source else incident.contact

    def _channel(self, incident: Incident) -> str:
        return self.translate(CHANNELS.get(incident.channel, incident.channel))

    def _queue(self, incident: Incident) -> str:
        return self.queues.get((incident.channel, incident.site, incident.queue), incident.queue)

    def _place(self, incident: Incident) -> str:
        names = {N_("site {}"): incident.site, N_("queue {}"): self._queue(incident)}
        parts = ", ".join(self.translate(message).format(name) for message, name in names.items() if name)
        return f"{self.service(incident)} ({parts})" if parts else self.service(incident)

    def _amount(self, target: int, unit: str) -> str:
        if unit in UNITS:
            return f"{target} {self.translate(UNITS[unit][target > 1])}"
        span = self._span(target * 1000)
        return self.translate("{} of opening hours").format(span) if unit == Unit.OPENING_HOURS else span

    def _deadline(self, incident: Incident, now: int | None) -> str:
        """Return the deadline, as a date if it is the midnight after a day, and its distance from `now` (None: no distance)."""
        at = incident.deadline_at
        day = day_ending_at(at, self.zone)
        text = self._time(incident, at) if day is None else f"{day:{self.translate(DATE)}}"
        if now is None or abs(now - at) < MINUTE_MS:
            return text
        distance = self.translate("in {}") if now < at else self.translate("{} ago")
        return f"{text}, {distance.format(self._span(abs(now - at)))}"

    def _end(self, incident: Incident) -> str:
        reason = self.translate(ENDS.get(incident.end, incident.end))
        ended_at = incident.ended_at or 0
        is_late = incident.end == "met" and ended_at > incident.deadline_at
        late = (
            self.translate("{} after the deadline").format(self._span(ended_at - incident.deadline_at))
            if is_late
            else ""
        )
        return ", ".join(filter(None, (reason, self._time(incident, ended_at), late)))

    def _lateness(self, incident: Incident) -> str:
        if not incident.known_at:
            return ""
        known = self.translate("known on {}, {} later")
        return known.format(self._time(incident, incident.known_at), self._span(incident.known_at - incident.due_at))

    def _time(self, incident: Incident, at: int) -> str:
        """Return a local time, with seconds for calls and visits; empty if unknown."""
        if not at:
            return ""
        clock = "%H:%M:%S" if incident.channel in QUEUE_CHANNELS else "%H:%M"
        return datetime.fromtimestamp(at / 1000, self.zone).strftime(f"{self.translate(DATE)} {clock} %Z")

    def _span(self, milliseconds: int) -> str:
        """Return a duration in its largest unit and the next smaller one, unless that is 0: `2 h 05 min`. Days begin at 48 h."""
        minutes, seconds = divmod(milliseconds // 1000, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24) if hours >= 2 * DAY_HOURS else (0, hours)
        parts = [(days, "j" if self.language == "fr" else "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
        first = next((index for index, (amount, _) in enumerate(parts) if amount), len(parts) - 1)
        (amount, unit), rest = parts[first], parts[first + 1 : first + 2]
        return " ".join([f"{amount} {unit}", *(f"{more:02} {smaller}" for more, smaller in rest if more)])


def make_incident_formatter(options: NotifyOptions, language: Language) -> IncidentFormatter:
    """Return the formatter of a language, with the names from the settings."""
    return IncidentFormatter(
        language, options.time_zone, options.services.get(language, {}), options.queues.get(language, {})
    )


def _is_broken(notice: Notice) -> bool:
    return notice.what is ChangeKind.ENDED and notice.incident.end == BROKEN
