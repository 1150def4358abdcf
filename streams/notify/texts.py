"""Texts of notifications in French and English: service, channel, target, waiting time and delay; no data about the citizen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from models.calendars import Unit
from models.ids import source_of
from models.policies import QUEUE_CHANNELS
from models.timestamps import day_ending_at
from streams.notify.incidents import BROKEN, ChangeKind, Incident, IncidentKind
from streams.notify.options import Language, NotifyOptions
from streams.notify.store import Notice

Both = dict[Language, str]
MINUTE_MS: Final = 60_000
"""Shortest distance from the deadline that texts mention, in milliseconds."""
DAY_HOURS: Final = 24
CLOCKS: Final[dict[str, Both]] = {
    "answer": {"fr": "réponse", "en": "answer"},
    "acknowledge": {"fr": "accusé de réception", "en": "acknowledgement"},
    "first_response": {"fr": "première réponse", "en": "first response"},
    "announced": {"fr": "délai annoncé", "en": "announced delay"},
    "resolution": {"fr": "traitement", "en": "resolution"},
}
CHANNELS: Final[dict[str, Both]] = {
    "mail": {"fr": "courrier", "en": "letter"},
    "email": {"fr": "courriel", "en": "e-mail"},
    "call": {"fr": "appel", "en": "call"},
    "form": {"fr": "démarche en ligne", "en": "online procedure"},
    "appointment": {"fr": "rendez-vous", "en": "appointment"},
    "visit": {"fr": "visite", "en": "visit"},
    "feedback": {"fr": "avis", "en": "feedback"},
}
HEADS: Final[dict[IncidentKind, Both]] = {
    IncidentKind.BREACHED: {"fr": "Délai dépassé", "en": "Deadline passed"},
    IncidentKind.AT_RISK: {"fr": "Délai bientôt dépassé", "en": "Deadline near"},
}
ENDS: Final[dict[str, Both]] = {
    "met": {"fr": "c'est fait", "en": "done"},
    "cancelled": {"fr": "plus personne n'attend", "en": "cancelled"},
    "paused": {"fr": "en attente de l'usager", "en": "waiting for the citizen"},
    "moved": {"fr": "l'échéance est reportée", "en": "the deadline was moved"},
    "breached": {"fr": "l'échéance est passée", "en": "the deadline passed"},
}
OVER: Final[Both] = {"fr": "Terminé", "en": "Ended"}
STOPS: Final[Both] = {"fr": " : ", "en": ": "}
DAYS: Final[Both] = {"fr": "%d/%m/%Y", "en": "%Y-%m-%d"}
UNITS: Final[dict[str, tuple[Both, Both]]] = {
    "working_days": ({"fr": "jour ouvré", "en": "working day"}, {"fr": "jours ouvrés", "en": "working days"}),
    "business_days": ({"fr": "jour ouvrable", "en": "business day"}, {"fr": "jours ouvrables", "en": "business days"}),
    "calendar_days": (
        {"fr": "jour calendaire", "en": "calendar day"},
        {"fr": "jours calendaires", "en": "calendar days"},
    ),
    "clear_days": ({"fr": "jour franc", "en": "clear day"}, {"fr": "jours francs", "en": "clear days"}),
    "months": ({"fr": "mois", "en": "month"}, {"fr": "mois", "en": "months"}),
}
"""Units of days and months: singular and plural."""
SPANS: Final[Both] = {"fr": "{} d'ouverture", "en": "{} of opening hours"}
WITHIN: Final[Both] = {"fr": "{} sous {}", "en": "{} within {}"}
FACTS: Final[dict[str, Both]] = {
    "service": {"fr": "Service", "en": "Service"},
    "channel": {"fr": "Canal", "en": "Channel"},
    "promised": {"fr": "Promis", "en": "Target"},
    "waiting": {"fr": "Attend depuis", "en": "Waiting since"},
    "received": {"fr": "Reçu le", "en": "Received"},
    "deadline": {"fr": "Échéance", "en": "Deadline"},
    "end": {"fr": "Terminé", "en": "Ended"},
    "late": {"fr": "Signalé en retard", "en": "Reported late"},
    "contact": {"fr": "Contact", "en": "Contact"},
    "command": {"fr": "Détail", "en": "Details"},
}
CONTACT: Final[Both] = {"fr": "n° {} dans {}", "en": "no. {} in {}"}
SEPARATORS: Final[Both] = {"fr": " ; ", "en": "; "}
POLICY: Final[Both] = {"fr": "règle {}", "en": "policy {}"}
PLACES: Final[dict[str, Both]] = {
    "site": {"fr": "site {}", "en": "site {}"},
    "queue": {"fr": "file {}", "en": "queue {}"},
}
LATENESS: Final[dict[str, Both]] = {
    "overdue": {"fr": "dépassée de {}", "en": "{} ago"},
    "left": {"fr": "dans {}", "en": "in {}"},
    "done_late": {"fr": "{} après l'échéance", "en": "{} after the deadline"},
    "known": {"fr": "connu le {}, {} après", "en": "known on {}, {} later"},
}
DIGESTS: Final[dict[str, tuple[Both, Both]]] = {
    "started": (
        {"fr": "1 délai dépassé ou bientôt dépassé", "en": "1 deadline passed or near"},
        {"fr": "{} délais dépassés ou bientôt dépassés", "en": "{} deadlines passed or near"},
    ),
    "broken": (
        {"fr": "1 avertissement dont l'échéance est passée", "en": "1 warning whose deadline passed"},
        {"fr": "{} avertissements dont l'échéance est passée", "en": "{} warnings whose deadline passed"},
    ),
    "ended": (
        {"fr": "1 incident terminé", "en": "1 incident ended"},
        {"fr": "{} incidents terminés", "en": "{} incidents ended"},
    ),
}
"""Counts in the headline of a digest: singular and plural."""
LINKS: Final[dict[str, Both]] = {
    "dashboard_url": {"fr": "Tableau de bord", "en": "Board"},
    "runbook_url": {"fr": "Que faire", "en": "What to do"},
}
TESTS: Final[Both] = {
    "fr": "Essai d'Accueil : ce message ne demande rien",
    "en": "A test of Accueil: no action needed",
}


class IncidentFormatter(NamedTuple):
    """Format incidents in one language, with the names of services and queues from the settings."""

    language: Language
    zone: ZoneInfo
    services: Mapping[str, str] = {}
    """Code → name."""
    queues: Mapping[tuple[str, str, str], str] = {}
    """Channel, site and code → name."""

    def summarise(self, incident: Incident) -> str:
        """Return an incident in one line: service, channel and target."""
        where = ", ".join(filter(None, (self.service(incident), self._channel(incident))))
        return f"{HEADS[incident.kind][self.language]}{STOPS[self.language]}{where}, {self.describe_target(incident)}"

    def service(self, incident: Incident) -> str:
        """Return the name of the service; for a call or visit without one, of its queue."""
        return self.services.get(incident.service, incident.service) or self._queue(incident)

    def describe_target(self, incident: Incident) -> str:
        """Return the target in words: `first response within 10 working days`."""
        what = CLOCKS.get(incident.clock, {}).get(self.language, incident.clock)
        if not incident.target:
            return what
        return WITHIN[self.language].format(what, self._amount(incident.target, incident.unit))

    def explain(self, notice: Notice, now: int) -> str:
        """Return all facts of an incident at `now` (milliseconds since 1970), one line each."""
        incident, is_over = notice.incident, notice.what is ChangeKind.ENDED
        facts = {
            "service": self._place(incident),
            "channel": self._channel(incident),
            "promised": f"{self.describe_target(incident)} ({POLICY[self.language].format(incident.policy)})",
            "waiting" if incident.channel in QUEUE_CHANNELS else "received": self._time(incident, incident.since),
            "deadline": self._deadline(incident, None if is_over else now),
            "end": self._end(incident) if is_over else "",
            "late": self._lateness(incident) if incident.late else "",
            "contact": self._contact(incident),
            "command": f"accueil sla explain {incident.contact}",
        }
        stop = STOPS[self.language]
        return "\n".join(f"{FACTS[fact][self.language]}{stop}{text}" for fact, text in facts.items() if text)

    def headline(self, notices: Sequence[Notice]) -> str:
        """Return a message in one line; without notices it is a test."""
        if not notices:
            return TESTS[self.language]
        if len(notices) > 1:
            counts = Counter("broken" if _is_broken(notice) else notice.what.value for notice in notices)
            parts = ((forms[counts[part] > 1], counts[part]) for part, forms in DIGESTS.items() if counts[part])
            return ", ".join(both[self.language].format(count) for both, count in parts)
        kind, incident = notices[0].what, notices[0].incident
        summary = self.summarise(incident)
        return f"{OVER[self.language]}{STOPS[self.language]}{summary}" if kind is ChangeKind.ENDED else summary

    def line(self, notice: Notice, now: int) -> str:
        """Return an incident in two lines, as part of a digest."""
        incident, is_over = notice.incident, notice.what is ChangeKind.ENDED
        stop = STOPS[self.language]
        facts = [f"{FACTS['deadline'][self.language]}{stop}{self._deadline(incident, None if is_over else now)}"]
        if is_over:
            facts.append(f"{FACTS['end'][self.language]}{stop}{self._end(incident)}")
        return f"{self.summarise(incident)}\n  {SEPARATORS[self.language].join([*facts, self._contact(incident)])}"

    def _contact(self, incident: Incident) -> str:
        """Return the number of a contact in its source system, and the connector's instance name."""
        number, source = incident.contact.rpartition(":")[2], source_of(incident.contact)
        return CONTACT[self.language].format(number, source) if source else incident.contact

    def _channel(self, incident: Incident) -> str:
        return CHANNELS.get(incident.channel, {}).get(self.language, incident.channel)

    def _queue(self, incident: Incident) -> str:
        return self.queues.get((incident.channel, incident.site, incident.queue), incident.queue)

    def _place(self, incident: Incident) -> str:
        names = {"site": incident.site, "queue": self._queue(incident)}
        parts = ", ".join(PLACES[what][self.language].format(name) for what, name in names.items() if name)
        return f"{self.service(incident)} ({parts})" if parts else self.service(incident)

    def _amount(self, target: int, unit: str) -> str:
        if unit in UNITS:
            return f"{target} {UNITS[unit][target > 1][self.language]}"
        span = self._span(target * 1000)
        return SPANS[self.language].format(span) if unit == Unit.OPENING_HOURS else span

    def _deadline(self, incident: Incident, now: int | None) -> str:
        """Return the deadline, as a date if it is the midnight after a day, and its distance from `now` (None: no distance)."""
        at = incident.deadline_at
        day = day_ending_at(at, self.zone)
        text = self._time(incident, at) if day is None else f"{day:{DAYS[self.language]}}"
        if now is None or abs(now - at) < MINUTE_MS:
            return text
        distance = LATENESS["left" if now < at else "overdue"][self.language]
        return f"{text}, {distance.format(self._span(abs(now - at)))}"

    def _end(self, incident: Incident) -> str:
        reason = ENDS.get(incident.end, {}).get(self.language, incident.end)
        ended_at = incident.ended_at or 0
        is_late = incident.end == "met" and ended_at > incident.deadline_at
        late = (
            LATENESS["done_late"][self.language].format(self._span(ended_at - incident.deadline_at)) if is_late else ""
        )
        return ", ".join(filter(None, (reason, self._time(incident, ended_at), late)))

    def _lateness(self, incident: Incident) -> str:
        if not incident.known_at:
            return ""
        known = LATENESS["known"][self.language]
        return known.format(self._time(incident, incident.known_at), self._span(incident.known_at - incident.due_at))

    def _time(self, incident: Incident, at: int) -> str:
        """Return a local time, with seconds for calls and visits; empty if unknown."""
        if not at:
            return ""
        clock = "%H:%M:%S" if incident.channel in QUEUE_CHANNELS else "%H:%M"
        return datetime.fromtimestamp(at / 1000, self.zone).strftime(f"{DAYS[self.language]} {clock} %Z")

    def _span(self, milliseconds: int) -> str:
        """Return a duration in its largest unit and the next smaller one, such as `2 h 05 min`."""
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
