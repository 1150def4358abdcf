"""Where a source was: a small file that is always whole, and the one before it.

Positions are saved in two files in turn, each with a checksum and a generation. If the newer one is damaged, the older one
counts: some records are then told a second time, with the same event ids.
"""

import json
import zlib
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from connectors.sdk.errors import CursorDamagedError
from connectors.sdk.files import replace
from connectors.sdk.i18n import say

_Position = TypeVar("_Position")
CURSOR_FILES: Final = ("cursor-0.json", "cursor-1.json")


class Cursor:
    """The saved position of one source, in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._paths = [directory / name for name in CURSOR_FILES]
        self._generation = 0

    def __str__(self) -> str:
        """Return the names of its files, for people."""
        first, second = self._paths
        return f"{first} {say('and', 'et')} {second.name}"

    def load(self) -> bytes | None:
        """Return the newest position that is whole, or None on a first start. Raises `CursorDamagedError`."""
        there = [path.read_bytes() for path in self._paths if path.exists()]
        whole = [saved for saved in map(_unpack, there) if saved]
        if there and not whole:
            raise CursorDamagedError(
                say(
                    f"{self} are damaged: accueil connectors reread reads the source again; remove both where it cannot be",
                    f"{self} sont abîmés : accueil connectors reread relit la source ; les supprimer si c'est impossible",
                )
            )
        self._generation, position = max(whole, default=(0, None))
        return position

    def load_as(self, kind: type[_Position]) -> _Position | None:
        """Return the newest position, of which the JSON was saved, or None on a first start. Raises `CursorDamagedError`."""
        position = self.load()
        if position is None:
            return None
        try:
            return msgspec.json.decode(position, type=kind)
        except msgspec.DecodeError as error:
            raise CursorDamagedError(
                say(
                    f"the position in {self} is not of this version: use the version that wrote it, "
                    "or have the source read from its beginning (accueil connectors reread)",
                    f"la position dans {self} n'est pas de cette version : prendre la version qui l'a écrite, "
                    "ou faire relire la source depuis son début (accueil connectors reread)",
                )
            ) from error

    def save(self, position: bytes) -> None:
        """Keep `position` (UTF-8 text), durably."""
        self._generation += 1
        replace(self._paths[self._generation % 2], _pack(self._generation, position))


def _pack(generation: int, position: bytes) -> bytes:
    body = {"generation": generation, "position": position.decode()}
    return msgspec.json.encode(body | {"crc32": _checksum(generation, position)})


def _unpack(content: bytes) -> tuple[int, bytes] | None:
    try:
        body = json.loads(content)
        generation, position = int(body["generation"]), body["position"].encode()
        return (generation, position) if body["crc32"] == _checksum(generation, position) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _checksum(generation: int, position: bytes) -> int:
    return zlib.crc32(position, generation & 0xFFFFFFFF)
