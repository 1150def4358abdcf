"""`accueil up`: the programs of one machine, their settings, and the order of their start.

`supervisor` runs the programs, watches them, and decides when they are restarted.
"""

import asyncio
import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from datetime import time as clock
from pathlib import Path
from typing import Any, Final

import click
from yarl import URL

from connectors.sdk.ports import free_port
from models.locale import _
from streams.kafka.broker_login import PASSWORD_FILE
from streams.kafka.jars import KAFKA_VERSION
from streams.locale.error_messages import os_error_cause
from streams.notify.options import Notify
from streams.runtime.instance_lock import (
    DEMO,
    DEMO_FILE,
    SYSTEMS,
    embedded_broker_login,
    ensure_password,
    write_running_file,
)
from streams.runtime.prechecks import check_port, claim_data_directory, find_warnings
from streams.runtime.process_specs import configure_connectors
from streams.runtime.supervisor import Child, GaveUp, ProcessTree, Program, all_ready
from streams.settings.api import Api
from streams.settings.errors import OperatorError
from streams.settings.loader import CONFIG_VARIABLE, DEFAULT_FILE, find_file, find_origin, load
from streams.settings.retention import find_due
from streams.settings.schema import Process, Settings
from streams.settings.sla_file import load_policies
from streams.settings.web import Web

LOCAL: Final = "127.0.0.1"
SOURCE_SECONDS: Final = 10.0
"""Longest wait for the timeline worker, the API and the connectors once the board is ready. Then the late ones and the board's
URL are reported.

Also the longest wait for the demo's simulated systems before the connectors start.
"""
CITIZEN_SECONDS: Final = 5.0
"""Interval at which the demo looks for a citizen with a timeline."""
DOWNLOAD_SECONDS: Final = 1800
"""Longest wait of `topics apply` for the broker, whose jars may have to be downloaded first."""
APPLIED: Final = "retention-applied"
"""Empty file in the data directory. Its modification time is that of the last complete `retention apply`, or of its creation."""
LOOK_SECONDS: Final = 60.0
"""Interval at which `accueil up` checks whether `retention apply` is due."""
RETRY_SECONDS: Final = 3600.0
"""Pause before a failed `retention apply` is tried again."""
LATE_SECONDS: Final = 900.0
"""Delay after which `retention apply` does not rewrite tables, since that could be during office hours."""
ACCUEIL: Final = (sys.executable, "-P", "-m", "streams.cli.main")
"""The command `accueil`; -P, since the current directory may contain packages with the same names as ours."""


def up(config: Path | None, *, demo: bool, verbose: bool) -> int:
    """Start all processes, keep them running until a signal, and stop them; return 0.

    Raise `OperatorError` if the settings, the data directory or a port cannot be used, or if a process cannot be kept running.
    """
    if demo:
        _refuse_own_settings(config)
    file = DEMO_FILE if demo else find_file(config)
    settings = load(file if demo else config)
    configure_connectors(settings, config=file)
    load_policies(settings.sla, find_origin("sla", file))
    data = (settings.data / DEMO if demo else settings.data).resolve()
    with claim_data_directory(data):
        check_port(settings.web.host, settings.web.port, "web.port")
        check_port(settings.api.host, settings.api.port, "api.port")
        if not settings.brokers:
            check_port(LOCAL, settings.broker_port, "broker_port")
            ensure_password(data)
        try:
            asyncio.run(Plan(settings, file, data, demo=demo).run(verbose=verbose))
        except GaveUp as gave_up:
            raise OperatorError(str(gave_up), gave_up.exit_code) from None
    return 0


def _refuse_own_settings(config: Path | None) -> None:
    """Raise `OperatorError` if the demo would use the settings or the broker of a real installation."""
    if config:
        raise OperatorError(
            _("the demo has its own settings: remove --config (variables such as ACCUEIL_WEB__PORT still apply)")
        )
    if os.environ.get("ACCUEIL_BROKERS"):
        raise OperatorError(
            _("the demo has its own broker, so that its calls never mix with real ones: unset ACCUEIL_BROKERS")
        )


def _warn_ignored_settings() -> Iterator[str]:
    if (file := find_file()) is None:
        return
    yield _(
        "the demo has its own settings and ignores {file}; ACCUEIL_SLA=sla.toml gives it other SLA targets", file=file
    )


class Plan:
    """Programs of `accueil up`, with their settings and the order of their start."""

    def __init__(self, settings: Settings, file: Path | None, data: Path, *, demo: bool) -> None:
        self._settings = settings
        self._data = data
        self._demo = demo
        self._brokers = settings.brokers or f"{LOCAL}:{settings.broker_port or free_port()}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "SUDO_USER"},  # audited as acts of Accueil
            "ACCUEIL_DATA": str(data),
            "ACCUEIL_BROKERS": self._brokers,
            "ACCUEIL_LOG__FORMAT": "json",
        }
        self._password_file: Path | None = None
        if file:
            self._environment[CONFIG_VARIABLE] = str(file.resolve())
        if not settings.brokers:
            self._password_file = data / PASSWORD_FILE
            login = embedded_broker_login(self._password_file).model_dump(exclude_unset=True)
            self._environment |= {"ACCUEIL_REPLICATION": "1"}
            self._environment |= {f"ACCUEIL_KAFKA__{name.upper()}": str(value) for name, value in login.items()}

    async def run(self, *, verbose: bool) -> None:
        """Start all programs and keep them running until a signal. Raises `GaveUp`."""
        title = _("demonstration") if self._demo else "Accueil"
        report("", _("{title}, data and logs in {data}", title=title, data=self._data))
        for warning in [*find_warnings(self._settings), *(_warn_ignored_settings() if self._demo else ())]:
            report("", warning)
        if not self._settings.connectors and not self._demo:
            report(
                "",
                _(
                    "no connector configured, so no events arrive: write a table [connectors.<name>] in "
                    "accueil.toml, see README"
                ),
            )
        await ProcessTree(self._data / "logs", report, verbose=verbose).run(self._grow)
        report("", _("stopped"))

    async def _grow(self, tree: ProcessTree) -> None:
        began_at = time.monotonic()
        # Started together, so that they load their code while the broker starts; `topics` waits for it.
        first = [*([] if self._settings.brokers else [self.broker()]), self.topics()]
        broker = tree.start(*first, *([self.systems()] if self._demo else []))
        board = tree.start(self.web())
        await all_ready(broker)
        board += tree.start(*self.workers(), *self.notify())
        # Stopped in the reverse order: the end of the simulated sources must not cause warnings of the connectors.
        sources = tree.start(self.timeline(), self.api())
        if self._demo:
            simulator = tree.start(self.simulator())
            await all_ready(
                simulator, SOURCE_SECONDS
            )  # else connectors would warn about sources that do not listen yet
            sources += simulator
        sources += tree.start(*self.connect())
        await all_ready(board)
        write_running_file(self._data, self._brokers, self.url, self._settings.sla, self._password_file)
        await asyncio.gather(self.retain(tree), self._report_ready(board, sources, began_at))

    async def _report_ready(self, board: list[Child], sources: list[Child], began_at: float) -> None:
        late = await all_ready(sources, SOURCE_SECONDS)
        self._report_timelines()
        self._report_health_urls([child.program for child in board + sources])
        if late:  # a missing source must not hide the URL of the board
            for child in late:
                child.report_trouble()
            report("", _("the board is at {url}", url=self.url))
            await all_ready(late)
        seconds = f"{time.monotonic() - began_at:.0f} s"
        report("", _("ready after {seconds}: {url} (Ctrl-C to stop)", seconds=seconds, url=self.url))
        if self._demo:
            await self._name_citizen()

    async def retain(self, tree: ProcessTree) -> None:
        """Run `retention apply` every day, unless `retention.at` is empty; report a failure and try again."""
        if not self._settings.retention.at:
            return
        is_begun = False
        while True:
            trouble, seconds = "", LOOK_SECONDS  # not a long sleep until the due time: the machine may be suspended
            try:
                if not is_begun and not self._applied.exists():
                    self._touch_applied()  # a new directory contains no expired data
                is_begun = True
                if not await self._retain_once(tree):
                    trouble = str(self._data / "logs" / "retention.log")
            except OSError as error:
                trouble = os_error_cause(error)
            if trouble:
                seconds = RETRY_SECONDS
                report(
                    "retention",
                    _("not all expired data could be removed, new attempt in an hour: {trouble}", trouble=trouble),
                )
            await asyncio.sleep(seconds)

    async def _retain_once(self, tree: ProcessTree) -> bool:
        """Run `retention apply` if it is due, and record its time; return False only if it failed. Raises `OSError`."""
        zone = self._settings.web.zone
        try:
            applied_at = datetime.fromtimestamp(self._applied.stat().st_mtime, zone)
        except FileNotFoundError:
            applied_at = None
        now = datetime.now(zone)
        due_at = find_due(applied_at, now, clock.fromisoformat(self._settings.retention.at))
        if due_at is None:
            return True
        if await tree.run_once(self.retention(is_late=now.timestamp() - due_at.timestamp() > LATE_SECONDS)):
            return False
        self._touch_applied()
        return True

    @property
    def _applied(self) -> Path:
        return self._data / APPLIED

    def _touch_applied(self) -> None:
        self._applied.touch()
        now = time.time()  # the clock of this machine, not of a file server
        os.utime(self._applied, (now, now))

    def retention(self, *, is_late: bool = False) -> Program:
        """Return the program that removes expired data; if `is_late`, without rewriting tables, which would block readers."""
        return self._program(
            "retention", ("retention", "apply", *(["--no-rewrite"] if is_late else [])), is_one_shot=True
        )

    def _report_timelines(self) -> None:
        url = self._settings.api.url or self._address(self._settings.api)
        report("", _("the citizens' timelines are at {url}", url=url))
        if self._demo:
            from streams.runtime import demo  # noqa: PLC0415 - imports the database's libraries

            token = demo.make_token(self._own)
            report("", _("with the token in {token}", token=token))

    async def _name_citizen(self) -> None:
        """Report the phone number of a simulated citizen as soon as one has a timeline."""
        from streams.runtime import demo  # noqa: PLC0415

        number = ""
        while not number:
            await asyncio.sleep(CITIZEN_SECONDS)
            number = await asyncio.to_thread(demo.find_number, self._own, self._systems)
        report("", _("a citizen with a timeline: {number}", number=number))

    def _report_health_urls(self, programs: list[Program]) -> None:
        report("", _("health and metrics (/healthz /readyz /metrics):"))
        for program in programs:
            if address := program.address("/metrics"):
                report(program.name, address)

    def broker(self) -> Program:
        """Return the program that runs the embedded Kafka broker."""
        port = free_port()
        return self._program(
            "kafka",
            ("broker", "--health-port", str(port)),
            {"ACCUEIL_BROKER_PORT": self._brokers.rpartition(":")[2]},
            health=(LOCAL, port),
            stop_seconds=6,
            about=f"Apache Kafka {KAFKA_VERSION}, {self._brokers}",
            shows_output=True,
        )

    def topics(self) -> Program:
        """Return the program that creates missing topics and corrects the settings of the others."""
        return self._program("topics", ("topics", "apply", f"--wait={DOWNLOAD_SECONDS}"), is_one_shot=True)

    def web(self) -> Program:
        """Return the program that serves the board."""
        web = self._settings.web
        return self._program("web", ("web",), health=(web.host, web.port))

    @property
    def url(self) -> str:
        """URL of the board on this machine."""
        return self._address(self._settings.web)

    @staticmethod
    def _address(server: Web | Api) -> str:
        return str(URL.build(scheme="http", host=_local_address(server.host), port=server.port, path="/"))

    @property
    def _own(self) -> Settings:
        """Settings with the data directory of this instance, which for the demo is `DEMO` in the configured one."""
        return self._settings.model_copy(update={"data": self._data})

    def workers(self) -> Iterator[Program]:
        """Yield the programs of the workers, each with an instance id that stays the same across restarts."""
        worker = self._settings.worker
        instance = worker.instance_id or re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())
        for number in range(1, worker.processes + 1):
            yield self._background(
                "worker",
                worker if number == 1 else worker.model_copy(update={"health_port": 0}),
                name="worker" if worker.processes == 1 else f"worker-{number}",
                environment={"ACCUEIL_WORKER__INSTANCE_ID": f"{instance[:60]}-{number}"},
                stop_seconds=20,  # it finishes its current steps, which takes long on a busy machine
            )

    def connect(self) -> Iterator[Program]:
        """Yield the program that runs the connectors, if any."""
        environment, names = {}, self._settings.connectors
        if self._demo:
            environment = {CONFIG_VARIABLE: str(self._systems / DEFAULT_FILE)}
            names = load(self._systems / DEFAULT_FILE, named_by="").connectors
        if names:
            yield self._background(
                "connect", self._settings.connect, environment=environment, stop_seconds=8, about=", ".join(names)
            )

    def timeline(self) -> Program:
        """Return the program that writes the citizens' timelines."""
        return self._background("timeline", self._settings.timeline, stop_seconds=20)  # it finishes its current steps

    def api(self) -> Program:
        """Return the program that serves the API."""
        api = self._settings.api
        return self._program("api", ("api",), health=(api.host, api.port))

    def notify(self) -> Iterator[Program]:
        """Yield the program that sends notifications about SLA clocks, if the settings name receivers."""
        notify = self._settings.notify
        if notify.has_receivers:
            about = ", ".join((*notify.alertmanagers, *notify.webhooks, *notify.mails))
            yield self._background("notify", notify, about=about)

    def systems(self) -> Program:
        """Return the program that prepares ports, secrets and settings of the demo's source systems."""
        return self._program("systems", (*self._simulate, "--prepare"), is_one_shot=True)

    def simulator(self) -> Program:
        """Return the program that simulates the demo's source systems."""
        demo = self._settings.demo
        options = {
            "seed": demo.seed,
            "per-year": demo.contacts_per_year,
            "calls-per-hour": demo.calls_per_hour,
            "history": demo.history_days,  # so that the board is not empty at the start
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        return self._program("simulator", (*self._simulate, "--live", *arguments), ready_on_output=True)

    @property
    def _systems(self) -> Path:
        return self._data / SYSTEMS

    @property
    def _simulate(self) -> tuple[str, ...]:
        return ("simulate", "all", f"--into={self._systems}")

    def _background(
        self,
        command: str,
        section: Process | Notify,
        *,
        name: str = "",
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Program:
        """Return the program of `command`, which serves its health on the port of its settings `section`, or on a free one."""
        port = section.health_port or free_port()
        environment = {f"ACCUEIL_{command.upper()}__HEALTH_PORT": str(port), **(environment or {})}
        return self._program(name or command, (command,), environment, health=(section.health_host, port), **options)

    def _program(
        self,
        name: str,
        arguments: tuple[str, ...],
        environment: Mapping[str, str] | None = None,
        health: tuple[str, int] | None = None,
        **options: Any,
    ) -> Program:
        return Program(
            name,
            (*ACCUEIL, *arguments),
            {**self._environment, **(environment or {})},
            health=(_local_address(health[0]), health[1]) if health else None,
            **options,
        )


def _local_address(host: str) -> str:
    return {"0.0.0.0": LOCAL, "::": "::1"}.get(host, host)  # noqa: S104 - for a client, not for a server


def report(name: str, text: str) -> None:
    """Print a line of the process `name`, or of `accueil up` itself; once the terminal is gone, print nothing more."""
    try:
        click.echo(f"  {name:<10} {text}" if name else f"accueil: {text}")
    except OSError:
        # Redirect the buffered text: an error while flushing it at exit would change the exit code.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
