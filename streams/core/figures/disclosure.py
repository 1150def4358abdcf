"""Statistical disclosure control: withhold numbers of a table that stand for few citizens.

The method is cell suppression, as in official statistics. A number for fewer than `MIN_CITIZENS` citizens is withheld (primary
suppression). Other numbers are withheld too (secondary suppression), as it could otherwise be computed from the table's sum.
Source: Handbook on Statistical Disclosure Control, chapter 5, "Frequency tables" (sdctools.github.io/HandbookSDC).
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple, TypeVar

MIN_CITIZENS: Final = 5
"""Minimum number of citizens behind a published number, except 0."""
MIN_WITHHELD: Final = 2 * MIN_CITIZENS - 1
"""Minimum number of citizens behind all withheld numbers of a table. With 6, a small and a larger number can only be 1 and 5."""

Name = TypeVar("Name")


class Cell(NamedTuple):
    """One number of a table."""

    value: int
    citizens: int
    """Number of citizens behind the value."""

    @property
    def is_small(self) -> bool:
        """Return whether the number of citizens is above 0 and below `MIN_CITIZENS`."""
        return is_below_minimum(self.citizens)


def is_below_minimum(number: int) -> bool:
    """Return whether a number of citizens is above 0 and below `MIN_CITIZENS`."""
    return 0 < number < MIN_CITIZENS


def reveals_few(whole: int, parts: Collection[int]) -> bool:
    """Return whether a total, published with its parts, would reveal a small number. The parts cover the total and may overlap.

    Two kinds of numbers can be computed: citizens outside one part, and citizens in several parts. The latter is the excess
    of the parts' sum over the total: exact for two parts, and an upper bound for more.
    """
    return is_below_minimum(sum(parts) - whole) or any(is_below_minimum(whole - part) for part in parts)


def disclose(cells: Mapping[Name, Cell], *, hides_sum: bool = False) -> dict[Name, int]:
    """Return name → value of the cells that may be published, although readers know the sum of all cells.

    Small cells are withheld, and then other cells by size, the smallest first: all cells of at least one size, until the withheld
    cells stand for at least `MIN_WITHHELD` citizens. If all cells are not enough, the result is empty: zeros would reveal the
    others. With `hides_sum`, another small number is withheld that could be computed from this sum. It counts as one citizen,
    so cells are withheld even if none of them is small.
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
