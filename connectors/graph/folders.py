"""Folders of a mailbox in Graph, found by well-known names and by names from the top."""

from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from connectors.sdk.microsoft.graph import GraphClient, decode

WELL_KNOWN: Final = frozenset(
    {"inbox", "sentitems", "archive", "clutter", "deleteditems", "junkemail", "msgfolderroot"}
)
"""Names that Graph knows in every language of the mailbox."""
MAX_FOLDERS: Final = 2_000
"""Most folders matched by one pattern."""
_SELECT: Final = {"$select": "id,displayName,childFolderCount", "$top": "100"}


class FolderRef(NamedTuple):
    """Folder of the mailbox."""

    id: str
    label: str
    """The configured name. For a pattern it is the pattern, since the names of matched folders may be citizens'."""
    sent: bool


class _Folder(msgspec.Struct, rename="camel"):
    id: str
    display_name: str = ""
    child_folder_count: int = 0


class _Page(msgspec.Struct, rename={"next_link": "@odata.nextLink"}):
    value: list[_Folder]
    next_link: str = ""


class FolderFinder:
    """Find folders in the mailbox of the user `mailbox`. Raises `SourceUnavailableError`."""

    def __init__(self, client: GraphClient, mailbox: str) -> None:
        self._client = client
        self.root = f"/users/{quote(mailbox, safe='@')}/mailFolders"
        """Path of the mailbox's folders in Graph."""

    def find(self, name: str) -> list[str] | None:
        """Return the ids of the folders with this name; None if there is no such folder, or none to search below.

        Raises `GraphError` also if Graph does not know a well-known folder.
        """
        first, *others = name.split("/")
        pattern = others[-1:] == ["*"]
        if first.casefold() in WELL_KNOWN:
            found: _Folder | None = self._read(first.casefold())
        else:
            found = self._child(self.root, first)
        for step in others[:-1] if pattern else others:
            found = self._child(self._below(found), step) if found else None
        if found is None:
            return None
        return [folder.id for folder in self._descendants(found)] if pattern else [found.id]

    def _read(self, name: str) -> _Folder:
        content = self._client.get(f"{self.root}/{name}", {"$select": _SELECT["$select"]})
        return decode(content, _Folder)

    def _child(self, path: str, name: str) -> _Folder | None:
        folders = (folder for folder in self._list(path) if folder.display_name.casefold() == name.casefold())
        return next(folders, None)

    def _descendants(self, folder: _Folder) -> list[_Folder]:
        found: list[_Folder] = []
        pending = [folder]
        while pending and len(found) < MAX_FOLDERS:
            parent = pending.pop()
            children = [*self._list(self._below(parent))] if parent.child_folder_count else []
            found += children
            pending += children
        return found[:MAX_FOLDERS]

    def _below(self, folder: _Folder) -> str:
        return f"{self.root}/{quote(folder.id, safe='')}/childFolders"

    def _list(self, path: str) -> Iterator[_Folder]:
        page = decode(self._client.get(path, _SELECT), _Page)
        yield from page.value
        while page.next_link:
            page = decode(self._client.get(page.next_link), _Page)
            yield from page.value
