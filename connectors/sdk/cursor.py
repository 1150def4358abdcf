"""Saved position of a source: a file that is always complete, and its predecessor.

Positions are written alternately to two files, each with a checksum and a generation. If the newer file is damaged, the older
one is used: some records are then read again, and give events with the same ids.
"""

import json
import zlib
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from connectors.sdk.errors import CursorDamagedError
from connectors.sdk.files import replace
from models.locale import _

_Position = TypeVar("_Position")
CURSOR_FILES: Final = ("cursor-0.json", "cursor-1.json")


class Cursor:
    """The saved position of one source, in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._paths = [directory / name for name in CURSOR_FILES]
        self._generation = 0

    def __str__(self) -> str:
        """Return the names of the files, for messages."""
        first, second = self._paths
        return _("{first} and {second}", first=first, second=second.name)

    def load(self) -> bytes | None:
        """Return the newest undamaged position; None without files. Raises `CursorDamagedError` if all files are damaged."""
        contents = [path.read_bytes() for path in self._paths if path.exists()]
        valid = [saved for saved in map(_unpack, contents) if saved]
        if contents and not valid:
            raise CursorDamagedError(
                _(
                    "{value} are damaged: run accueil connectors reread to read the source again; if it cannot "
                    "be, remove both",
                    value=self,
                )
            )
        self._generation, position = max(valid, default=(0, None))
        return position

    def load_as(self, kind: type[_Position]) -> _Position | None:
        """Return the position of `load` decoded from JSON. Raises `CursorDamagedError` also if it does not fit `kind`."""
        position = self.load()
        if position is None:
            return None
        try:
            return msgspec.json.decode(position, type=kind)
        except msgspec.DecodeError as error:
            raise CursorDamagedError(
                _(
                    "the position in {value} has the format of another version: use the version that wrote it, "
                    "or read the source again (accueil connectors reread)",
                    value=self,
                )
            ) from error

    def save(self, position: bytes) -> None:
        """Save `position` (UTF-8 text) durably. Call `load` first, since it finds the generation to continue from."""
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
