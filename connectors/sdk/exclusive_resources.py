"""What an instance must have for itself: a port to listen on, a file or a folder, a mailbox.

Two that have the same take each other's records, or count everything twice.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import chain, combinations, product
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self

from connectors.sdk.i18n import say

ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on
WHAT: Final = {
    "port": ("listen on the same port", "écoutent sur le même port"),
    "path": ("are the same file or folder", "sont le même fichier ou dossier"),
    "mailbox": ("are the same folder of a mailbox", "sont le même dossier d'une boîte"),
}


class ExclusiveResource(NamedTuple):
    """One thing that only one may have."""

    setting: str
    """The option that names it; among others, all of its path."""
    kind: Literal["port", "path", "mailbox"]
    what: str
    host: str = ""
    """Of a port: where."""

    @classmethod
    def of_port(cls, setting: str, host: str, port: int) -> Self:
        """Return that of a port that is listened on."""
        return cls(setting, "port", str(port), "127.0.0.1" if host == "localhost" else host)

    @classmethod
    def of_path(cls, setting: str, path: Path) -> Self:
        """Return that of a file or folder, links followed."""
        return cls(setting, "path", os.path.realpath(path))

    def clashes_with(self, other: "ExclusiveResource") -> bool:
        """Return whether both are about the same thing."""
        same_host = self.host == other.host or not ANYWHERE.isdisjoint({self.host, other.host})
        return (self.kind, self.what) == (other.kind, other.what) and same_host


def find_conflicts(own: Sequence[ExclusiveResource], others: Sequence[ExclusiveResource] = ()) -> Iterator[str]:
    """Yield what is wrong, where one of `own` cannot be met beside another of them, or beside one of `others`.

    It is said in words that name both settings, and no value.
    """
    for one, other in chain(combinations(own, 2), product(own, others)):
        if one.clashes_with(other):
            yield f"{one.setting} {say('and', 'et')} {other.setting} {say(*WHAT[one.kind])}"
