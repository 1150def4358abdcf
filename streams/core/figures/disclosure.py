"""What may be told of few people: which numbers of a table are withheld, so that none can be worked out from the others.

Cell suppression, as official statistics do it: a number that stands for fewer than `FEWEST` citizens is withheld (primary), and
with it another one (secondary), since the sum of a table is known or can be had elsewhere. Handbook on Statistical Disclosure
Control, chapter 5, "Frequency tables" (sdctools.github.io/HandbookSDC).
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple, TypeVar

MIN_CITIZENS: Final = 5
"""Citizens whom a number that is told stands for, unless it is 0."""
MIN_WITHHELD: Final = 2 * MIN_CITIZENS - 1
"""Citizens for whom what is missing of a table stands: of 6, the one number of few and the one of not few can only be 1 and 5."""

Name = TypeVar("Name")


class Cell(NamedTuple):
    """One number of a table."""

    value: int
    citizens: int
    """How many it stands for."""

    @property
    def is_small(self) -> bool:
        """Whether it stands for somebody, but for too few."""
        return is_below_minimum(self.citizens)


def is_below_minimum(number: int) -> bool:
    """Return whether so many are somebody, but too few to be told of."""
    return 0 < number < MIN_CITIZENS


def reveals_few(whole: int, parts: Collection[int]) -> bool:
    """Return whether the number of a whole tells of few beside those of its parts, which together are all of it and may overlap.

    Who is in the whole but not in one part is their difference. Who is in several parts is what these come to beyond the whole:
    of two parts it is their overlap, of more it is as many as that at the most.
    """
    return is_below_minimum(sum(parts) - whole) or any(is_below_minimum(whole - part) for part in parts)


def disclose(cells: Mapping[Name, Cell], *, hides_sum: bool = False) -> dict[Name, int]:
    """Return which numbers may be told of cells whose sum is known; with `hides_sum`, so that it cannot be had from them either.

    Those that are small are withheld, and so are the smallest of the others, with all of that size, until what is missing from
    the sum stands for at least `LEAST_MISSING`. If there are not enough, nothing is told: zeros would give the rest away.
    """
    small = {name for name, cell in cells.items() if cell.is_small}
    if not small and not hides_sum:
        return {name: cell.value for name, cell in cells.items()}
    withheld, missing = small, sum(cells[name].citizens for name in small) + hides_sum
    for size in sorted({cell.citizens for cell in cells.values() if cell.citizens >= MIN_CITIZENS}):
        others = {name for name, cell in cells.items() if cell.citizens == size}
        withheld, missing = withheld | others, missing + size * len(others)
        if missing >= MIN_WITHHELD:
            return {name: cell.value for name, cell in cells.items() if name not in withheld}
    return {}
