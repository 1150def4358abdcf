"""Sites, services and contact volumes of the simulated département.

The volumes match a contact centre of about a million contacts per year, distributed as in annual reports: mostly calls,
then letters and e-mail, then the other channels.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, NamedTuple

from connectors.simulator.actions import CitizenCase, Place
from connectors.simulator.illisa.procedures import PROCEDURES as ILLISA_PROCEDURES
from connectors.simulator.office_hours import ArrivalRhythm
from models.topics import Channel

HEADQUARTERS: Final = "siege"
CENTRES: Final = ("cdas-nord", "cdas-sud", "cdas-est", "cdas-ouest")
"""Sites that receive visitors (centre départemental d'action sociale)."""
SECTOR: Final = "demonstration"
"""Sector of all systems, so that a citizen has the same pseudonym in each."""
CALL_SHARE: Final = 0.56
"""Share of calls among all contacts."""


class DirectLine(NamedTuple):
    """A number that leads to a service without a queue."""

    number: str
    service: str


DIRECT_LINES: Final = {
    "mdph-direct": DirectLine("0199000021", "mdph"),
    "rsa-direct": DirectLine("0199000031", "rsa"),
    "routes-direct": DirectLine("0199000061", "routes"),
}


class ContactReason(NamedTuple):
    """A reason for contact, and what sets it."""

    label_fr: str
    label_en: str
    menu_options: tuple[str, ...] = ()
    procedures: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    """Subjects of e-mails."""


CONTACT_REASONS: Final = {
    "renseignement": ContactReason(
        "Renseignement général",
        "General enquiry",
        menu_options=("accueil", "archives"),
        subjects=("Une question", "Consultation d'archives"),
    ),
    "handicap": ContactReason(
        "Handicap", "Disability", menu_options=("mdph",), procedures=("transport-adapte",), subjects=("Dossier MDPH",)
    ),
    "aide-sociale": ContactReason(
        "RSA et aides sociales",
        "Income support",
        menu_options=("rsa",),
        procedures=("aides-logement",),
        subjects=("Dossier RSA",),
    ),
    "petite-enfance": ContactReason(
        "Petite enfance", "Early childhood", menu_options=("pmi",), procedures=("agrements",)
    ),
    "transport-scolaire": ContactReason(
        "Transport scolaire",
        "School transport",
        menu_options=("transports-scolaires",),
        subjects=("Carte de transport",),
    ),
    "voirie": ContactReason("Routes et voirie", "Roads", menu_options=("routes",), procedures=("arretes-voirie",)),
}
"""Closed list of the reasons for contact, by name."""
SUBJECTS: Final = {
    "accueil": "Une question",
    "archives": "Consultation d'archives",
    "mdph": "Dossier MDPH",
    "rsa": "Dossier RSA",
    "transports-scolaires": "Carte de transport",
}
"""Service → subject of the e-mails to it."""


def find_reason(citizen_case: CitizenCase) -> str:
    """Return the reason of a form, by its procedure, or of an e-mail, by its subject; empty if none is set."""
    procedure, subject = "", ""
    match citizen_case.channel:
        case Channel.FORM:
            procedure = citizen_case.place.queue
        case Channel.EMAIL:
            subject = SUBJECTS[citizen_case.place.service]
    return next(
        (
            name
            for name, reason in CONTACT_REASONS.items()
            if procedure in reason.procedures or subject in reason.subjects
        ),
        "",
    )


class ContactKind(NamedTuple):
    """One kind of contact that begins a scenario: of a citizen, or for `NOTICES` of a service."""

    share: float
    """Share of all contacts, without follow-up contacts."""
    rhythm: ArrivalRhythm
    places: Sequence[tuple[Place, float]]
    """Places and their weights."""

    def draw(self, random: Random) -> Place:
        """Return a random place by the weights of `places`."""
        return random.choices([place for place, _ in self.places], [weight for _, weight in self.places])[0]


def _rhythm(weekend: float, *spans: tuple[int, int, int]) -> ArrivalRhythm:
    """Return a rhythm from spans: first hour, end hour (excluded), weight. Other hours have no contacts."""
    weights = {hour: weight for begin, end, weight in spans for hour in range(begin, end)}
    return ArrivalRhythm(tuple(weights.get(hour, 0) for hour in range(24)), weekend)


def _everywhere(service: str, queue: str, weight: float) -> list[tuple[Place, float]]:
    return [(Place(centre, service, queue), weight) for centre in CENTRES]


def _headquarters(weights: Mapping[str, int]) -> list[tuple[Place, float]]:
    return [(Place(HEADQUARTERS, service), weight) for service, weight in weights.items()]


POST: Final = _rhythm(0.0, (9, 10, 4), (10, 12, 6), (14, 15, 2))
"""Letters are scanned in the morning; late ones after lunch."""
WRITING: Final = _rhythm(0.3, (6, 8, 1), (8, 12, 4), (12, 14, 3), (14, 18, 4), (18, 23, 2))
AT_HOME: Final = _rhythm(0.6, (7, 9, 2), (9, 18, 3), (18, 22, 4), (22, 24, 1))
AT_WORK: Final = _rhythm(0.0, (9, 12, 3), (14, 17, 4))
VISITING: Final = _rhythm(0.0, (9, 12, 5), (14, 16, 4))

LETTERS: Final = ContactKind(
    0.095, POST, _headquarters({"mdph": 5, "rsa": 3, "transports-scolaires": 1, "archives": 1})
)
MAARCH_LETTERS: Final = ContactKind(0.025, POST, _headquarters({"routes": 3, "colleges": 2, "enfance": 2}))
"""Letters of services that register them in Maarch Courrier."""
NOTICES: Final = ContactKind(0.015, AT_WORK, LETTERS.places)
"""Outgoing letters that answer no other letter."""
EMAILS: Final = ContactKind(0.12, WRITING, _headquarters({"accueil": 4, "mdph": 3, "transports-scolaires": 2}))
EMAIL_SERVICES: Final = tuple({place.service: None for kind in (EMAILS, LETTERS) for place, _ in kind.places})
"""Services with an e-mail address. Reminders about letters are sent to the service that has the letter."""
PROCEDURES: Final = {"aides-logement": 3, "agrements": 2, "subventions-associations": 1}
"""Weights of the procedures on Démarches simplifiées. Each service decides on one of the same name, used as queue in figures."""
FORMS: Final = ContactKind(
    0.035, AT_HOME, [(Place(HEADQUARTERS, name, name), weight) for name, weight in PROCEDURES.items()]
)
ILLISA_FORMS: Final = ContactKind(
    0.025,
    WRITING,
    [(Place(HEADQUARTERS, name, name), procedure.weight) for name, procedure in ILLISA_PROCEDURES.items()],
)
"""Cases of the services that decide on Illisa, their own platform."""
APPOINTMENTS: Final = ContactKind(
    0.06, WRITING, [*_everywhere("pmi", "", 3), *_everywhere("rsa", "", 2), *_everywhere("action-sociale", "", 2)]
)
VISITS: Final = ContactKind(0.065, VISITING, _everywhere("accueil", "accueil", 1))
POSTAGE: Final = {
    "lettre_verte": (139, 70),
    "economique": (110, 12),
    "lettre_recommandee": (574, 8),
    "lettre_recommandee_avec_avis": (714, 10),
}
"""Postage class → price in euro cents (2026), and share of letters in percent."""
FRANKED_SHARE: Final = 0.4
"""Items of post that are only counted in total by the franking machine, per contact."""
FRANKED: Final = {"mdph": 4, "rsa": 4, "transports-scolaires": 2, "archives": 1}
"""Services with an account on the franking machine, and their weights."""
