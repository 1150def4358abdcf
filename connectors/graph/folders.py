"""Folders of a mailbox in Graph, found by well-known names and by names from the top."""

import time
from collections.abc import Generator, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from connectors.sdk.microsoft.graph import GraphClient, GraphError, decode

WELL_KNOWN: Final = frozenset(
    {"inbox", "sentitems", "archive", "clutter", "deleteditems", "junkemail", "msgfolderroot"}
)
"""Names that Graph knows in every language of the mailbox."""
NO_MAILBOX: Final = frozenset(
    {"errorinvaliduser", "errornonexistentmailbox", "mailboxnotenabledforrestapi", "request_resourcenotfound"}
)
"""Error codes of Graph, in lower case, for an unknown mailbox."""
MAX_FOLDERS: Final = 2_000
"""Most folders matched by one pattern."""
_SELECT: Final = {"$select": "id,displayName,childFolderCount", "$top": "100"}
_T = TypeVar("_T")
_Search = Generator[None, None, _T]
"""Search that stops after each request, and returns its result at the end."""


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


def folders_path(mailbox: str) -> str:
    """Return the path in Graph of the folders of a mailbox."""
    return f"/users/{quote(mailbox, safe='@')}/mailFolders"


def is_unknown_mailbox(error: GraphError) -> bool:
    """Return whether Graph knows no such mailbox."""
    return error.code.lower() in NO_MAILBOX


class FolderSearch:
    """Search for the folders with these names at `path`, from `folders_path`.

    `known` is filled with the ids of the folders of each name, or None if there are none; names in it are not searched again.
    """

    def __init__(
        self, client: GraphClient, path: str, names: Sequence[str], known: dict[str, Sequence[str] | None]
    ) -> None:
        self._client = client
        self._path = path
        self._known = known
        self._steps = self._search([name for name in names if name not in known])

    def advance(self, deadline: float) -> bool:
        """Continue until `deadline` on the monotonic clock passes; return whether the search is complete.

        Makes at least one request. Raises `SourceUnavailableError`; the search has then ended.
        """
        return all(time.monotonic() <= deadline for _step in self._steps)

    def _search(self, names: Sequence[str]) -> Iterator[None]:
        for name in names:
            try:
                folders = yield from self._find(name)
            except GraphError as error:
                if error.status != httpx.codes.NOT_FOUND or is_unknown_mailbox(error):
                    raise
                folders = None
            self._known[name] = None if folders is None else [folder.id for folder in folders]

    def _find(self, name: str) -> _Search[list[_Folder] | None]:
        """Return the folders with this name; None if there is no such folder, or none to search below."""
        first, *others = name.split("/")
        pattern = others[-1:] == ["*"]
        if first.casefold() in WELL_KNOWN:
            content = self._client.get(f"{self._path}/{first.casefold()}", {"$select": _SELECT["$select"]})
            yield
            found: _Folder | None = decode(content, _Folder)
        else:
            found = yield from self._child(self._path, first)
        for step in others[:-1] if pattern else others:
            found = (yield from self._child(self._below(found), step)) if found else None
        if found is None:
            return None
        return (yield from self._descendants(found)) if pattern else [found]

    def _child(self, path: str, name: str) -> _Search[_Folder | None]:
        folders = yield from self._list(path)
        return next((folder for folder in folders if folder.display_name.casefold() == name.casefold()), None)

    def _descendants(self, folder: _Folder) -> _Search[list[_Folder]]:
        found: list[_Folder] = []
        pending = [folder]
        while pending and len(found) < MAX_FOLDERS:
            parent = pending.pop()
            children = (yield from self._list(self._below(parent))) if parent.child_folder_count else []
            found += children
            pending += children
        return found[:MAX_FOLDERS]

    def _below(self, folder: _Folder) -> str:
        return f"{self._path}/{quote(folder.id, safe='')}/childFolders"

    def _list(self, path: str) -> _Search[list[_Folder]]:
        page = decode(self._client.get(path, _SELECT), _Page)
        yield
        found = page.value
        while page.next_link:
            page = decode(self._client.get(page.next_link), _Page)
            yield
            found += page.value
        return found
