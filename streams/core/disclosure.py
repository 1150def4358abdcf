"""What may be told of few people: which numbers of a table are withheld, so that none can be worked out from the others.

Cell suppression, as official statistics do it: a number that stands for fewer than `FEWEST` citizens is withheld (primary), and
with it another one (secondary), since the sum of a table is known or can be had elsewhere. Handbook on Statistical Disclosure
Control, chapter 5, "Frequency tables" (sdctools.github.io/HandbookSDC).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar

FEWEST: Final = 5
"""Citizens whom a number that is told stands for, unless it is 0."""

Name = TypeVar("Name")


class Cell(NamedTuple):
    """One number of a table."""

    value: int
    citizens: int
    """How many it stands for."""

    @property
    def is_small(self) -> bool:
        """Whether it stands for somebody, but for too few."""
        return 0 < self.citizens < FEWEST


def disclose(cells: Mapping[Name, Cell], *, hides_sum: bool = False) -> dict[Name, int]:
    """Return which numbers may be told of cells whose sum is known; with `hides_sum`, so that it cannot be had from them either.

    Those that are small are withheld, and so is the smallest of the others: what is missing from the sum then stands for at least
    `FEWEST`. If all others are 0, nothing is told, since they would give the small ones away.
    """
    small = {name for name, cell in cells.items() if cell.is_small}
    if not small and not hides_sum:
        return {name: cell.value for name, cell in cells.items()}
    others = [(cell.citizens, cell.value, str(name), name) for name, cell in cells.items() if cell.citizens >= FEWEST]
    if not others:
        return {}
    withheld = small | {min(others)[-1]}
    return {name: cell.value for name, cell in cells.items() if name not in withheld}
