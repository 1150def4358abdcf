"""Runner of one connector instance, in its own thread.

After an error the runner closes the source and opens it again at the last acknowledged position, as after a crash. This single
way of recovery is therefore exercised often. Only an unavailable source stays open and is read again.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog

from connectors.sdk.attempts import MOST_ATTEMPTS, Attempts
from connectors.sdk.config import ConnectorConfig
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons
from connectors.sdk.contract import Connector, Context, Publisher
from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import SourceUnavailableError, safe_error_text
from connectors.sdk.files import lock, make_private_directory
from connectors.sdk.files import replace as replace_file
from connectors.sdk.flow import Flow
from connectors.sdk.keys import Keys
from connectors.sdk.log_throttle import LogThrottle
from connectors.sdk.metrics import Meter
from connectors.sdk.rejects import Rejects
from connectors.sdk.spool import LIMIT_BYTES, Spool
from models.identities import IsBlocked
from models.locale import _
from models.reasons import Reason

LOCK: Final = "lock"
UNAVAILABLE_SECONDS: Final = 0.5
RESTART_SECONDS: Final = (0.2, 1.0, 5.0, 15.0)
STEADY_SECONDS: Final = 60.0
"""An error after a longer run of the source counts as the first of consecutive errors."""
STUCK_SECONDS: Final = 60.0
"""Time without progress after which an instance is stalled. It is then stuck too, unless earlier restarts did not help it."""
LONGEST_STUCK_SECONDS: Final = 3_600.0
"""Upper limit of the time without progress until an instance is stuck. That time doubles with each restart from the
`MOST_STARTS`-th on."""
MOST_STARTS: Final = MOST_ATTEMPTS + 1
"""Consecutive restarts because of an instance before the wait doubles. After so many, a record that causes them is rejected."""
STUCK: Final = "stuck"
"""File with the number of consecutive restarts because of the instance."""
MIN_DELAY_SECONDS: Final = 5.0
"""Longest time without a read before the instance reports it."""
NO_ROOM: Final = _("the spool is full or being sent to the broker: the source is not read")
NOT_STARTED: Final = _("not started")
GRACE_SECONDS: Final = 5.0
"""Longest wait for confirmations when the process stops."""
REMIND_SECONDS: Final = 300.0
"""Interval of repeated log messages about a lasting problem."""

log = structlog.get_logger(__name__)


class Instance(NamedTuple):
    """A connector with the configuration of one source."""

    name: str
    connector: Connector[Any]
    config: ConnectorConfig
    is_blocked: IsBlocked | None = None
    """Tests whether a number or address is blocked: it identifies no citizen and gets no pseudonym. None blocks none."""
    contact_reasons: ContactReasons = NO_REASONS
    """Reasons that events may have, and the rules that set them."""

    @property
    def source(self) -> str:
        """`<connector>/<instance>`."""
        return f"{self.connector.name}/{self.name}"

    @property
    def reasons_after_map(self) -> ContactReasons:
        """Reasons for the events that `map` returns: without rules if the connector applies them itself."""
        return self.contact_reasons.without_rules() if self.connector.sets_reasons else self.contact_reasons

    def context(self, directory: Path, *, lasting: bool = True) -> Context:
        """Return the context of the instance, without a lock. `directory` contains the data of all connectors.

        If `lasting`, create the instance's directory. Otherwise create nothing, and replace a missing key by a temporary one.
        """
        home = self.home(directory)
        if lasting:
            make_private_directory(home)
        keys = Keys(directory / "keys", home, lasting=lasting, is_blocked=self.is_blocked)
        return Context(self.source, home, Cursor(home), keys.pseudonym_key, contact_reasons=self.contact_reasons)

    @contextmanager
    def locked(self, directory: Path, *, lasting: bool = True) -> Iterator[Context]:
        """Lock the instance while the block runs, and yield its `context`. Raises `InstanceInUseError` if it is locked already.

        An instance without a lock file never ran: unless `lasting`, it is not locked, and nothing is created.
        """
        context = self.context(directory, lasting=lasting)
        path = context.directory / LOCK
        with ExitStack() as stack:
            if lasting or path.exists():
                in_use = _("{directory} is in use by another process", directory=path.parent)
                stack.callback(os.close, lock(path, in_use))
            yield context

    def home(self, directory: Path) -> Path:
        """Return the instance's own directory below `directory`."""
        return directory / self.connector.name / self.name


OpenPublisher = Callable[[str, Spool, Meter], Publisher]
"""Opens the publisher of the source `<connector>/<instance>`, with its spool and its metrics."""


class InstanceRunner:
    """Runs one instance; call `run` in its own thread.

    The instance's files are in `<directory>/<connector>/<instance>`; all instances share the keys in `<directory>/keys`.
    """

    def __init__(
        self,
        instance: Instance,
        *,
        directory: Path,
        open_publisher: OpenPublisher,
        meter: Meter,
    ) -> None:
        self.instance = instance
        self.trouble = NOT_STARTED
        """Last reported reason why the instance does not work, or only in part; empty if it works. Initially `NOT_STARTED`."""
        self._directory = directory
        self._open_publisher = open_publisher
        self._meter = meter
        self._step_at = self._reported_at = self._began_at = time.monotonic()
        self._stuck_file = instance.home(directory) / STUCK
        self._times_stuck = _count(self._stuck_file)
        self._log_throttle = LogThrottle()  # for rejections; kept when the source is reopened
        meter.spool_limit.set(LIMIT_BYTES)

    @property
    def stuck(self) -> bool:
        """True if the process must exit even if other instances work.

        The time without progress then exceeds `STUCK_SECONDS`, or more if restarts did not help.
        """
        return time.monotonic() - self._step_at > self._patience

    @property
    def is_stalled(self) -> bool:
        """True if the instance has made no progress for `STUCK_SECONDS`."""
        return time.monotonic() - self._step_at > STUCK_SECONDS

    @property
    def was_stuck(self) -> bool:
        """True if at least `MOST_STARTS` consecutive restarts because of the instance have not helped."""
        return self._times_stuck >= MOST_STARTS

    def note_stuck(self) -> None:
        """Count, in the file `STUCK`, a restart of the process because of this instance."""
        with suppress(OSError):  # the process exits in any case
            replace_file(self._stuck_file, str(self._times_stuck + 1).encode())

    def report_stall(self) -> None:
        """If the instance is stalled but not stuck, set `trouble` and log it. For another thread, since its own is blocked."""
        trouble = _("makes no progress, as before the last restarts; the other instances continue")
        if self.is_stalled and not self.stuck:
            self._report(trouble, connector=self.instance.source)

    @property
    def _patience(self) -> float:
        doublings = max(0, self._times_stuck + 1 - MOST_STARTS)
        return max(STUCK_SECONDS, min(STUCK_SECONDS * (1 << doublings), LONGEST_STUCK_SECONDS))

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; open the source again after any `Exception`. Another error, such as `SystemExit`, ends it."""
        structlog.contextvars.bind_contextvars(connector=self.instance.source)
        self._began_at = time.monotonic()
        failures = 0
        while not stop.is_set():
            self._step_at = started_at = time.monotonic()
            try:
                self._work(stop)
            except Exception as error:  # noqa: BLE001 - any failure leads to a restart of the instance
                failures = failures + 1 if time.monotonic() - started_at < STEADY_SECONDS else 1
                pause = RESTART_SECONDS[min(failures, len(RESTART_SECONDS)) - 1]
                self._meter.errors[Reason.INTERNAL_ERROR].inc()
                self._report(safe_error_text(error), seconds=pause)
                stop.wait(pause)
            except BaseException as error:  # noqa: BLE001 - for example SystemExit, which threading ignores silently
                self.trouble = type(error).__name__
                return

    def _work(self, stop: threading.Event) -> None:
        with self._opened() as flow:
            log.info("connector_started")
            while not stop.is_set():
                self._step(flow, stop)
            flow.drain(GRACE_SECONDS)
        self.trouble = _("stopped")
        log.info("connector_stopped")

    def _step(self, flow: Flow, stop: threading.Event) -> None:
        self._step_at = time.monotonic()
        if self._times_stuck and self._step_at - self._began_at > self._patience:
            self._times_stuck = 0
            self._stuck_file.unlink(missing_ok=True)
        try:
            flow.step()
        except SourceUnavailableError as error:
            self._report(str(error))
            stop.wait(UNAVAILABLE_SECONDS)
        else:
            is_delayed = time.monotonic() - flow.read_at > MIN_DELAY_SECONDS
            if is_delayed:
                self._report(flow.refusal or NO_ROOM)
            elif flow.refusal:
                self._report(flow.refusal, event="connector_refused")
            else:
                self._report(flow.trouble, event="connector_takes_in_part")
        self._log_throttle.log_due("records_rejected")

    def _report(self, trouble: str, *, event: str = "connector_in_trouble", **details: Any) -> None:
        now = time.monotonic()
        if trouble == self.trouble and not (trouble and now - self._reported_at > REMIND_SECONDS):
            return
        before, self.trouble, self._reported_at = self.trouble, trouble, now
        if trouble:
            log.warning(event, trouble=trouble, **details)
        elif before == NOT_STARTED:
            log.info("connector_takes_in")
        else:
            log.warning("connector_takes_in_again")  # a warning, like the one before

    @contextmanager
    def _opened(self) -> Iterator[Flow]:
        with (
            self.instance.locked(self._directory) as context,
            closing(Attempts(context.directory)) as attempts,
            closing(Rejects(context.directory, log_throttle=self._log_throttle)) as rejects,
            closing(
                self._open_publisher(context.source, Spool(context.directory / "spool", LIMIT_BYTES), self._meter)
            ) as publisher,
            closing(self.instance.connector.open(self.instance.config, replace(context, attempts=attempts))) as source,
        ):
            yield Flow(source, publisher, rejects, self._meter, attempts, self.instance.reasons_after_map)


def _count(path: Path) -> int:
    try:
        return min(int(path.read_bytes()), 20)
    except (OSError, ValueError):
        return 0
