"""Listing of the inbox: the age of files, and the files that belong together."""

import os
import re
import time
from collections import defaultdict
from collections.abc import Collection, Generator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from connectors.sdk.folder.config import FolderConfig

LIST_SECONDS: Final = 1.0
"""Longest time of one listing call; the next call continues the listing."""
HIDDEN: Final = re.compile(r"\.[^.]|.*\.(?:part|tmp|filepart|crdownload)\Z", re.DOTALL | re.IGNORECASE)
"""Names of files that are hidden, or that a program is still writing and will rename."""
HELD_SECONDS: Final = 5.0
"""Time between two attempts to move a file that could not be moved."""


class Suffixes(NamedTuple):
    """Suffixes of files that belong together, in lower case with the dot, such as `.pdf`.

    Files of one name are complete once at least one has a suffix in `contents` and at least one has a suffix in `sidecars`. With
    any other suffix they are complete too, since they will be rejected.
    """

    contents: frozenset[str]
    sidecars: frozenset[str]

    def are_whole(self, names: Collection[str]) -> bool:
        """Return whether the files of one name are complete, so that no other file of this name is expected."""
        suffixes = {suffix_of(name) for name in names}
        known = self.contents | self.sidecars
        return not suffixes <= known or bool(suffixes & self.contents and suffixes & self.sidecars)


class Group(NamedTuple):
    """Files with the same name and different suffixes."""

    stem: str
    names: list[str]


class _Seen(NamedTuple):
    state: tuple[int, int, int]
    since: float


class Inbox:
    """Listing of the inbox, kept in memory."""

    def __init__(self, config: FolderConfig, suffixes: Suffixes) -> None:
        self._config = config
        self._suffixes = suffixes
        self._held: dict[str, float] = {}
        self._seen: dict[str, _Seen] = {}
        self._listing = self._list()

    def update(self) -> bool:
        """Continue the listing for up to `LIST_SECONDS`, and return whether it is complete.

        The first call, and one after a complete listing or an OSError, begins a new listing.
        """
        try:
            return next(self._listing)
        except OSError:
            self._listing = self._list()
            raise

    def ready(self, begun: Collection[str]) -> list[Group]:
        """Return the groups of the last complete listing to claim now, the oldest first, without held ones.

        Their files have not changed for `settle_seconds`. Groups that may lack a file have also waited for `pair_seconds`.
        Partial claims (`begun`) do not wait for that, and may have no files left in the inbox.
        """
        now = time.monotonic()
        groups: dict[str, list[str]] = defaultdict(list, {stem: [] for stem in begun})
        for name in self._seen:
            groups[Path(name).stem].append(name)
        self._held = {stem: until for stem, until in self._held.items() if stem in groups and until > now}
        free = (Group(stem, sorted(names)) for stem, names in groups.items() if stem not in self._held)

        def is_ready(group: Group) -> bool:
            waited = now - max((self._seen[name].since for name in group.names), default=float("-inf"))
            patience = self._config.settle_seconds
            is_whole = group.stem in begun or self._suffixes.are_whole(group.names)
            return waited >= (patience if is_whole else max(patience, self._config.pair_seconds))

        def age(group: Group) -> tuple[int, str]:
            return min((self._seen[name].state[1] for name in group.names), default=0), group.stem

        return sorted(filter(is_ready, free), key=age)

    @property
    def held(self) -> int:
        """Number of groups that `hold` left out of the last result of `ready`, or will leave out of the next."""
        return len(self._held)

    def hold(self, stem: str) -> None:
        """Leave the group `stem`, which could not be moved, out of `ready` for `HELD_SECONDS`."""
        self._held[stem] = time.monotonic() + HELD_SECONDS

    def close(self) -> None:
        """Close the directory."""
        self._listing.close()

    def _list(self) -> Generator[bool]:
        while True:
            seen: dict[str, _Seen] = {}
            until = time.monotonic() + LIST_SECONDS
            with os.scandir(self._config.inbox) as entries:
                for entry in entries:
                    if time.monotonic() > until:
                        yield False
                        until = time.monotonic() + LIST_SECONDS
                    with suppress(FileNotFoundError):
                        self._add(entry, seen)
            self._seen = seen
            yield True

    def _add(self, entry: os.DirEntry[str], seen: dict[str, _Seen]) -> None:
        if HIDDEN.match(entry.name) or entry.is_dir(follow_symlinks=False):
            return
        status = entry.stat(follow_symlinks=False)
        state = (status.st_size, status.st_mtime_ns, status.st_ino)
        before = self._seen.get(entry.name)
        seen[entry.name] = before if before and before.state == state else _Seen(state, time.monotonic())


def suffix_of(name: str) -> str:
    """Return the last suffix of a file name, in lower case with the dot; empty if it has none."""
    return Path(name).suffix.lower()
