"""`accueil up`: everything on one machine, as one process tree."""

import asyncio
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from datetime import time as clock
from pathlib import Path
from typing import Final

import click
from yarl import URL

from streams.kafka.broker_login import PASSWORD_FILE
from streams.kafka.jars import KAFKA_VERSION
from streams.kafka.ports import free_port
from streams.locale.error_messages import os_error_cause
from streams.locale.i18n import say
from streams.privacy.retention import find_due
from streams.runtime.errors import OperatorError
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
from streams.runtime.process_tree import Child, GaveUp, ProcessTree, Program, all_ready
from streams.settings.api import Api
from streams.settings.loader import CONFIG_VARIABLE, DEFAULT_FILE, find_file, find_origin, load
from streams.settings.schema import Settings
from streams.settings.sla_file import load_policies
from streams.settings.web import Web

LOCAL: Final = "127.0.0.1"
SOURCE_SECONDS: Final = 10.0
"""How long the sources may take when the board is ready, before they are named."""
CITIZEN_SECONDS: Final = 5.0
"""So often the demo looks whether somebody has a story by now, and whether he still has it."""
FETCH_SECONDS: Final = 1800
"""How long the topics wait for the broker, which may have to be fetched first."""
APPLIED: Final = "retention-applied"
"""In the data directory: an empty file, of when all that was over was removed last."""
LOOK_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 3600.0
LATE_SECONDS: Final = 900.0
"""So long after its time, and at each retry, tables are not written anew: that may be in office hours."""
ACCUEIL: Final = (sys.executable, "-P", "-m", "streams.cli.main")
"""The command `accueil`; -P, since the user's directory may hold packages of our names."""


def up(config: Path | None, *, demo: bool, verbose: bool) -> int:
    """Start everything, keep it running until a signal comes, stop it; return the exit code.

    Raises `OperatorError` or `ConfigError`: before anything is started for what the operator can mend, later if a part cannot
    be kept running.
    """
    if demo:
        _refuse_mixing(config)
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


def _refuse_mixing(config: Path | None) -> None:
    """Keep the demo's calls apart from real ones: it has its own settings, broker and data."""
    if config:
        raise OperatorError(
            say(
                "the demo has settings of its own: leave out --config (variables such as ACCUEIL_WEB__PORT still count)",
                "la démo a ses propres réglages : enlever --config (les variables comme ACCUEIL_WEB__PORT restent possibles)",
            )
        )
    if os.environ.get("ACCUEIL_BROKERS"):
        raise OperatorError(
            say(
                "the demo has a broker of its own, so that its calls never mix with real ones: unset ACCUEIL_BROKERS",
                "la démo a son propre broker, pour ne rien mêler aux vrais appels : enlever ACCUEIL_BROKERS",
            )
        )


def _left_out() -> Iterator[str]:
    """Yield that the demo does without the file that is read else, if there is one: its author may wait for its effect."""
    if (file := find_file()) is None:
        return
    yield say(
        f"the demo has settings of its own: nothing of {file} counts; ACCUEIL_SLA=sla.toml gives it other promises, and "
        "accueil notify, started beside it, reads the file and tells of the demo",
        f"la démo a ses propres réglages : rien de {file} ne compte ; ACCUEIL_SLA=sla.toml lui donne d'autres promesses, et "
        "accueil notify, démarré à côté, lit le fichier et parle de la démo",
    )


class Plan:
    """What is started, in which order, with which settings."""

    def __init__(self, settings: Settings, file: Path | None, data: Path, *, demo: bool) -> None:
        self._settings = settings
        self._data = data
        self._demo = demo
        self._brokers = settings.brokers or f"{LOCAL}:{settings.broker_port or free_port()}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "SUDO_USER"},  # what parts do, he does not
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
        """Start it all, and keep it until a signal comes. Raises `GaveUp`."""
        title = say("demonstration", "démonstration") if self._demo else "Accueil"
        report("", say(f"{title}, data and logs in {self._data}", f"{title}, données et journaux dans {self._data}"))
        for warning in [*find_warnings(self._settings), *(_left_out() if self._demo else ())]:
            report("", warning)
        if not self._settings.connectors and not self._demo:
            report(
                "",
                say(
                    "no connector configured, so nothing comes in: write a table [connectors.<name>] in accueil.toml, see README",
                    "aucun connecteur configuré, rien n'arrivera : écrire [connectors.<nom>] dans accueil.toml, voir README",
                ),
            )
        await ProcessTree(self._data / "logs", report, verbose=verbose).run(self._grow)
        report("", say("stopped", "arrêté"))

    async def _grow(self, tree: ProcessTree) -> None:
        began_at = time.monotonic()
        # Together, since they load while the broker starts; it is the topics that wait for it.
        first = [*([] if self._settings.brokers else [self.broker()]), self.topics()]
        broker = tree.start(*first, *([self.systems()] if self._demo else []))
        board = tree.start(self.web())
        await all_ready(broker)
        board += tree.start(*self.workers(), *self.notify())
        # The other way round they are stopped: a source that is gone is a trouble that need not be told then.
        sources = tree.start(self.timeline(), self.api())
        if self._demo:
            simulator = tree.start(self.simulator())
            await all_ready(simulator, SOURCE_SECONDS)  # or connectors would say that nobody listens there
            sources += simulator
        sources += tree.start(*self.connect())
        await all_ready(board)
        write_running_file(self._data, self._brokers, self.url, self._settings.sla, self._password_file)
        await asyncio.gather(self.retain(tree), self._tell_ready(board, sources, began_at))

    async def _tell_ready(self, board: list[Child], sources: list[Child], began_at: float) -> None:
        """Tell where everything is, once the sources are there too."""
        late = await all_ready(sources, SOURCE_SECONDS)
        self._tell_timelines()
        self._tell_places([child.program for child in board + sources])
        if late:  # a source that is away must not hide the board
            for child in late:
                child.report_trouble()
            report("", say(f"the board is at {self.url}", f"le tableau est sur {self.url}"))
            await all_ready(late)
        seconds = f"{time.monotonic() - began_at:.0f} s"
        report(
            "",
            say(
                f"ready after {seconds}: {self.url} (Ctrl-C to stop)",
                f"prêt en {seconds} : {self.url} (Ctrl-C pour arrêter)",
            ),
        )
        if self._demo:
            await self._name_citizens()

    async def retain(self, tree: ProcessTree) -> None:
        """Have what was kept for long enough removed each day; what fails is told, and tried again."""
        if not self._settings.retention.at:
            return
        is_begun = False
        while True:
            why, seconds = "", LOOK_SECONDS  # no longer: a machine may sleep meanwhile
            try:
                if not is_begun and not self._applied.exists():
                    self._note_applied()  # of a new directory nothing is over
                is_begun = True
                if not await self._retain_once(tree):
                    why = str(self._data / "logs" / "retention.log")
            except OSError as error:
                why = os_error_cause(error)
            if why:
                seconds = RETRY_SECONDS
                report(
                    "retention",
                    say(
                        f"not all that was kept for long enough could be removed, tried again in an hour: {why}",
                        f"tout ce qui est arrivé à échéance n'a pu être retiré, nouvel essai dans une heure : {why}",
                    ),
                )
            await asyncio.sleep(seconds)

    async def _retain_once(self, tree: ProcessTree) -> bool:
        """Have what is over removed if that is due; return whether nothing is left to do. Raises `OSError`."""
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
        self._note_applied()
        return True

    @property
    def _applied(self) -> Path:
        return self._data / APPLIED

    def _note_applied(self) -> None:
        self._applied.touch()
        now = time.time()  # by our clock, not by that of a file server
        os.utime(self._applied, (now, now))

    def retention(self, *, is_late: bool = False) -> Program:
        """Return what removes what was kept for long enough, then ends; late it keeps nobody from reading timelines."""
        return self._program(
            "retention", ("retention", "apply", *(["--no-rewrite"] if is_late else [])), is_one_shot=True
        )

    def _tell_timelines(self) -> None:
        url = self._settings.api.url or self._address(self._settings.api)
        report("", say(f"the citizens' timelines are at {url}", f"les fils des usagers sont sur {url}"))
        if self._demo:
            from streams.runtime import demo as demonstrating  # noqa: PLC0415 - brings the database's libraries

            token = demonstrating.make_token(self._own)
            report("", say(f"with the token in {token}", f"avec le jeton de {token}"))

    async def _name_citizens(self) -> None:
        """Tell by what somebody with a story is found, as soon as there is one.

        Then of another: if that one is erased, if the number turns out to be several people's, or if he has no address or case
        and another has.
        """
        from streams.runtime import demo as demonstrating  # noqa: PLC0415

        known: demonstrating.Citizen | None = None
        while True:
            if known is None or not (
                all(known) and await asyncio.to_thread(demonstrating.is_one_citizen, self._own, known.phone)
            ):
                before = known
                known = await asyncio.to_thread(demonstrating.find_citizen, self._own, self._systems)
                if known and known != before:
                    demonstrating.save_demo_citizen(self._own, known)
                    also = [known.email, known.case and say(f"case {known.case}", f"dossier {known.case}")]
                    told = ", ".join(filter(None, (known.phone, *also)))
                    report("", say(f"somebody with a story: {told}", f"quelqu'un qui a une histoire : {told}"))
            await asyncio.sleep(CITIZEN_SECONDS)

    def _tell_places(self, programs: list[Program]) -> None:
        report(
            "",
            say("health and metrics (/healthz /readyz /metrics):", "santé et métriques (/healthz /readyz /metrics) :"),
        )
        for program in programs:
            if address := program.address("/metrics"):
                report(program.name, address)

    def broker(self) -> Program:
        """Return Accueil's own Kafka."""
        port = free_port()
        return self._program(
            "kafka",
            ("broker", "--health-port", str(port)),
            {"ACCUEIL_BROKER_PORT": self._brokers.rpartition(":")[2]},
            health_port=port,
            stop_seconds=6,
            about=f"Apache Kafka {KAFKA_VERSION}, {self._brokers}",
            shows_output=True,
        )

    def topics(self) -> Program:
        """Return what makes the topics, then ends."""
        return self._program("topics", ("topics", "apply", f"--wait={FETCH_SECONDS}"), is_one_shot=True)

    def web(self) -> Program:
        """Return the board."""
        web = self._settings.web
        return self._program("web", ("web",), health_host=web.host, health_port=web.port, stop_seconds=5)

    @property
    def url(self) -> str:
        """Where the board is, seen from this machine."""
        return self._address(self._settings.web)

    @staticmethod
    def _address(place: Web | Api) -> str:
        return str(URL.build(scheme="http", host=_reached(place.host), port=place.port, path="/"))

    @property
    def _own(self) -> Settings:
        """The settings, with the data where they are."""
        return self._settings.model_copy(update={"data": self._data})

    def workers(self) -> Iterator[Program]:
        """Yield the workers, each with a name that it keeps."""
        worker = self._settings.worker
        name = worker.instance_id or re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())
        for number in range(1, worker.processes + 1):
            port = worker.health_port if worker.health_port and number == 1 else free_port()
            yield self._program(
                "worker" if worker.processes == 1 else f"worker-{number}",
                ("worker",),
                {
                    "ACCUEIL_WORKER__HEALTH_PORT": str(port),
                    "ACCUEIL_WORKER__INSTANCE_ID": f"{name[:60]}-{number}",
                },
                health_host=worker.health_host,
                health_port=port,
                stop_seconds=20,  # it finishes the steps in hand, which takes long where the machine is busy
            )

    def connect(self) -> Iterator[Program]:
        """Yield what runs the connectors, if there are any."""
        connect, environment = self._settings.connect, {}
        names = self._settings.connectors
        if self._demo:
            environment = {CONFIG_VARIABLE: str(self._systems / DEFAULT_FILE)}
            names = load(self._systems / DEFAULT_FILE, named_by="").connectors
        if not names:
            return
        port = connect.health_port or free_port()
        environment["ACCUEIL_CONNECT__HEALTH_PORT"] = str(port)
        yield self._program(
            "connect",
            ("connect",),
            environment,
            health_host=connect.health_host,
            health_port=port,
            stop_seconds=8,
            about=", ".join(names),
        )

    def timeline(self) -> Program:
        """Return what writes citizens' timelines."""
        timeline = self._settings.timeline
        port = timeline.health_port or free_port()
        return self._program(
            "timeline",
            ("timeline",),
            {"ACCUEIL_TIMELINE__HEALTH_PORT": str(port)},
            health_host=timeline.health_host,
            health_port=port,
            stop_seconds=20,  # it finishes the steps in hand
        )

    def api(self) -> Program:
        """Return what answers for timelines over HTTP."""
        api = self._settings.api
        return self._program("api", ("api",), health_host=api.host, health_port=api.port, stop_seconds=5)

    def notify(self) -> Iterator[Program]:
        """Yield what tells people of SLA clocks, if anybody is to be told."""
        notify = self._settings.notify
        if not notify.has_receivers:
            return
        port = notify.health_port or free_port()
        yield self._program(
            "notify",
            ("notify",),
            {"ACCUEIL_NOTIFY__HEALTH_PORT": str(port)},
            health_host=notify.health_host,
            health_port=port,
            stop_seconds=5,
            about=", ".join((*notify.alertmanagers, *notify.webhooks, *notify.mails)),
        )

    def systems(self) -> Program:
        """Return what makes ports, secrets and settings for the demo's source systems, then ends."""
        return self._program("systems", (*self._simulate, "--prepare"), is_one_shot=True)

    def simulator(self) -> Program:
        """Return the demo's source systems."""
        demo = self._settings.demo
        options = {
            "seed": demo.seed,
            "per-year": demo.contacts_per_year,
            "calls-per-hour": demo.calls_per_hour,
            "speed": demo.speed,
            "history": demo.history_days,  # a board that begins with more than an empty day
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        return self._program("simulator", (*self._simulate, "--live", *arguments), stop_seconds=5, ready_on_output=True)

    @property
    def _systems(self) -> Path:
        return self._data / SYSTEMS

    @property
    def _simulate(self) -> tuple[str, ...]:
        return ("simulate", "all", f"--into={self._systems}")

    def _program(
        self,
        name: str,
        arguments: tuple[str, ...],
        environment: dict[str, str] | None = None,
        *,
        health_host: str = LOCAL,
        health_port: int = 0,
        stop_seconds: float = 3,
        about: str = "",
        is_one_shot: bool = False,
        shows_output: bool = False,
        ready_on_output: bool = False,
    ) -> Program:
        return Program(
            name,
            (*ACCUEIL, *arguments),
            {**self._environment, **(environment or {})},
            health=(_reached(health_host), health_port) if health_port else None,
            stop_seconds=stop_seconds,
            is_one_shot=is_one_shot,
            about=about,
            shows_output=shows_output,
            ready_on_output=ready_on_output,
        )


def _reached(host: str) -> str:
    """Return the address by which this machine reaches what listens on `host`."""
    return {"0.0.0.0": LOCAL, "::": "::1"}.get(host, host)  # noqa: S104 - asked, not listened on


def report(name: str, text: str) -> None:
    """Print what the part `name`, or we ourselves, have to say; once that fails (the terminal is gone), print nothing more."""
    try:
        click.echo(f"  {name:<10} {text}" if name else f"accueil: {text}")
    except OSError:
        # What is left in the buffer must go somewhere, or the exit code would be that of a failure.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
