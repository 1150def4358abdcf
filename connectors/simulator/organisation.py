"""The département that does not exist: what it is asked for where, and how often.

Sizes are those of a contact centre of about a million contacts a year, spread as such houses tell in their yearly reports:
calls most, then letters and e-mail, then the rest.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple

from connectors.simulator.actions import Place
from connectors.simulator.office_hours import ArrivalRhythm

HEADQUARTERS: Final = "siege"
CENTRES: Final = ("cdas-nord", "cdas-sud", "cdas-est", "cdas-ouest")
"""Where the département receives people (centre départemental d'action sociale)."""
SECTOR: Final = "demonstration"
"""One for all systems, so that a citizen is the same in each."""
CALL_SHARE: Final = 0.56
"""Of all contacts."""


class ContactKind(NamedTuple):
    """One kind of contact that citizens begin."""

    share: float
    """Of all contacts, without those that follow from others."""
    rhythm: ArrivalRhythm
    places: Sequence[tuple[Place, float]]
    """Where, and how often."""

    def draw(self, random: Random) -> Place:
        """Return where one goes."""
        return random.choices([place for place, _ in self.places], [weight for _, weight in self.places])[0]


def _rhythm(weekend: float, *spans: tuple[int, int, int]) -> ArrivalRhythm:
    """Return the rhythm of spans: from which hour, until which hour, with which weight."""
    weights = {hour: weight for begin, end, weight in spans for hour in range(begin, end)}
    return ArrivalRhythm(tuple(weights.get(hour, 0) for hour in range(24)), weekend)


def _everywhere(service: str, queue: str, weight: float) -> list[tuple[Place, float]]:
    return [(Place(centre, service, queue), weight) for centre in CENTRES]


POST: Final = _rhythm(0.0, (9, 10, 4), (10, 12, 6), (14, 15, 2))
"""It is scanned when it has come, in the morning; what came late, after lunch."""
WRITING: Final = _rhythm(0.3, (6, 8, 1), (8, 12, 4), (12, 14, 3), (14, 18, 4), (18, 23, 2))
AT_HOME: Final = _rhythm(0.6, (7, 9, 2), (9, 18, 3), (18, 22, 4), (22, 24, 1))
AT_WORK: Final = _rhythm(0.0, (9, 12, 3), (14, 17, 4))
VISITING: Final = _rhythm(0.0, (9, 12, 5), (14, 16, 4))

LETTERS: Final = ContactKind(
    0.095,
    POST,
    [
        (Place(HEADQUARTERS, "mdph"), 5),
        (Place(HEADQUARTERS, "rsa"), 3),
        (Place(HEADQUARTERS, "transports-scolaires"), 1),
        (Place(HEADQUARTERS, "archives"), 1),
    ],
)
MAARCH_LETTERS: Final = ContactKind(
    0.025,
    POST,
    [
        (Place(HEADQUARTERS, "routes"), 3),
        (Place(HEADQUARTERS, "colleges"), 2),
        (Place(HEADQUARTERS, "enfance"), 2),
    ],
)
"""Of services that register their letters themselves, in Maarch Courrier."""
NOTICES: Final = ContactKind(0.015, AT_WORK, LETTERS.places)
"""Outgoing mail that answers nobody: the services of the mailroom write of their own accord."""
EMAILS: Final = ContactKind(
    0.12,
    WRITING,
    [
        (Place(HEADQUARTERS, "accueil"), 4),
        (Place(HEADQUARTERS, "mdph"), 3),
        (Place(HEADQUARTERS, "transports-scolaires"), 2),
    ],
)
EMAIL_SERVICES: Final = tuple({place.service: None for kind in (EMAILS, LETTERS) for place, _ in kind.places})
"""Those that have an address: who wrote a letter in vain, writes to the service that has it."""
FORMS: Final = ContactKind(
    0.06,
    AT_HOME,
    [
        (Place(HEADQUARTERS, "transport-adapte", "transport-adapte"), 3),
        (Place(HEADQUARTERS, "arretes-voirie", "arretes-voirie"), 2),
        (Place(HEADQUARTERS, "subventions-agricoles", "subventions-agricoles"), 1),
    ],
)
"""Each service decides on one procedure, of the same name, which is the queue of its figures."""
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
"""Class → price in euro cents, weight: as of 2026, about."""
