"""Resources that one instance must have for itself: a listening port, a file or folder, a mailbox.

Two instances with the same resource would take each other's records, or count records twice.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import chain, combinations, product
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self

from models.locale import N_, _

ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on
CONFLICTS: Final = {
    "port": N_("listen on the same port"),
    "path": N_("are the same file or folder"),
    "mailbox": N_("are the same folder of a mailbox"),
}


class ExclusiveResource(NamedTuple):
    """One exclusive resource."""

    setting: str
    """Option that names it, such as `port`; to compare instances, its full path, such as `connectors.guichets.port`."""
    kind: Literal["port", "path", "mailbox"]
    value: str
    """Port, path, or mailbox as `user@host:port/folder`."""
    host: str = ""
    """Address on which the port listens, such as `127.0.0.1`; empty for other kinds of resources."""

    @classmethod
    def of_port(cls, setting: str, host: str, port: int) -> Self:
        """Return the resource of a listening port."""
        return cls(setting, "port", str(port), "127.0.0.1" if host == "localhost" else host)

    @classmethod
    def of_path(cls, setting: str, path: Path) -> Self:
        """Return the resource of a file or folder, with symbolic links resolved."""
        return cls(setting, "path", os.path.realpath(path))

    def conflicts_with(self, other: "ExclusiveResource") -> bool:
        """Return whether both are the same resource. `0.0.0.0` and `::` conflict with every address."""
        same_host = self.host == other.host or not ANY_ADDRESS.isdisjoint({self.host, other.host})
        return (self.kind, self.value) == (other.kind, other.value) and same_host


def find_conflicts(own: Sequence[ExclusiveResource], others: Sequence[ExclusiveResource] = ()) -> Iterator[str]:
    """Yield a message for each conflict between two of `own`, or between one of `own` and one of `others`.

    The message names both settings and no value.
    """
    for first, second in chain(combinations(own, 2), product(own, others)):
        if first.conflicts_with(second):
            settings = _("{first} and {second}", first=first.setting, second=second.setting)
            yield f"{settings} {_(CONFLICTS[first.kind])}"
