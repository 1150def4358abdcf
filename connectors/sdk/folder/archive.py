"""Archive of a hot folder: `work/` with claimed files, `done/` and `rejected/`."""

import json
import os
import re
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from connectors.sdk.contract import Reject
from connectors.sdk.files import PRIVATE_DIRECTORY, lock, make_private_directory, write_new
from connectors.sdk.folder.config import FolderConfig
from connectors.sdk.folder.inbox import Group, Suffixes, suffix_of
from models.locale import _

STAMP: Final = "%Y%m%dT%H%M%S.%f"
"""Format of a claim's name: the time of claiming, in UTC."""
OURS: Final = re.compile(r"\d{8}T\d{6}\.\d{6}(?:\.\d+\.part|\.gone)?", re.ASCII)
"""Names in `work/` that belong to this program; other entries are ignored."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Files that were dropped together and moved to `work/`."""

    directory: Path
    claimed_at: datetime
    contents: tuple[Path, ...] = field(repr=False)
    """Files with a suffix in `FolderSource.contents`."""
    sidecars: tuple[Path, ...] = field(repr=False)
    """Files with a suffix in `FolderSource.sidecars`."""
    others: tuple[Path, ...] = field(repr=False)
    """Files with any other suffix."""


class Archive:
    """Archive of one instance. All methods raise OSError."""

    def __init__(self, config: FolderConfig, suffixes: Suffixes) -> None:
        """Lock the archive and recover the claims in `work/`. Raises `InstanceInUseError` if another instance has it."""
        self._inbox, self._directory, self._work = config.inbox, config.archive, config.archive / "work"
        self._deletes = config.afterwards == "delete"
        self._suffixes = suffixes
        self._parts: dict[str, Path] = {}
        make_private_directory(self._work)
        in_use = _("{archive} is the archive of another instance", archive=config.archive)
        self._lock = lock(config.archive, in_use)
        try:
            self.found = self._recover()
            """Complete claims that were in `work/` at the start, not archived yet."""
        except BaseException:
            self.close()
            raise

    @property
    def begun(self) -> Collection[str]:
        """Names, without suffix, of groups that were claimed partially: some of their files are still in the inbox."""
        return self._parts.keys()

    def claim(self, group: Group) -> Claim | None:
        """Move the files of a group to `work/`, or the missing files of a partial claim; return None if they are gone.

        If one of them cannot be moved, the error is raised; if others were moved, the claim stays partial.
        """
        part = self._parts.pop(group.stem, None) or self._begin(len(group.names))
        try:
            for name in group.names:
                if not os.path.lexists(part / name):
                    with suppress(FileNotFoundError):  # its writer removed it
                        (self._inbox / name).rename(part / name)
        except OSError:
            if any(part.iterdir()):
                self._parts[group.stem] = part
            else:
                part.rmdir()
            raise
        return self._finish(part)

    def archive_claim(self, claim: Claim, label: str, reject: Reject | None) -> None:
        """Move the files of a claim to `rejected/` if there is a `reject`, else to `done/`, or delete them if so configured.

        In `done/`, the name of the claim's directory begins with `label`.
        """
        name = claim.directory.name
        if reject:
            target = self._directory / "rejected" / reject.reason.value
            make_private_directory(target)
            # Next to the claim's directory, not inside it: a dropped symbolic link of that name could redirect the write.
            details = {
                "reason": reject.reason.value,
                "detail": reject.detail,
                "claimed_at": claim.claimed_at.isoformat(),
            }
            write_new(target / f"{name}.json", json.dumps(details).encode() + b"\n")
            claim.directory.rename(target / name)
        elif self._deletes:
            shutil.rmtree(claim.directory.rename(self._work / f"{name}.gone"))
        else:
            target = self._directory / "done" / claim.claimed_at.date().isoformat()
            make_private_directory(target)
            claim.directory.rename(target / "_".join(filter(None, (re.sub(r"[^A-Za-z0-9.-]", "-", label), name))))

    def close(self) -> None:
        """Release the lock."""
        os.close(self._lock)

    def _begin(self, size: int) -> Path:
        stamp = datetime.now(UTC)
        while True:
            name = stamp.strftime(STAMP)
            part = self._work / f"{name}.{size}.part"
            if not (self._work / name).exists():
                with suppress(FileExistsError):
                    part.mkdir(PRIVATE_DIRECTORY)
                    return part
            stamp += timedelta(microseconds=1)

    def _finish(self, part: Path) -> Claim | None:
        if not any(part.iterdir()):
            part.rmdir()
            return None
        return self._claim_at(part.rename(part.with_name(part.name.rsplit(".", 2)[0])))

    def _claim_at(self, directory: Path) -> Claim:
        def select(is_chosen: Callable[[str], bool]) -> tuple[Path, ...]:
            return tuple(path for path in files if is_chosen(suffix_of(path.name)))

        files = sorted(directory.iterdir())
        contents, sidecars = self._suffixes
        return Claim(
            directory,
            datetime.strptime(directory.name, STAMP).replace(tzinfo=UTC),
            select(contents.__contains__),
            select(sidecars.__contains__),
            select(lambda suffix: suffix not in contents | sidecars),
        )

    def _recover(self) -> list[Claim]:
        claims = []
        for entry in sorted(path for path in self._work.iterdir() if OURS.fullmatch(path.name)):
            if entry.name.endswith(".gone"):
                shutil.rmtree(entry)
            elif entry.name.endswith(".part"):
                claims.append(self._resume_part(entry))
            else:
                claims.append(self._claim_at(entry))
        return [claim for claim in claims if claim]

    def _resume_part(self, part: Path) -> Claim | None:
        names = [path.name for path in part.iterdir()]
        if not names or len(names) >= int(part.name.split(".")[-2]):
            return self._finish(part)
        self._parts[Path(names[0]).stem] = part
        return None
