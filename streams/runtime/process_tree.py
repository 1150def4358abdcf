"""A tree of child processes: started, watched, restarted, and stopped in order.

Children are crash-only: whatever their exit code says, they are started again, a little later each time; one that cannot even
start is given up, and the tree with it. What they say goes to bounded files; warnings and worse to the console too.
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

from streams.kafka.child_processes import die_with_parent
from streams.locale.error_messages import os_error_cause
from streams.locale.i18n import say
from streams.runtime.console import describe_state, is_transient, parse_log_line
from streams.runtime.errors import EXIT_CONFIGURATION, EXIT_RESTART

Tell = Callable[[str, str], None]
"""Show a line to the person at the console: who, and what. Raises nothing, though nobody may be there any more."""

LOG_BYTES: Final = 5 << 20
LOG_COPIES: Final = 2
LINE_BYTES: Final = 1 << 20
RESTART_SECONDS: Final = (0.2, 1.0, 2.0, 5.0, 10.0)
"""Between the end of a child and its next life, by how often it failed in a row. After the last it is given up, unless it has
proven that it can run: what it needs may come back at any time, and the others do their work meanwhile."""
PROVEN_SECONDS: Final = 30.0
"""A life that lasts this long is no failure to start."""
QUIET_SECONDS: Final = 10.0
"""How long after a start the warnings that pass by themselves (`console.PASSING`) are written to the file only."""
PATIENCE_SECONDS: Final = 20.0
"""When a child has not been ready for this long, the person at the console is told what it waits for."""
HEALTH_SECONDS: Final = 5.0
UNHEALTHY_STRIKES: Final = 6
PROBE_SECONDS: Final = 0.1
PROBE_TIMEOUT_SECONDS: Final = 2.0
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class GaveUp(Exception):  # noqa: N818 - says what the tree did
    """A child cannot be kept running; the text says which, why, and where to read more.

    `exit_code` is what this process is to end with in its turn: `EXIT_CONFIGURATION` or `EXIT_RESTART`.
    """

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Program:
    """One child."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """All of it."""
    health: tuple[str, int] | None = None
    """Host and port that answer /readyz and /healthz."""
    stop_seconds: float = 5.0
    """How long it may take to end after SIGTERM."""
    is_one_shot: bool = False
    """Whether ending with code 0 is what it is for."""
    about: str = ""
    """Shown when it is ready."""
    shows_output: bool = False
    """Whether what it says is shown until it is ready: for what takes long the first time."""
    ready_on_output: bool = False
    """Whether its first line says that it is ready, where nothing of it answers /readyz."""

    def address(self, path: str) -> str:
        """Return where it answers `path`; empty if it has no `health`."""
        if not self.health:
            return ""
        host, port = self.health
        return str(URL.build(scheme="http", host=host, port=port, path=path))


class _State(NamedTuple):
    well: bool
    text: str


class Child:
    """A program that is kept running."""

    def __init__(self, program: Program, logs: Path, report: Tell, *, verbose: bool) -> None:
        self.program = program
        self.ready = asyncio.Event()
        """Set once it is ready for the first time, or has ended as it should."""
        self.trouble = ""
        """Why it is not ready now, in words; empty if it is."""
        self._where = ""
        """Where it says so itself; empty as long as it does not answer."""
        self.log = logs / f"{program.name}.log"
        self._tell = report
        self._file = _LogFile(self.log, lambda trouble: report(program.name, trouble))
        self._verbose = verbose
        self._stopping = asyncio.Event()
        self._process: Process | None = None
        self._began_at = self._unready_at = 0.0
        self._told: bool | None = None
        """What was told last of this life: that it is ready, or that it is not."""
        self._last_line = ""

    async def keep(self) -> None:
        """Run it, again and again, until it is stopped; raises `GaveUp`."""
        failures, proven = 0, False
        while True:
            self._began_at = self._unready_at = time.monotonic()
            self._told, self.trouble, self._where = None, describe_state(""), ""
            code = await self._live()
            if self._stopping.is_set():
                return
            if code == 0 and self.program.is_one_shot:
                self._announce_ready()
                return
            failures, proven = (0, True) if self._age >= PROVEN_SECONDS else (failures + 1, proven)
            if code == EXIT_CONFIGURATION or (failures > len(RESTART_SECONDS) and not proven):
                raise GaveUp(self._epitaph(code), code if code == EXIT_CONFIGURATION else EXIT_RESTART)
            delay = RESTART_SECONDS[min(max(failures, 1), len(RESTART_SECONDS)) - 1]
            self._tell(
                self.program.name,
                say(
                    f"ended ({_name(code)}), restart in {delay:g} s", f"arrêt ({_name(code)}), relance dans {delay:g} s"
                ),
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
                return

    async def once(self) -> int:
        """Run it to its end, once, and return the exit code."""
        self._began_at = self._unready_at = time.monotonic()
        return await self._live()

    async def stop(self) -> None:
        """End it: by SIGTERM, by SIGKILL if that takes too long."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self.program.stop_seconds)
        except TimeoutError:
            self._tell(self.program.name, say("does not stop, killed", "ne s'arrête pas, tué"))
            self.kill()
            await process.wait()

    def kill(self) -> None:
        """End it at once, and for good."""
        self._stopping.set()
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _live(self) -> int:
        """One life, from start to exit code; `EXIT_RESTART` if it could not begin: memory may be short for a while."""
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self.program.command,
                env=self.program.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                limit=LINE_BYTES,
                start_new_session=True,  # Ctrl-C is for us, who stop the children in order
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        except (OSError, SubprocessError) as error:
            self._last_line = os_error_cause(error) if isinstance(error, OSError) else str(error)
            self._tell(self.program.name, say("cannot be started: ", "ne peut démarrer : ") + self._last_line)
            return EXIT_RESTART
        if self._stopping.is_set():  # while it was being started
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
                except ValueError:  # longer than any line of ours; its beginning is dropped
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
        if self.program.ready_on_output and not self._told:
            self._announce_ready()
        starting = not self.ready.is_set() and self._age < QUIET_SECONDS
        shown = level >= logging.WARNING and not (starting and is_transient(text))
        shown = shown or (starting and self.program.shows_output and level > 0)
        if shown or self._verbose:
            self._tell(self.program.name, self._last_line)

    async def _watch(self, process: Process) -> None:
        """Tell whether it is ready, and end it if it gets nowhere."""
        health = self.program.health
        if health:
            await asyncio.gather(self._watch_readiness(*health), self._watch_health(process, *health))
        elif not self.program.is_one_shot and not self.program.ready_on_output:
            self._announce_ready()

    async def _watch_readiness(self, host: str, port: int) -> None:
        pause_seconds = PROBE_SECONDS
        while True:
            if self._note(await _ask(host, port, "/readyz")):
                pause_seconds = HEALTH_SECONDS
            await asyncio.sleep(pause_seconds)

    async def _watch_health(self, process: Process, host: str, port: int) -> None:
        """End it once it was unwell for long. One that has never answered is starting: a broker may have to be fetched first."""
        strikes, started = 0, False
        while strikes < UNHEALTHY_STRIKES:
            await asyncio.sleep(HEALTH_SECONDS)
            state = await _ask(host, port, "/healthz")
            started = started or bool(state.text)
            strikes = strikes + 1 if started and not state.well else 0
        self._tell(self.program.name, say("gets nowhere, killed", "n'avance plus, tué"))
        process.kill()

    def _note(self, state: _State) -> bool:
        """Return whether it is ready; tell it if that is news, and if it is not, once that has lasted."""
        now = time.monotonic()
        if state.well:
            if not self._told:
                self._announce_ready()
            self.trouble = ""
            return True
        if not self.trouble:
            self._unready_at = now
        self.trouble = describe_state(state.text, starting=not self.ready.is_set())
        self._where = f" → {self.program.address('/readyz')}" if state.text else ""
        if now - self._unready_at >= PATIENCE_SECONDS:
            self.report_trouble()
        return False

    def report_trouble(self) -> None:
        """Tell the person at the console that it is not ready, and why, unless that was told already."""
        if self._told is not False and not self._stopping.is_set():
            self._told = False
            waits = say("waiting: ", "en attente : ")  # at the start that is no failure
            lead = say("not ready: ", "pas prêt : ") if self.ready.is_set() else waits
            self._tell(self.program.name, lead + self.trouble + self._where)

    @property
    def _age(self) -> float:
        """Seconds of this life."""
        return time.monotonic() - self._began_at

    def _announce_ready(self) -> None:
        seconds = time.monotonic() - self._unready_at
        self._tell(self.program.name, f"✓ {seconds:4.1f} s  {self.program.about}".rstrip())
        self._told, self.trouble = True, ""
        self.ready.set()

    def _last_word(self) -> str:
        return self._last_line.removeprefix("accueil: ")

    def _epitaph(self, code: int) -> str:
        return say(
            f"{self.program.name} cannot run ({_name(code)}): {self._last_word()}\nall it said: {self.log}",
            f"{self.program.name} ne peut pas tourner ({_name(code)}) : {self._last_word()}\ntout ce qu'il a dit : {self.log}",
        )


class _LogFile(RotatingFileHandler):
    """A bounded file that does without what it cannot write, and says so once."""

    def __init__(self, path: Path, report: Callable[[str], None]) -> None:
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=LOG_COPIES, encoding="utf-8", delay=True)
        self._tell = report
        self._told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the name is logging's
        """Tell the error at hand, if it is the first."""
        error = sys.exception()
        if not self._told:
            self._told = True
            reason = os_error_cause(error) if isinstance(error, OSError) else error
            self._tell(
                say(
                    f"{self.baseFilename} cannot be written ({reason}): what is said from now on is lost",
                    f"impossible d'écrire {self.baseFilename} ({reason}) : la suite n'est pas gardée",
                )
            )

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        with suppress(OSError):  # what could not be written, still cannot
            super().close()


class ProcessTree:
    """Children that are started one after the other, and stopped the other way round."""

    def __init__(self, logs: Path, report: Tell, *, verbose: bool) -> None:
        self._logs = logs
        self._tell = report
        self._verbose = verbose
        self._children: list[Child] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, *programs: Program) -> list[Child]:
        """Start `programs` together."""
        children = [Child(program, self._logs, self._tell, verbose=self._verbose) for program in programs]
        self._children += children
        for child in children:
            keeper = asyncio.create_task(child.keep())
            keeper.add_done_callback(self._note_end)
            self._keepers.append(keeper)
        return children

    async def run_once(self, program: Program) -> int:
        """Run `program` once beside the others, and return its exit code, whatever that is; with the others it is stopped."""
        child = Child(program, self._logs, self._tell, verbose=self._verbose)
        self._children.append(child)
        try:
            return await child.once()
        finally:
            await child.stop()
            self._children.remove(child)

    async def run(self, grow: Callable[["ProcessTree"], Awaitable[None]]) -> None:
        """Grow the tree, keep it until a signal comes or a child is given up (`GaveUp`), and stop it.

        A second signal kills what has not stopped by then.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # under nohup
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
            self._tell("", say("stopping …", "arrêt …"))


async def all_ready(children: Iterable[Child], seconds: float | None = None) -> list[Child]:
    """Return once all of `children` are ready, or after `seconds`: those that are not."""
    waiting = {asyncio.create_task(child.ready.wait()): child for child in children}
    if not waiting:
        return []
    _, late = await asyncio.wait(waiting, timeout=seconds)
    for task in late:
        task.cancel()
    return [waiting[task] for task in late]


async def _ask(host: str, port: int, path: str) -> _State:
    """Return whether a GET is answered with 200, and the last line of the answer; an empty one for no answer."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                name = f"[{host}]" if ":" in host else host
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                status, *_, last = (await reader.read()).decode(errors="replace").strip().splitlines()
                return _State(" 200 " in status, last)
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return _State(well=False, text="")


def _name(code: int) -> str:
    return f"exit {code}" if code >= 0 else signal.Signals(-code).name
