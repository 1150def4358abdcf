"""A hot folder as a source: files that others drop, taken exactly once, whatever they are and whenever we are killed.

What belongs together (a scan and its sidecar: same name, another suffix) is *claimed*: renamed into a directory of its own under
`work/`, which only we can write to. There it is read, told, and, once that is safe, renamed as a whole to `done/<date>/`, or to
`rejected/<reason>/` beside a file that says why. A claim is never undone: what is in `work/` at the start is read again, and
gives the same events, unless someone still writes to it: a file that was open when it was moved stays open.

| in `work/` | killed in between, at the next start |
|---|---|
| `<claim>.<n>.part` | may have fewer than n files: those that are still in the inbox follow, once they can be moved |
| `<claim>` | is read and told again, with the same ids |
| `<claim>.gone` | is deleted |

No name that others gave is trusted: none leaves the directory entry that it stands in, is logged, or is made a path of.
"""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import time
from abc import abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO, ClassVar, Final, Literal, NamedTuple

import structlog
from pydantic import Field, ValidationInfo, field_validator

from connectors.sdk.config import ConnectorConfig
from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.errors import ConfigError, ConnectorError, InstanceInUseError, SourceUnavailableError, describe, why
from connectors.sdk.files import PRIVATE_DIRECTORY, make_private_directory, write_new
from connectors.sdk.words import say
from models.codec import Unusable
from models.events import Event
from models.reasons import Reason

LIST_SECONDS: Final = 0.25
"""How often an inbox without anything ready is listed."""
BATCH_SECONDS: Final = 1.0
"""After this long, what was read is told before more is."""
HELD: Final = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.ETXTBSY})
"""Errors of moving a file that another program holds, or that is another user's."""
HELD_SECONDS: Final = 5.0
"""After this long, it is tried again to move it."""
CLAIMS: Final = 500
"""How many claims are made at once."""
CHUNK_BYTES: Final = 1 << 20
SIDECAR_BYTES: Final = 1 << 20
HIDDEN: Final = re.compile(r"\.[^.]|.*\.(?:part|tmp|filepart|crdownload)\Z", re.DOTALL | re.IGNORECASE)
"""Names of files that somebody is still writing, and will rename, or that no one dropped."""
STAMP: Final = "%Y%m%dT%H%M%S.%f"
OURS: Final = re.compile(r"\d{8}T\d{6}\.\d{6}(?:\.\d+\.part|\.gone)?", re.ASCII)
"""What may be in `work/`; anything else is left alone."""
OPEN_SAFELY: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

log = structlog.get_logger(__name__)


class FolderConfig(ConnectorConfig):
    """What every hot folder needs to know."""

    inbox: Path
    """The directory that files are dropped in. Subdirectories are left alone."""
    archive: Path
    """Where files go: `work/`, `done/<date>/`, `rejected/<reason>/`. On the file system of the inbox, and apart from it."""
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = 2.0
    """A file is taken once its size and time of writing have not changed for so long. 0: files are renamed into place whole."""
    pair_seconds: Annotated[float, Field(ge=0, le=86400)] = 30.0
    """A file whose counterpart (scan, sidecar) has not come after so long stands for itself."""
    max_megabytes: Annotated[int, Field(ge=1, le=256)] = 100
    """Larger files are rejected unread. The folder must give one of them within some 20 seconds."""
    afterwards: Literal["keep", "delete"] = "keep"
    """What becomes of files that were taken in: kept in `done/`, or deleted. What was rejected is always kept."""

    in_french: ClassVar = {
        "inbox": "Le dossier où les fichiers sont déposés. Ses sous-dossiers sont laissés tels quels.",
        "archive": "Où vont les fichiers : `work/`, `done/<date>/`, `rejected/<motif>/`. Sur le système de fichiers d'`inbox`, "
        "et à part.",
        "settle_seconds": "Un fichier est pris quand sa taille et sa date d'écriture n'ont pas changé depuis ce temps. 0 : les "
        "fichiers arrivent entiers, par renommage.",
        "pair_seconds": "Un fichier dont le pendant (scan, fiche) n'est pas venu après ce temps vaut pour lui seul.",
        "max_megabytes": "Un fichier plus gros est rejeté sans être lu. Le dossier doit pouvoir en donner un en une vingtaine de "
        "secondes.",
        "afterwards": "Ce que deviennent les fichiers pris en compte : gardés dans `done/` (`keep`) ou supprimés (`delete`). Ce "
        "qui est rejeté est toujours gardé.",
    }

    @field_validator("archive")
    @classmethod
    def _apart(cls, archive: Path, info: ValidationInfo) -> Path:
        inbox = info.data.get("inbox")
        if inbox and overlap(inbox, archive):
            raise ValueError(
                say("must be neither the inbox nor within it nor around it", "ne doit ni contenir inbox ni s'y trouver")
            )
        return archive


@dataclass(frozen=True, slots=True)
class Claim:
    """What was dropped together, and now is ours alone."""

    directory: Path
    claimed_at: datetime
    contents: tuple[Path, ...] = field(repr=False)
    """Files whose suffix is one of `FolderSource.contents`."""
    sidecars: tuple[Path, ...] = field(repr=False)
    others: tuple[Path, ...] = field(repr=False)


class Told(NamedTuple):
    """What a claim means."""

    events: Sequence[Event]
    label: str = ""
    """Begins its name in `done/`, for people; no personal data."""


class Taken(NamedTuple):
    """A claim that was read."""

    claim: Claim
    outcome: Outcome
    label: str


@dataclass(slots=True)
class _Settlement:
    taken: Taken
    reject: Reject | None


class _Seen(NamedTuple):
    state: tuple[int, int, int]
    since: float


class FolderSource(Source[Taken, int]):
    """The base of connectors that read a hot folder: a subclass says which suffixes there are, and what a claim means.

    The inbox's listing is held in memory, the files are not.
    """

    contents: ClassVar[frozenset[str]]
    """Suffixes, in lower case, of what is dropped."""
    sidecars: ClassVar[frozenset[str]]
    """Suffixes of what is said of it."""

    def __init__(self, config: FolderConfig, context: Context) -> None:
        """Go on with what is in `work/`.

        Raises `ConfigError`, `InstanceInUseError` if another instance has the same archive, and `SourceUnavailableError`.
        """
        self._config = config
        self._work = config.archive / "work"
        self._seen: dict[str, _Seen] = {}
        self._listing: Generator[bool] = self._list()
        self._parts: dict[str, Path] = {}
        self._held: dict[str, float] = {}
        self._listed_at = float("-inf")
        self._read = self._settled = 0
        self._unsettled: deque[_Settlement] = deque()
        check_folders(config, context)
        make_private_directory(self._work)
        self._lock = _lock(config.archive)
        try:
            self._claims = deque(self._recover())
        except OSError as error:
            os.close(self._lock)
            raise self._stopped_by(error) from None
        except BaseException:
            os.close(self._lock)
            raise

    @abstractmethod
    def take(self, claim: Claim) -> Told:
        """Read `claim` and return what it means: whenever it is read, the same event ids.

        Raises `Unusable` if it means nothing. An `OSError` or a `ConnectorError` is no fault of the claim's: it is read again.
        Any other error is taken for a defect, and rejects it.
        """

    def read(self, wait_seconds: float) -> Sequence[Taken]:
        """Return the next claims, read."""
        try:
            if not self._claims and time.monotonic() - self._listed_at >= LIST_SECONDS:
                self._claim_what_is_ready()
            taken = self._take_some()
        except OSError as error:
            raise SourceUnavailableError(why(error, self._config.inbox)) from None
        if not taken and self._held:
            raise SourceUnavailableError(self._explain_held())
        if not taken:
            time.sleep(wait_seconds)
        return taken

    def map(self, raw: Taken) -> Outcome:
        """Return what was read of a claim."""
        self._read += 1
        self._unsettled.append(_Settlement(raw, raw.outcome if isinstance(raw.outcome, Reject) else None))
        return raw.outcome

    def reject(self, raw: Taken, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a claim, which says under which name it is kept."""
        reject = _reject(raw.claim, reason, detail)
        self._unsettled[-1].reject = reject
        return reject

    def map_again(self, reject: Reject, read_at: datetime) -> Outcome:  # noqa: ARG002 - the contract's
        """Return `reject`: to be taken again, the files are moved back to the inbox."""
        return reject

    def position(self) -> int:
        """Return how many claims were read."""
        return self._read

    def acknowledge(self, position: int) -> None:
        """Move the files that are safe out of `work/`."""
        while self._settled < position:
            try:
                self._settle(self._unsettled.popleft())
            except OSError as error:
                raise self._stopped_by(error) from None
            self._settled += 1

    def close(self) -> None:
        """Let go of the archive."""
        self._listing.close()
        os.close(self._lock)

    def _stopped_by(self, error: OSError) -> ConnectorError:
        """Return why to begin anew from what is in `work/`; not in the error's words: a file's name may be a person's."""
        return ConnectorError(why(error, say(f"a file of {self._config.inbox}", f"un fichier de {self._config.inbox}")))

    # ---------------------------------------------------------------------------------------------------------- claiming
    def _claim_what_is_ready(self) -> None:
        """Claim what can be moved; what cannot is tried again later, and holds up nothing else."""
        if not self._look():
            return
        ready = self._ready()[:CLAIMS]
        until = time.monotonic() + BATCH_SECONDS
        try:
            for stem, names in ready:
                if claim := self._claim(stem, names):
                    self._claims.append(claim)
                if time.monotonic() > until:
                    break
        except OSError as error:
            raise self._stopped_by(error) from None
        if not ready:
            self._listed_at = time.monotonic()

    def _ready(self) -> list[tuple[str, list[str]]]:
        """Return the names of what is whole and belongs together, by their stem, the oldest first."""
        now = time.monotonic()
        groups: dict[str, list[str]] = defaultdict(list, {stem: [] for stem in self._parts})
        for name in self._seen:
            groups[Path(name).stem].append(name)
        self._held = {stem: until for stem, until in self._held.items() if stem in groups}

        def is_ready(stem: str, names: list[str]) -> bool:
            waited = now - max((self._seen[name].since for name in names), default=float("-inf"))
            patience = self._config.settle_seconds
            is_whole = stem in self._parts or self._is_whole(names)
            return waited >= (patience if is_whole else max(patience, self._config.pair_seconds))

        def age(group: tuple[str, list[str]]) -> tuple[int, str]:
            stem, names = group
            return min((self._seen[name].state[1] for name in names), default=0), stem

        free = ((stem, sorted(names)) for stem, names in groups.items() if self._held.get(stem, now) <= now)
        return sorted(((stem, names) for stem, names in free if is_ready(stem, names)), key=age)

    def _is_whole(self, names: list[str]) -> bool:
        suffixes = {_suffix(name) for name in names}
        known = self.contents | self.sidecars
        return not suffixes <= known or bool(suffixes & self.contents and suffixes & self.sidecars)

    def _look(self) -> bool:
        """List the inbox, and return whether that came to its end: on a slow share it takes several turns."""
        try:
            return next(self._listing)
        except OSError:
            self._listing = self._list()
            raise

    def _list(self) -> Generator[bool]:
        while True:
            seen: dict[str, _Seen] = {}
            until = time.monotonic() + BATCH_SECONDS
            with os.scandir(self._config.inbox) as entries:
                for entry in entries:
                    if time.monotonic() > until:
                        yield False
                        until = time.monotonic() + BATCH_SECONDS
                    with suppress(FileNotFoundError):
                        self._note(entry, seen)
            self._seen = seen
            yield True

    def _note(self, entry: os.DirEntry[str], seen: dict[str, _Seen]) -> None:
        if HIDDEN.match(entry.name) or entry.is_dir(follow_symlinks=False):
            return
        found = entry.stat(follow_symlinks=False)
        state = (found.st_size, found.st_mtime_ns, found.st_ino)
        before = self._seen.get(entry.name)
        seen[entry.name] = before if before and before.state == state else _Seen(state, time.monotonic())

    def _claim(self, stem: str, names: list[str]) -> Claim | None:
        """Claim files, or what is still missing in a claim that was begun; return None if they are gone or held."""
        part = self._parts.pop(stem, None) or self._begin(len(names))
        self._held.pop(stem, None)
        try:
            for name in names:
                if not os.path.lexists(part / name):
                    with suppress(FileNotFoundError):  # its writer took it back
                        (self._config.inbox / name).rename(part / name)
        except OSError as error:
            if any(part.iterdir()):
                self._parts[stem] = part
            else:
                part.rmdir()
            if error.errno not in HELD:
                raise
            self._held[stem] = time.monotonic() + HELD_SECONDS
            return None
        return self._finish(part)

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

    def _explain_held(self) -> str:
        count, inbox = len(self._held), self._config.inbox
        return say(
            f"{count} of the files in {inbox} may not be moved: another program holds them, or they are another user's",
            f"{count} des fichiers de {inbox} ne peuvent être déplacés : un autre programme les tient, ou ils sont à un autre",
        )

    def _claim_at(self, directory: Path) -> Claim:
        def of(chosen: Callable[[str], bool]) -> tuple[Path, ...]:
            return tuple(path for path in files if chosen(_suffix(path.name)))

        files = sorted(directory.iterdir())
        known = self.contents | self.sidecars
        claimed_at = datetime.strptime(directory.name, STAMP).replace(tzinfo=UTC)
        return Claim(
            directory,
            claimed_at,
            of(self.contents.__contains__),
            of(self.sidecars.__contains__),
            of(lambda suffix: suffix not in known),
        )

    def _recover(self) -> list[Claim]:
        claims = []
        for entry in sorted(path for path in self._work.iterdir() if OURS.fullmatch(path.name)):
            if entry.name.endswith(".gone"):
                shutil.rmtree(entry)
            elif entry.name.endswith(".part"):
                claims.append(self._go_on_with(entry))
            else:
                claims.append(self._claim_at(entry))
        return [claim for claim in claims if claim]

    def _go_on_with(self, part: Path) -> Claim | None:
        there = [path.name for path in part.iterdir()]
        if not there or len(there) >= int(part.name.split(".")[-2]):
            return self._finish(part)
        self._parts[Path(there[0]).stem] = part
        return None

    # ----------------------------------------------------------------------------------------------------------- reading
    def _take_some(self) -> list[Taken]:
        taken: list[Taken] = []
        until = time.monotonic() + BATCH_SECONDS
        while self._claims and time.monotonic() < until:
            try:
                taken.append(self._take(self._claims[0]))
            except (OSError, ConnectorError):
                if not taken:
                    raise
                break  # it is raised the next time; these come first
            self._claims.popleft()
        return taken

    def _take(self, claim: Claim) -> Taken:
        try:
            _check_parts(claim)
            told = self.take(claim)
        except Unusable as error:
            return Taken(claim, _reject(claim, error.reason, error.detail), "")
        except PermissionError:
            return Taken(claim, _reject(claim, Reason.UNREADABLE_LINE, "this user may not read it"), "")
        except (OSError, ConnectorError):
            raise
        except Exception as error:  # noqa: BLE001 - a defect must not stop the source for ever
            log.error("taking_failed", error=describe(error))  # noqa: TRY400 - a traceback's text may hold values
            return Taken(claim, _reject(claim, Reason.INTERNAL_ERROR, ""), "")
        return Taken(claim, told.events, told.label)

    # ---------------------------------------------------------------------------------------------------------- settling
    def _settle(self, settlement: _Settlement) -> None:
        (claim, _, label), reject = settlement.taken, settlement.reject
        name = claim.directory.name
        if reject:
            place = self._config.archive / "rejected" / reject.reason.value
            make_private_directory(place)
            # Beside the files, under a name of ours: among them, a link of that name could wait for us.
            said = {"reason": reject.reason.value, "detail": reject.detail, "claimed_at": claim.claimed_at.isoformat()}
            write_new(place / f"{name}.json", json.dumps(said).encode() + b"\n")
            claim.directory.rename(place / name)
        elif self._config.afterwards == "delete":
            shutil.rmtree(claim.directory.rename(self._work / f"{name}.gone"))
        else:
            place = self._config.archive / "done" / claim.claimed_at.date().isoformat()
            make_private_directory(place)
            claim.directory.rename(place / "_".join(filter(None, (re.sub(r"[^A-Za-z0-9.-]", "-", label), name))))


@contextmanager
def open_safely(path: Path, limit_bytes: int) -> Iterator[BinaryIO]:
    """Open a regular file of at most `limit_bytes`, following no link and never waiting for anyone.

    Raises `Unusable` for anything else, unread.
    """
    if not stat.S_ISREG(path.lstat().st_mode):  # to open a device may do something
        raise Unusable(Reason.UNREADABLE_LINE, "no regular file")
    with os.fdopen(os.open(path, OPEN_SAFELY), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit_bytes:
            raise Unusable(Reason.OVERSIZED, f"{size} bytes, at most {limit_bytes}")
        if not size:
            raise Unusable(Reason.UNREADABLE_LINE, "empty")
        yield file


def digest(file: BinaryIO, limit_bytes: int) -> str:
    """Return the SHA-256 of `file`, in constant memory. Raises `Unusable` if it has grown beyond `limit_bytes`."""
    sha256 = hashlib.sha256()
    length = 0
    while chunk := file.read(CHUNK_BYTES):
        length += len(chunk)
        if length > limit_bytes:
            raise Unusable(Reason.OVERSIZED, f"more than {limit_bytes} bytes")
        sha256.update(chunk)
    return sha256.hexdigest()


def check_folders(config: FolderConfig, context: Context) -> None:
    """Refuse folders that cannot work together, as they are now: links may have changed since the configuration was read.

    Raises `ConfigError`, and `SourceUnavailableError` if the inbox is not there or cannot be used.
    """
    if overlap(config.inbox, config.archive) or overlap(config.inbox, context.directory):
        raise ConfigError(
            say(
                f"{config.inbox} overlaps the archive or the data directory: what goes out would come in again",
                f"{config.inbox} chevauche archive ou le dossier des données : ce qui sort rentrerait",
            )
        )
    try:
        with os.scandir(config.inbox):
            device = config.inbox.stat().st_dev
    except OSError as error:
        raise SourceUnavailableError(why(error, config.inbox)) from None
    if not os.access(config.inbox, os.W_OK | os.X_OK):
        raise SourceUnavailableError(
            say(f"no right to move files out of {config.inbox}", f"pas le droit d'ôter des fichiers de {config.inbox}")
        )
    nearest = next(path for path in (config.archive, *config.archive.absolute().parents) if path.exists())
    if nearest.stat().st_dev != device:
        raise ConfigError(
            say(
                f"{config.archive} is on another file system than {config.inbox}: files can only be renamed within one",
                f"{config.archive} n'est pas sur le système de fichiers de {config.inbox} : y renommer est impossible",
            )
        )


def probe(config: FolderConfig, context: Context) -> Sequence[Outcome]:
    """Try whether the folders can be used, and touch no file: for `Connector.probe`. Raises what `check_folders` does."""
    check_folders(config, context)
    return ()


def overlap(one: Path, other: Path) -> bool:
    """Return whether two directories are the same, or one lies within the other, links followed."""
    one, other = one.resolve(), other.resolve()
    return one == other or one in other.parents or other in one.parents


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def _check_parts(claim: Claim) -> None:
    if claim.others or len(claim.contents) > 1 or len(claim.sidecars) > 1:
        raise Unusable(Reason.UNKNOWN_RECORD, "files that are neither a scan, nor a sidecar, nor one of each")


def _reject(claim: Claim, reason: Reason, detail: str) -> Reject:
    return Reject(reason, f"rejected/{reason.value}/{claim.directory.name}".encode(), detail)


def _lock(archive: Path) -> int:
    descriptor = os.open(archive, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            raise
        raise InstanceInUseError(
            say(f"{archive} is the archive of another instance", f"{archive} est l'archive d'une autre instance")
        ) from None
    return descriptor
