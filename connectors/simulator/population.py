"""Simulated citizens, each derived from the seed and a number."""

from functools import lru_cache
from random import Random
from typing import Final, NamedTuple

from connectors.sdk.simulation.call_profile import CALLER_RANGES

NUMBERS_PER_RANGE: Final = 10_000
CITIZENS: Final = NUMBERS_PER_RANGE * len(CALLER_RANGES)
"""Number of citizens: one for each phone number in the ranges reserved for fiction in France."""
WITH_EMAIL: Final = 0.8
FIRST_NAMES: Final = (
    *("Abel", "Aminata", "Berthe", "Côme", "Daria", "Éloi", "Fanta", "Gaspard", "Hedwige", "Ilan", "Jade", "Karim"),
    *("Leïla", "Maël", "Nora", "Octave", "Perrine", "Quitterie", "Rayan", "Soizic", "Tahar", "Ulysse", "Violette"),
    "Yves",
)
LAST_NAMES: Final = (
    *("Aubépin", "Brumance", "Coudrelle", "Dormoisin", "Escarbeau", "Ferlandier", "Gravelune", "Hautclair", "Isserand"),
    *("Jonquerel", "Kervaliou", "Lorvignan", "Montabric", "Noirépine", "Orvalet", "Pierreciel", "Quincendre"),
    *("Rochambelle", "Sauvanterre", "Tilleroy", "Urvanne", "Valcendre", "Wambrelin", "Yvercourt"),
)
_PLAIN: Final = str.maketrans("âàéèêëïîôöùûüçÉ", "aaeeeeiioouuucE")


class Citizen(NamedTuple):
    """Identities of a citizen in the source systems."""

    number: int
    """From 0 to `CITIZENS` - 1."""
    name: str
    phone: str
    """National format."""
    email: str
    """Empty if none."""
    case: str
    """Case number at the social services."""
    rdv_user: int
    """User id in the appointment system."""


@lru_cache(16_384)
def citizen(seed: int, number: int) -> Citizen:
    """Return the citizen with this number, 0 to `CITIZENS` - 1; always the same for a seed."""
    random = Random(f"{seed}|citizen|{number}")  # noqa: S311 - must be reproducible
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    prefix, digits = divmod(number, NUMBERS_PER_RANGE)
    address = f"{first}.{last}.{number}@example.org".translate(_PLAIN).lower()
    return Citizen(
        number,
        f"{first} {last}",
        f"{CALLER_RANGES[prefix]}{digits:04}",
        address if random.random() < WITH_EMAIL else "",
        f"{100_000 + number}",
        700_000 + number,
    )


def list_citizens(seed: int) -> str:
    """Return phone number, e-mail address and case number of all citizens by number, one per line, separated by tabs."""
    citizens = (
        citizen.__wrapped__(seed, number) for number in range(CITIZENS)
    )  # bypass the cache, which is for frequent citizens
    return "".join(f"{each.phone}\t{each.email}\t{each.case}\n" for each in citizens)


def draw(seed: int, random: Random) -> Citizen:
    """Return a random citizen; those with low numbers are drawn far more often than others."""
    return citizen(seed, int(CITIZENS * random.random() ** 2))


def citizen_by_phone(seed: int, phone: str) -> Citizen:
    """Return the citizen with this phone number, in national format. Raises `ValueError` if none has it."""
    return citizen(seed, CALLER_RANGES.index(phone[:-4]) * NUMBERS_PER_RANGE + int(phone[-4:]))
