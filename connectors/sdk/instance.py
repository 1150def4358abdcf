"""One connector instance at work, in one thread.

Whatever goes wrong, the source is closed and opened anew where it was acknowledged last, as after a crash: there is one way of
recovering, and it is used every day.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog

from connectors.sdk.attempts import MOST_ATTEMPTS, Attempts
from connectors.sdk.config import ConnectorConfig
from connectors.sdk.contract import Connector, Context, Publisher
from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import InstanceInUseError, SourceUnavailableError, safe_error_text
from connectors.sdk.files import PRIVATE_FILE, make_private_directory
from connectors.sdk.files import replace as replace_file
from connectors.sdk.flow import Flow
from connectors.sdk.i18n import say
from connectors.sdk.keys import Keys
from connectors.sdk.log_throttle import LogThrottle
from connectors.sdk.metrics import Meter
from connectors.sdk.rejects import Rejects
from connectors.sdk.spool import Spool
from models.identities import IsBlocked
from models.reasons import Reason

LOCK: Final = "lock"
UNAVAILABLE_SECONDS: Final = 0.5
RESTART_SECONDS: Final = (0.2, 1.0, 5.0, 15.0)
STEADY_SECONDS: Final = 60.0
"""After this long without a failure, the next one is the first again."""
STUCK_SECONDS: Final = 60.0
"""An instance that has not moved for so long is stuck. The process leaves because of it, which can help."""
LONGEST_STUCK_SECONDS: Final = 3_600.0
"""Longest wait for an instance that new starts did not help: it doubles with each start, while the other instances go on."""
MOST_STARTS: Final = MOST_ATTEMPTS + 1
"""Number of starts before that: by then, a record that is the cause is rejected."""
STUCK: Final = "stuck"
"""The file that counts how often in a row the process left because of the instance."""
MIN_DELAY_SECONDS: Final = 5.0
NO_ROOM: Final = say(
    "the spool is full, or on its way to the broker: the source is not read",
    "la file d'attente sur disque est pleine, ou en route vers le broker : la source n'est pas lue",
)
GRACE_SECONDS: Final = 5.0
REMIND_SECONDS: Final = 300.0
"""How often a trouble that lasts is told again."""

log = structlog.get_logger(__name__)


class Instance(NamedTuple):
    """A connector and the configuration of one source."""

    name: str
    connector: Connector[Any]
    config: ConnectorConfig
    is_blocked: IsBlocked | None = None
    """Which numbers and addresses identify nobody."""

    @property
    def source(self) -> str:
        """`<connector>/<instance>`."""
        return f"{self.connector.name}/{self.name}"

    def context(self, directory: Path, *, lasting: bool = True) -> Context:
        """Return what the instance keeps below `directory`, which another process may be working on.

        If it is not to be `lasting`, nothing of it is made, and a key that is not there is one for the moment.
        """
        home = self.home(directory)
        if lasting:
            make_private_directory(home)
        keys = Keys(directory / "keys", home, lasting=lasting, is_blocked=self.is_blocked)
        return Context(self.source, home, Cursor(home), keys.pseudonym_key)

    @contextmanager
    def locked(self, directory: Path) -> Iterator[Context]:
        """Have what the instance keeps below `directory` for this process alone. Raises `InstanceInUseError`."""
        context = self.context(directory)
        with _held(context.directory / LOCK):
            yield context

    @contextmanager
    def locked_read_only(self, directory: Path) -> Iterator[Context]:
        """Have the same to look at, so that nothing is made. Raises `InstanceInUseError`."""
        context = self.context(directory, lasting=False)
        lock = context.directory / LOCK
        with _held(lock) if lock.exists() else nullcontext():
            yield context

    def home(self, directory: Path) -> Path:
        """Return the instance's own directory."""
        return directory / self.connector.name / self.name


OpenPublisher = Callable[[str, Spool, Meter], Publisher]
"""Makes the publisher of one source, given its name."""


class InstanceRunner:
    """One instance; `run` it in a thread of its own.

    Its files are in `<directory>/<connector>/<instance>`; the keys in `<directory>/keys` are everyone's.
    """

    def __init__(
        self,
        instance: Instance,
        *,
        directory: Path,
        open_publisher: OpenPublisher,
        meter: Meter,
        spool_limit_bytes: int,
    ) -> None:
        self.instance = instance
        self.trouble = say("not started", "pas démarré")
        """Why nothing is taken in just now, in a few words; empty if all is well."""
        self._directory = directory
        self._open_publisher = open_publisher
        self._meter = meter
        self._spool_limit = spool_limit_bytes
        self._turned_at = self._told_at = self._began_at = time.monotonic()
        self._stuck_file = instance.home(directory) / STUCK
        self._times_stuck = _count(self._stuck_file)
        self._told_still = False
        self._notice = LogThrottle()  # of what is rejected; it outlives the source
        meter.spool_limit.set(spool_limit_bytes)

    @property
    def stuck(self) -> bool:
        """Whether it has not moved for so long that the process is to leave."""
        return time.monotonic() - self._turned_at > self._patience

    @property
    def is_stalled(self) -> bool:
        """Whether it has not moved for `STUCK_SECONDS`."""
        return time.monotonic() - self._turned_at > STUCK_SECONDS

    @property
    def was_stuck(self) -> bool:
        """Whether so many processes left because of it that one more start does not help."""
        return self._times_stuck >= MOST_STARTS

    @property
    def state(self) -> str:
        """Why nothing is taken in just now, in a few words; empty if all is well."""
        if not self.is_stalled:
            return self.trouble
        return say(
            "does not move, as before the last starts; the others go on",
            "ne bouge plus, comme avant les derniers démarrages ; les autres continuent",
        )

    def note_stuck(self) -> None:
        """Count that the process leaves because of it."""
        with suppress(OSError):  # the process leaves in any case
            replace_file(self._stuck_file, str(self._times_stuck + 1).encode())

    def log_stall(self) -> None:
        """Log that it does not move, if so, now and then."""
        now = time.monotonic()
        if self.is_stalled and not self.stuck and (not self._told_still or now - self._told_at > REMIND_SECONDS):
            self._told_still, self._told_at = True, now
            log.warning("connector_in_trouble", connector=self.instance.source, trouble=self.state)

    @property
    def _patience(self) -> float:
        doublings = max(0, self._times_stuck + 1 - MOST_STARTS)
        return max(STUCK_SECONDS, min(STUCK_SECONDS * (1 << doublings), LONGEST_STUCK_SECONDS))

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. Only what no new start in this process can help ends it before."""
        structlog.contextvars.bind_contextvars(connector=self.instance.source)
        self._began_at = time.monotonic()
        failures = 0
        while not stop.is_set():
            self._turned_at = started_at = time.monotonic()
            try:
                self._work(stop)
            except Exception as error:  # noqa: BLE001 - any failure becomes a new start
                failures = failures + 1 if time.monotonic() - started_at < STEADY_SECONDS else 1
                pause = RESTART_SECONDS[min(failures, len(RESTART_SECONDS)) - 1]
                self._meter.errors[Reason.INTERNAL_ERROR].inc()
                self._report(safe_error_text(error), seconds=pause)
                stop.wait(pause)
            except BaseException as error:  # noqa: BLE001 - a SystemExit, which threading passes over in silence
                self.trouble = type(error).__name__
                return

    def _work(self, stop: threading.Event) -> None:
        with self._opened() as flow:
            log.info("connector_started")
            while not stop.is_set():
                self._turn(flow, stop)
            flow.drain(GRACE_SECONDS)
        self.trouble = say("stopped", "arrêté")
        log.info("connector_stopped")

    def _turn(self, flow: Flow, stop: threading.Event) -> None:
        self._turned_at = time.monotonic()
        if self._times_stuck and self._turned_at - self._began_at > self._patience:
            self._times_stuck = 0
            self._stuck_file.unlink(missing_ok=True)
        try:
            flow.step()
        except SourceUnavailableError as error:
            self._report(str(error))
            stop.wait(UNAVAILABLE_SECONDS)
        else:
            held_up = time.monotonic() - flow.read_at > MIN_DELAY_SECONDS
            if held_up:
                self._report(flow.refusal or NO_ROOM)
            elif flow.refusal:
                self._report(flow.refusal, event="connector_refused")
            else:
                self._report(flow.trouble, event="connector_takes_in_part")
        if told := self._notice.take():
            log.warning("records_rejected", **told)

    def _report(self, trouble: str, *, event: str = "connector_in_trouble", **details: Any) -> None:
        now = time.monotonic()
        if trouble == self.trouble and not (trouble and now - self._told_at > REMIND_SECONDS):
            return
        self.trouble, self._told_at = trouble, now
        if not trouble:
            log.info("connector_takes_in")
        else:
            log.warning(event, trouble=trouble, **details)

    @contextmanager
    def _opened(self) -> Iterator[Flow]:
        with (
            self.instance.locked(self._directory) as context,
            closing(Attempts(context.directory)) as attempts,
            closing(Rejects(context.directory, log_throttle=self._notice)) as rejects,
            closing(self._open_publisher(context.source, self._spool(context), self._meter)) as publisher,
            closing(self.instance.connector.open(self.instance.config, replace(context, attempts=attempts))) as source,
        ):
            yield Flow(source, publisher, rejects, self._meter, attempts)

    def _spool(self, context: Context) -> Spool:
        return Spool(context.directory / "spool", self._spool_limit)


def _count(path: Path) -> int:
    try:
        return min(int(path.read_bytes()), 20)
    except (OSError, ValueError):
        return 0


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`, so that no other process runs the same instance; the kernel frees it at our end."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InstanceInUseError(
                say(f"{path.parent} is in use by another process", f"{path.parent} est utilisé par un autre processus")
            ) from None
        yield
    finally:
        os.close(descriptor)
