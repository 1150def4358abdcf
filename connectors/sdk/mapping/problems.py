"""Contradictions between the options of a mapping."""

from collections.abc import Sequence
from typing import NamedTuple

from connectors.sdk.config_errors import format_key_path


class Problem(NamedTuple):
    """What makes an option of a mapping unusable.

    `keys` is the path of the option; integers are indexes of lists, from 0. `text` continues a line that begins with it.
    `table` names the table in `values` that is missing, if that is the problem.
    """

    keys: tuple[str | int, ...]
    text: str
    table: str = ""


class MappingError(ValueError):
    """The options of a mapping contradict each other."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{format_key_path(problem.keys)} {problem.text}" for problem in problems))
        self.problems = problems
