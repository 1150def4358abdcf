"""Citizens who do not exist, each one a function of the seed and a number."""

from functools import lru_cache
from random import Random
from typing import Final, NamedTuple

from connectors.asterisk.simulate import CALLER_RANGES

NUMBERS_PER_RANGE: Final = 10_000
CITIZENS: Final = NUMBERS_PER_RANGE * len(CALLER_RANGES)
"""As many as there are telephone numbers that France reserves for fiction: each has one of their own."""
WITH_EMAIL: Final = 0.8
FIRST_NAMES: Final = (
    *("Abel", "Aminata", "Berthe", "Côme", "Daria", "Éloi", "Fanta", "Gaspard", "Hedwige", "Ilan", "Jade", "Karim"),
    *(
        "Leïla",
        "Maël",
        "Nora",
        "Octave",
        "Perrine",
        "Quitterie",
        "Rayan",
        "Soizic",
        "Tahar",
        "Ulysse",
        "Violette",
        "Yves",
    ),
)
LAST_NAMES: Final = (
    *("Aubépin", "Brumance", "Coudrelle", "Dormoisin", "Escarbeau", "Ferlandier", "Gravelune", "Hautclair", "Isserand"),
    *(
        "Jonquerel",
        "Kervaliou",
        "Lorvignan",
        "Montabric",
        "Noirépine",
        "Orvalet",
        "Pierreciel",
        "Quincendre",
        "Rochambelle",
    ),
    *("Sauvanterre", "Tilleroy", "Urvanne", "Valcendre", "Wambrelin", "Yvercourt"),
)
_PLAIN: Final = str.maketrans("âàéèêëïîôöùûüçÉ", "aaeeeeiioouuucE")


class Citizen(NamedTuple):
    """All that a source system may know of somebody."""

    number: int
    """From 0 to `CITIZENS` - 1."""
    name: str
    phone: str
    """As one dials it in France."""
    email: str
    """Empty if there is none."""
    case: str
    """Number of the case that the social services keep."""
    rdv_user: int
    """Id in the appointment system."""


@lru_cache(16_384)
def citizen(seed: int, number: int) -> Citizen:
    """Return the citizen of that number; the same seed gives the same ones."""
    random = Random(f"{seed}|citizen|{number}")  # noqa: S311 - has to be the same each time
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
    """Return telephone number, address and case number of all of them, a line each, by tabs."""
    everybody = (
        citizen.__wrapped__(seed, number) for number in range(CITIZENS)
    )  # the cache is for those who come often
    return "".join(f"{one.phone}\t{one.email}\t{one.case}\n" for one in everybody)


def draw(seed: int, random: Random) -> Citizen:
    """Return somebody: some come far more often than others."""
    return citizen(seed, int(CITIZENS * random.random() ** 2))


def citizen_by_phone(seed: int, phone: str) -> Citizen:
    """Return the citizen whose number that is. Raises `ValueError` if it is nobody's."""
    return citizen(seed, CALLER_RANGES.index(phone[:-4]) * NUMBERS_PER_RANGE + int(phone[-4:]))
