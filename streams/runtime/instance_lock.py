"""Lock of a data directory for one `accueil up`, and discovery of the running instance and its broker."""

import fcntl
import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

import click
from filelock import FileLock, Timeout

from connectors.sdk.errors import describe_os_error
from models.locale import _
from models.topics import Topic
from streams.kafka import broker_login
from streams.kafka.embedded_broker import BrokerError, BrokerUnusableError, is_listening
from streams.locale.error_messages import LATER_RELEASE_MESSAGES, REFUSALS, translate_by_pattern
from streams.settings.errors import OperatorError
from streams.settings.exit_codes import EXIT_CONFIGURATION, EXIT_RESTART
from streams.settings.loader import DEFAULT_FILE, load
from streams.settings.schema import ConfigError, Kafka, Settings

P = ParamSpec("P")
R = TypeVar("R")
DEMO: Final = "demo"
"""Subdirectory of the data directory for the demo, whose data never mix with real ones."""
DEMO_FILE: Final = Path(__file__).parents[1] / "settings" / "demo.toml"
"""Settings file of the demo."""
SYSTEMS: Final = "systems"
"""Subdirectory of the demo's data with the simulated source systems and the settings of their connectors."""
_DEMO_REPORTED: Final = f"{__name__}.demo_reported"
"""Key in a command's context, set once the command has printed that it uses the demo."""
CLAIM_SECONDS: Final = 0.5
"""Longest wait for the lock, longer than a command holds it to check for a running instance."""
BROKER_SECONDS: Final = 10.0
"""Default of `wait_for_broker`: longest wait of a command for a broker."""


@dataclass(frozen=True, slots=True)
class Running:
    """Description of a running `accueil up`, stored in its data directory."""

    pid: int
    brokers: str
    url: str
    """URL of the board."""
    sla: str = ""
    """Path of its SLA file; empty without one."""
    password_file: str = ""
    """Path of the embedded broker's password file; empty if the instance uses external brokers."""


class Cluster(NamedTuple):
    """Addresses of Kafka's brokers, and the options to connect to them."""

    brokers: str
    client: dict[str, Any]
    """Options for login and encryption, valid for kafka-python and aiokafka."""


@contextmanager
def lock_data_directory(data: Path) -> Iterator[None]:
    """Lock `data` for this process during a `with` block.

    Raise `OperatorError` if another process still holds the lock after `CLAIM_SECONDS`. The kernel releases the lock when the
    process ends for any reason. The file that describes the running instance is deleted at the end, and at the start, where a
    killed process may have left it.
    """
    lock = FileLock(_lock(data), timeout=CLAIM_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        other = read(data)
        pid = f" (pid {other.pid})" if other else ""
        raise OperatorError(
            _(
                "{data} is in use by another accueil up{pid}: stop it, or choose another directory with ACCUEIL_DATA",
                data=data,
                pid=pid,
            )
        ) from None
    try:
        _running_file(data).unlink(missing_ok=True)  # left by a killed process
        yield
    finally:
        _running_file(data).unlink(missing_ok=True)
        lock.release()


def write_running_file(
    data: Path, brokers: str, url: str, sla: Path | None = None, password_file: Path | None = None
) -> None:
    """Write the description of this process (`Running`) to `data`, for other commands on this machine.

    `url` is the board's.
    """
    files = (str(file.resolve()) if file else "" for file in (sla, password_file))
    running = Running(os.getpid(), brokers, url, *files)
    _running_file(data).write_text(json.dumps(asdict(running)), encoding="utf-8")


def read(data: Path) -> Running | None:
    """Return the instance that runs on `data`; None without one, or if its description cannot be read."""
    with suppress(OSError, ValueError, TypeError):
        running = Running(**json.loads(_running_file(data).read_text(encoding="utf-8")))
        if _is_claimed(data):
            return running
    return None


def find(settings: Settings, *, or_demo: bool = False) -> tuple[Path, Running] | None:
    """Return the data directory of the running `accueil up`, and its description.

    None without one, or if the settings name external brokers. With `or_demo`, the running demo is returned if nothing runs on
    `settings.data`: only for commands that read, since real events must not get into the demo.
    """
    if not settings.brokers:
        for data in (settings.data, *([settings.data / DEMO] if or_demo else [])):
            if running := read(data):
                return data, running
    return None


def find_cluster(settings: Settings, *, or_demo: bool = False) -> Cluster:
    """Return the brokers of `settings` with their login, else those of the running `accueil up` (see `find`).

    Print the use of the demo. Raise `ConfigError` if neither exists, or if a file of the login cannot be read, and
    `PermissionError` if this account may not read the data directory.
    """
    if settings.brokers:
        return Cluster(settings.brokers, settings.kafka.client_options())
    if found := find(settings, or_demo=or_demo):
        _report_demo(settings, found[0])
        file = found[1].password_file
        kafka = embedded_broker_login(Path(file)) if file else settings.kafka
        return Cluster(found[1].brokers, kafka.client_options())
    with suppress(FileNotFoundError, NotADirectoryError):
        _running_file(settings.data).open().close()  # for other accounts, raise PermissionError instead of "no broker"
    demo, hint = settings.data / DEMO, ""
    if not or_demo and read(demo):
        hint = _("; the demo that runs there is not used: to use it, set ACCUEIL_DATA={demo}", demo=demo)
    raise ConfigError(
        _("no broker: start accueil up (data directory {data}), or set brokers or ACCUEIL_BROKERS", data=settings.data)
        + hint
    )


def find_readable_cluster(settings: Settings, topics: Iterable[Topic]) -> Cluster:
    """Return the cluster of `find_cluster`, with `or_demo`, once a broker answers and grants read access to `topics`.

    Raise as `find_cluster` and `wait_for_broker` do.
    """
    cluster = find_cluster(settings, or_demo=True)
    wait_for_broker(cluster.brokers, client=cluster.client, reads=[topic.name for topic in topics])
    return cluster


def embedded_broker_login(password_file: Path) -> Kafka:
    """Return the settings with which clients log in to the embedded broker."""
    return Kafka(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism=broker_login.MECHANISM,
        sasl_username=broker_login.USER,
        sasl_password_file=password_file,
    )


def ensure_password(data: Path) -> str:
    """Return the password of the embedded broker of `data`; create its file if needed.

    Raise `ConfigError` if the file is unusable, or cannot be read or written.
    """
    try:
        return broker_login.ensure_password(data / broker_login.PASSWORD_FILE)
    except broker_login.PasswordError as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(describe_os_error(error, data / broker_login.PASSWORD_FILE)) from None


def find_settings(settings: Settings) -> Settings:
    """Return `settings`; if `find` returns the demo, those of the demo with its data directory, and print its use."""
    found = find(settings, or_demo=True)
    if found is None or found[0] == settings.data:
        return settings
    _report_demo(settings, found[0])
    return load(DEMO_FILE, named_by="").model_copy(update={"data": found[0]})


def find_connectors(settings: Settings, config: Path | None) -> tuple[Settings, Path | None]:
    """Return `settings` and `config`, the file passed to `load`, if they have connectors or if `find` does not return the demo.

    Otherwise return the demo's settings and their file, and print its use. While the demo starts, its settings may not have
    connectors yet: they are then returned with `config`.
    """
    if settings.connectors:
        return settings, config
    here = find_settings(settings)
    file = here.data / SYSTEMS / DEFAULT_FILE
    if here.data.name != DEMO or not file.exists():  # the demo writes it during its start
        return here, config
    return load(file, named_by="").model_copy(update={"data": here.data}), file


def other_directory_hint() -> str:
    """Return a hint to use another data directory, which follows a sentence without a full stop."""
    return _("; for another data directory: ACCUEIL_DATA")


def wait_for_broker(
    brokers: str, seconds: float | None = None, *, client: Mapping[str, Any] | None = None, reads: Iterable[str] = ()
) -> None:
    """Wait until a broker accepts connections, then check the login of `client` and its read access to the topics `reads`.

    Plain connections detect a starting broker sooner than a Kafka client, which backs off. Raise `OperatorError` if no broker
    answers for `seconds` (default `BROKER_SECONDS`), or if Kafka refuses the login or the access.
    """
    seconds = BROKER_SECONDS if seconds is None else seconds
    deadline = time.monotonic() + seconds
    while not any(map(is_listening, brokers.split(","))):
        if time.monotonic() > deadline:
            raise OperatorError(
                _("no Kafka broker answers at {brokers} after {seconds:g} s", brokers=brokers, seconds=seconds),
                EXIT_RESTART,
            )
        time.sleep(0.1)
    if refusal := find_refusal(brokers, client or {}, reads=reads):
        raise OperatorError(refusal)


def find_refusal(
    brokers: str,
    client: Mapping[str, Any],
    *,
    reads: Iterable[str] = (),
    writes: Iterable[str] = (),
    any_of: Collection[str] = (),
) -> str:
    """Return a message if Kafka refuses the login, or access to a topic; empty without a refusal, or if no broker answers.

    All `reads` must be readable, all `writes` writable, and at least one of `any_of` writable. Only clients with a login or TLS
    are checked.
    """
    from streams.kafka import authorization  # noqa: PLC0415 - most commands need no Kafka client

    if not authorization.is_secured(client):
        return ""
    needed = {**dict.fromkeys(reads, authorization.READ), **dict.fromkeys(writes, authorization.WRITE)}
    refusal = authorization.find_refusal(brokers, client, authorization.RequiredRights(needed, any_of))
    return (translate_by_pattern(REFUSALS, refusal.text) or refusal.text) if refusal else ""


@contextmanager
def broker_errors() -> Iterator[None]:
    """Turn errors of the embedded broker into an `OperatorError`."""
    try:
        yield
    except BrokerError as error:
        exit_code = EXIT_CONFIGURATION if isinstance(error, BrokerUnusableError) else EXIT_RESTART
        raise OperatorError(str(error), exit_code) from None


@contextmanager
def kafka_errors() -> Iterator[None]:
    """Turn errors of Kafka, and rows of a later release, into an `OperatorError`."""
    from streams.core.rows import UnknownRowVersion  # noqa: PLC0415 - imports msgspec
    from streams.kafka.topic_reader import AuthorizationError, KafkaError  # noqa: PLC0415 - most commands need no Kafka client

    try:
        yield
    except UnknownRowVersion as error:
        text = f"Kafka: {error} (this is Accueil {version('accueil')})"
        raise OperatorError(translate_by_pattern(LATER_RELEASE_MESSAGES, text) or text) from None
    except KafkaError as error:
        # Some messages already begin with the name of their class.
        text = str(error).removeprefix(f"{type(error).__name__}: ")
        summary = _("Kafka refuses, or does not answer:")
        code = EXIT_CONFIGURATION if isinstance(error, AuthorizationError) else EXIT_RESTART
        raise OperatorError(f"{summary} {type(error).__name__}: {text}", code) from None


def _report_demo(settings: Settings, data: Path) -> None:
    """Print to standard error, once per command, that it uses the running demo instead of the directory in `settings`."""
    context = click.get_current_context(silent=True)
    if context is None or data == settings.data or _DEMO_REPORTED in context.meta:
        return
    context.meta[_DEMO_REPORTED] = True
    text = _("using the running demo in {data}", data=data)
    click.echo(f"accueil: {text}", err=True)


def _is_claimed(data: Path) -> bool:
    with _lock(data).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _lock(data: Path) -> Path:
    return data / "lock"


def _running_file(data: Path) -> Path:
    return data / "running.json"
