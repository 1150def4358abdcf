"""Supervisor of child processes: starts, watches, restarts and stops them in order. `up` decides which.

Children are crash-only: they are restarted after any exit, with the delays of `RESTART_SECONDS`. If a child repeatedly fails to
start, or ends with `EXIT_CONFIGURATION`, the whole tree stops. The output of children goes to files of limited size; warnings and
errors also go to the console.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from subprocess import SubprocessError
from typing import Final, NamedTuple

from yarl import URL

from models.locale import _
from streams.kafka.child_processes import die_with_parent
from streams.locale.error_messages import os_error_cause
from streams.runtime.console import describe_state, is_transient, parse_log_line
from streams.settings.exit_codes import EXIT_CONFIGURATION, EXIT_RESTART

ReportLine = Callable[[str, str], None]
"""Callback that shows a line on the console: process name, line. It must not raise, even without a terminal."""

LOG_BYTES: Final = 5 << 20
"""Maximum size of one log file of a child."""
LOG_COPIES: Final = 2
"""Number of older log files that are kept per child."""
LINE_BYTES: Final = 1 << 20
"""Maximum length of a line of a child's output; a longer one is dropped."""
RESTART_SECONDS: Final = (0.2, 1.0, 2.0, 5.0, 10.0)
"""Delay before a restart, by the number of consecutive failures.

After one more failure the tree stops, unless the child ever ran for `PROVEN_SECONDS`: then the last delay repeats, since an
external cause may end at any time, and the other children keep working."""
PROVEN_SECONDS: Final = 30.0
"""Minimum run time of a child whose exit does not count as a failure to start."""
QUIET_SECONDS: Final = 10.0
"""Time after each start without `console.TRANSIENT_EVENTS` on the console; it ends early when the child is first ready."""
PATIENCE_SECONDS: Final = 20.0
"""Longest time without readiness before the console shows the reason."""
HEALTH_SECONDS: Final = 5.0
"""Interval of the health checks, and of the readiness checks once a child is ready."""
UNHEALTHY_STRIKES: Final = 6
"""Number of consecutive failed health checks before a child is killed."""
PROBE_SECONDS: Final = 0.1
"""Interval of the readiness checks until a child is first ready."""
PROBE_TIMEOUT_SECONDS: Final = 2.0
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class GaveUp(Exception):  # noqa: N818 - names what the tree did
    """A child cannot be kept running; the message contains its name, the reason and the log file.

    `exit_code` is the exit code for this process: `EXIT_CONFIGURATION` or `EXIT_RESTART`.
    """

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Program:
    """Specification of a child process."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Complete environment of the process."""
    health: tuple[str, int] | None = None
    """Host and port that serve /readyz and /healthz; None for a process without them."""
    stop_seconds: float = 5.0
    """Longest wait for the end after SIGTERM."""
    is_one_shot: bool = False
    """True if the process is not restarted after it ends with exit code 0."""
    about: str = ""
    """Text shown when the process is ready."""
    shows_output: bool = False
    """Whether log lines of all levels are shown until the process is first ready."""
    ready_on_output: bool = False
    """Whether the first line of output means that the process is ready, for a process without /readyz."""

    def address(self, path: str) -> str:
        """Return the URL of `path`; empty without `health`."""
        if not self.health:
            return ""
        host, port = self.health
        return str(URL.build(scheme="http", host=host, port=port, path=path))


class _CheckResult(NamedTuple):
    passed: bool
    text: str


class Child:
    """A program, and its process, which is watched and can be restarted."""

    def __init__(self, program: Program, logs: Path, report: ReportLine, *, verbose: bool) -> None:
        self.program = program
        self.ready = asyncio.Event()
        """Set once the process has been ready for the first time, or has ended normally."""
        self.trouble = ""
        """Reason why the process is not ready; empty if it is, and before the first start."""
        self._details = ""
        """Reference to the URL that shows the reason; empty while the process does not answer."""
        self.log = logs / f"{program.name}.log"
        self._report = report
        self._file = _LogFile(self.log, lambda trouble: report(program.name, trouble))
        self._verbose = verbose
        self._stopping = asyncio.Event()
        self._process: Process | None = None
        self._began_at = self._unready_at = 0.0
        self._reported_ready: bool | None = None
        """Readiness that was last reported for the current run; None before the first report."""
        self._last_line = ""

    async def keep_running(self) -> None:
        """Run the program, and restart it until `stop`, or until a one-shot program has ended normally.

        Raises `GaveUp` after `EXIT_CONFIGURATION`, and after repeated failures to start (`RESTART_SECONDS`).
        """
        failures, proven = 0, False
        while True:
            self._began_at = self._unready_at = time.monotonic()
            self._reported_ready, self.trouble, self._details = None, describe_state(""), ""
            code = await self._run()
            if self._stopping.is_set():
                return
            if code == 0 and self.program.is_one_shot:
                self._announce_ready()
                return
            failures, proven = (0, True) if self._run_seconds >= PROVEN_SECONDS else (failures + 1, proven)
            if code == EXIT_CONFIGURATION or (failures > len(RESTART_SECONDS) and not proven):
                raise GaveUp(self._describe_failure(code), code if code == EXIT_CONFIGURATION else EXIT_RESTART)
            delay = RESTART_SECONDS[min(max(failures, 1), len(RESTART_SECONDS)) - 1]
            self._report(self.program.name, _("ended ({name}), restart in {delay:g} s", name=_name(code), delay=delay))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
                return

    async def run_once(self) -> int:
        """Run the program once and return its exit code."""
        self._began_at = self._unready_at = time.monotonic()
        return await self._run()

    async def stop(self) -> None:
        """Stop the process for good: with SIGTERM, and with SIGKILL after `stop_seconds`."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self.program.stop_seconds)
        except TimeoutError:
            self._report(self.program.name, _("does not stop, killed"))
            self.kill()
            await process.wait()

    def kill(self) -> None:
        """Kill the process immediately and for good."""
        self._stopping.set()
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _run(self) -> int:
        """Run the process once; return its exit code, or `EXIT_RESTART` if it could not start, e.g. for a lack of memory."""
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self.program.command,
                env=self.program.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                limit=LINE_BYTES,
                start_new_session=True,  # Ctrl-C must reach only the parent, which stops the children in order
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        except (OSError, SubprocessError) as error:
            self._last_line = os_error_cause(error) if isinstance(error, OSError) else str(error)
            self._report(self.program.name, _("cannot be started: ") + self._last_line)
            return EXIT_RESTART
        if self._stopping.is_set():  # `stop` was called during the start
            process.terminate()
        watching = asyncio.create_task(self._watch(process))
        try:
            await self._read(process)
            return await process.wait()
        finally:
            watching.cancel()

    async def _read(self, process: Process) -> None:
        assert process.stdout
        try:
            while True:
                try:
                    line = await process.stdout.readline()
                except ValueError:  # longer than `LINE_BYTES`: drop what was read
                    continue
                if not line:
                    return
                text = line.decode(errors="replace").rstrip()
                self._file.emit(logging.makeLogRecord({"msg": text}))
                self._show(text)
        finally:
            self._file.close()

    def _show(self, text: str) -> None:
        level, self._last_line = parse_log_line(text)
        if self.program.ready_on_output and not self._reported_ready:
            self._announce_ready()
        starting = not self.ready.is_set()
        quiet = starting and self._run_seconds < QUIET_SECONDS
        shown = level >= logging.WARNING and not (quiet and is_transient(text))
        shown = shown or (starting and self.program.shows_output and level > 0)
        if shown or self._verbose:
            self._report(self.program.name, self._last_line)

    async def _watch(self, process: Process) -> None:
        """Report changes of the readiness, and kill a process without progress.

        Without `health`, report a process as ready at once, unless it is ready on output or at its end.
        """
        health = self.program.health
        if health:
            await asyncio.gather(self._watch_readiness(*health), self._watch_health(process, *health))
        elif not self.program.is_one_shot and not self.program.ready_on_output:
            self._announce_ready()

    async def _watch_readiness(self, host: str, port: int) -> None:
        pause_seconds = PROBE_SECONDS
        while True:
            if self._record_readiness(await _get(host, port, "/readyz")):
                pause_seconds = HEALTH_SECONDS
            await asyncio.sleep(pause_seconds)

    async def _watch_health(self, process: Process, host: str, port: int) -> None:
        """Kill the process after repeated failed checks.

        A process that has never answered is still starting, e.g. while the broker's jars are downloaded.
        """
        strikes, started = 0, False
        while strikes < UNHEALTHY_STRIKES:
            await asyncio.sleep(HEALTH_SECONDS)
            result = await _get(host, port, "/healthz")
            started = started or bool(result.text)
            strikes = strikes + 1 if started and not result.passed else 0
        self._report(self.program.name, _("makes no progress, killed"))
        process.kill()

    def _record_readiness(self, result: _CheckResult) -> bool:
        """Return whether the process is ready; report when it becomes so, or has not been for `PATIENCE_SECONDS`."""
        now = time.monotonic()
        if result.passed:
            if not self._reported_ready:
                self._announce_ready()
            self.trouble = ""
            return True
        if not self.trouble:
            self._unready_at = now
        self.trouble = describe_state(result.text)
        self._details = f" → {self.program.address('/readyz')}" if result.text else ""
        if now - self._unready_at >= PATIENCE_SECONDS:
            self.report_trouble()
        return False

    def report_trouble(self) -> None:
        """Report on the console that the process is not ready, and why; only once until it is ready again or restarted."""
        if self._reported_ready is not False and not self._stopping.is_set():
            self._reported_ready = False
            waiting = _("waiting: ")  # not a failure during the start
            prefix = _("not ready: ") if self.ready.is_set() else waiting
            self._report(self.program.name, prefix + self.trouble + self._details)

    @property
    def _run_seconds(self) -> float:
        return time.monotonic() - self._began_at

    def _announce_ready(self) -> None:
        seconds = time.monotonic() - self._unready_at
        self._report(self.program.name, f"✓ {seconds:4.1f} s  {self.program.about}".rstrip())
        self._reported_ready, self.trouble = True, ""
        self.ready.set()

    def _describe_failure(self, code: int) -> str:
        last_line = self._last_line.removeprefix("accueil: ")
        return _(
            "{name} cannot run ({name_2}): {last_line}\nfull log: {log}",
            name=self.program.name,
            name_2=_name(code),
            last_line=last_line,
            log=self.log,
        )


class _LogFile(RotatingFileHandler):
    """Log file of limited size that drops lines it cannot write, and reports that once."""

    def __init__(self, path: Path, report: Callable[[str], None]) -> None:
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=LOG_COPIES, encoding="utf-8", delay=True)
        self._report = report
        self._error_reported = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the name is logging's
        """Report the current error if it is the first one."""
        error = sys.exception()
        if not self._error_reported:
            self._error_reported = True
            reason = os_error_cause(error) if isinstance(error, OSError) else error
            self._report(
                _(
                    "{basefilename} cannot be written ({reason}): further output is lost",
                    basefilename=self.baseFilename,
                    reason=reason,
                )
            )

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        with suppress(OSError):  # buffered lines still cannot be written
            super().close()


class ProcessTree:
    """Children that are started in order, and stopped in the reverse order."""

    def __init__(self, logs: Path, report: ReportLine, *, verbose: bool) -> None:
        self._logs = logs
        self._report = report
        self._verbose = verbose
        self._children: list[Child] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, *programs: Program) -> list[Child]:
        """Start `programs` at the same time, and return their children without waiting until they are ready."""
        children = [Child(program, self._logs, self._report, verbose=self._verbose) for program in programs]
        self._children += children
        for child in children:
            keeper = asyncio.create_task(child.keep_running())
            keeper.add_done_callback(self._note_end)
            self._keepers.append(keeper)
        return children

    async def run_once(self, program: Program) -> int:
        """Run `program` once, and return its exit code; it is stopped together with the other children."""
        child = Child(program, self._logs, self._report, verbose=self._verbose)
        self._children.append(child)
        try:
            return await child.run_once()
        finally:
            await child.stop()
            self._children.remove(child)

    async def run(self, grow: Callable[["ProcessTree"], Awaitable[None]]) -> None:
        """Start the tree with `grow`, run it until a signal, and stop it; a second signal kills what still runs.

        An exception of `grow` or of a child, such as `GaveUp`, stops the tree and is raised.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # ignored under nohup
                loop.add_signal_handler(number, self._interrupt)
        growing = asyncio.ensure_future(grow(self))
        growing.add_done_callback(self._note_end)
        try:
            await self._end
        finally:
            growing.cancel()
            for child in [*reversed(self._children)]:
                await child.stop()
            await asyncio.gather(growing, *self._keepers, return_exceptions=True)

    def _note_end(self, task: "asyncio.Future[None]") -> None:
        if not task.cancelled() and (error := task.exception()) and not self._end.done():
            self._end.set_exception(error)

    def _interrupt(self) -> None:
        if self._end.done():
            for child in self._children:
                child.kill()
        else:
            self._end.set_result(None)
            self._report("", _("stopping …"))


async def all_ready(children: Iterable[Child], seconds: float | None = None) -> list[Child]:
    """Wait until all `children` are ready, for at most `seconds`; return those that are not."""
    waiting = {asyncio.create_task(child.ready.wait()): child for child in children}
    if not waiting:
        return []
    _, late = await asyncio.wait(waiting, timeout=seconds)
    for task in late:
        task.cancel()
    return [waiting[task] for task in late]


async def _get(host: str, port: int, path: str) -> _CheckResult:
    """Return whether a GET request is answered with status 200, and the last line of the response; empty without one."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                name = f"[{host}]" if ":" in host else host
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                status, *_, last = (await reader.read()).decode(errors="replace").strip().splitlines()
                return _CheckResult(" 200 " in status, last)
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return _CheckResult(passed=False, text="")


def _name(code: int) -> str:
    return _("exit code {code}", code=code) if code >= 0 else signal.Signals(-code).name
