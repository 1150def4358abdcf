"""What people read of incidents, in French and English: who waits for what since when, and nothing of the citizen."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from models.instants import day_that_ends
from streams.notify.incidents import BROKEN, Incident, Kind, What
from streams.notify.options import Language
from streams.notify.store import Telling

Both = dict[Language, str]
DAY: Final = "%d/%m/%Y"

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
HEADS: Final[dict[Kind, Both]] = {
    Kind.BREACHED: {"fr": "Délai dépassé", "en": "Deadline passed"},
    Kind.AT_RISK: {"fr": "Délai bientôt dépassé", "en": "Deadline near"},
}
ENDS: Final[dict[str, Both]] = {
    "met": {"fr": "c'est fait", "en": "done"},
    "cancelled": {"fr": "plus personne n'attend", "en": "nobody waits any more"},
    "paused": {"fr": "en attente de l'usager", "en": "it is for the citizen to act"},
    "moved": {"fr": "l'échéance est reportée", "en": "there is another deadline"},
    "breached": {"fr": "l'échéance est passée", "en": "the deadline passed"},
}
OVER: Final[Both] = {"fr": "Terminé", "en": "Over"}
LATE: Final[Both] = {"fr": "signalé en retard", "en": "told late"}
STOPS: Final[Both] = {"fr": " : ", "en": ": "}
DESCRIPTIONS: Final[Both] = {
    "fr": "{contact} (règle {policy}, horloge {clock}) : échéance le {deadline}.",
    "en": "{contact} (policy {policy}, clock {clock}): due on {deadline}.",
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
        {"fr": "1 incident terminé", "en": "1 incident over"},
        {"fr": "{} incidents terminés", "en": "{} incidents over"},
    ),
}
"""Of one, and of several."""
TESTS: Final[Both] = {
    "fr": "Essai d'Accueil : ce message ne demande rien",
    "en": "A test of Accueil: nothing needs to be done",
}


def summarise(incident: Incident, language: Language) -> str:
    """Return an incident in a few words."""
    channel = CHANNELS.get(incident.channel, {}).get(language, incident.channel)
    clock = CLOCKS.get(incident.clock, {}).get(language, incident.clock)
    place = ", ".join(filter(None, (incident.service, incident.queue, incident.site)))
    words = f"{HEADS[incident.kind][language]}{STOPS[language]}{clock}, {channel}"
    return f"{words} ({place})" if place else words


def describe(incident: Incident, language: Language, zone: ZoneInfo) -> str:
    """Return what there is to know of an incident, in a sentence."""
    text = DESCRIPTIONS[language].format(
        contact=incident.contact,
        policy=incident.policy,
        clock=incident.clock,
        deadline=_tell_deadline(incident.deadline_at, zone),
    )
    return f"{text} ({LATE[language]})" if incident.late else text


def headline(tellings: Sequence[Telling], language: Language) -> str:
    """Return a message in one line; one that tells nothing is a test."""
    if not tellings:
        return TESTS[language]
    if len(tellings) > 1:
        counts = Counter("broken" if _is_broken(one) else one.what.value for one in tellings)
        told = ((forms[counts[part] > 1], counts[part]) for part, forms in DIGESTS.items() if counts[part])
        return ", ".join(both[language].format(count) for both, count in told)
    what, incident = tellings[0].what, tellings[0].incident
    words = summarise(incident, language)
    return f"{OVER[language]}{STOPS[language]}{words}" if what is What.ENDED else words


def _is_broken(telling: Telling) -> bool:
    return telling.what is What.ENDED and telling.incident.end == BROKEN


def explain(telling: Telling, language: Language, zone: ZoneInfo) -> str:
    """Return what there is to know of an incident, of one that is over first since when and why."""
    text = describe(telling.incident, language, zone)
    return text if telling.what is What.STARTED else f"{_end(telling.incident, language, zone)}. {text}"


def line(telling: Telling, language: Language, zone: ZoneInfo) -> str:
    """Return all that is told of an incident, in one line."""
    incident = telling.incident
    text = f"{summarise(incident, language)}. {describe(incident, language, zone)}"
    if telling.what is What.STARTED:
        return text
    return f"{_end(incident, language, zone)}{STOPS[language]}{text}"


def _end(incident: Incident, language: Language, zone: ZoneInfo) -> str:
    why = ENDS.get(incident.end, {}).get(language, incident.end)
    when = local(incident.ended_at or 0, zone)
    return f"{OVER[language]} ({', '.join(filter(None, (why, when)))})"


def _tell_deadline(at: int, zone: ZoneInfo) -> str:
    """Return a deadline: the last day if it is the midnight after one."""
    day = day_that_ends(at, zone)
    return local(at, zone) if day is None else f"{day:{DAY}}"


def local(at: int, zone: ZoneInfo) -> str:
    """Return a time (milliseconds since 1970) as the clock on the wall shows it."""
    return datetime.fromtimestamp(at / 1000, zone).strftime(f"{DAY} %H:%M:%S %Z")
