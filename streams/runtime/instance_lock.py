"""What runs on a data directory: one `accueil up` at most, and where the others find its broker."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, TypeVar

import click
from filelock import FileLock, Timeout

from connectors.sdk.errors import describe_os_error
from streams.cli.base import pass_settings
from streams.kafka import broker_login
from streams.kafka.embedded_broker import is_listening
from streams.locale.error_messages import LATER_RELEASE_MESSAGES, REFUSALS, translate
from streams.locale.i18n import say
from streams.runtime.errors import EXIT_CONFIGURATION, EXIT_RESTART, OperatorError
from streams.settings.loader import DEFAULT_FILE, load
from streams.settings.schema import ConfigError, Kafka, Settings

P = ParamSpec("P")
R = TypeVar("R")
DEMO: Final = "demo"
"""Below the data directory: the demo's own, so that its data never mix with real ones."""
DEMO_FILE: Final = Path(__file__).parents[1] / "settings" / "demo.toml"
"""The demo's own settings."""
SYSTEMS: Final = "systems"
"""In the demo's data directory: where the simulated source systems stand, with the settings of the connectors that read them."""
_TOLD: Final = f"{__name__}.told"
"""In a command's context, once it has said where it looks."""
CLAIM_SECONDS: Final = 0.5
"""Longer than anyone holds the lock who only asks for it."""
BROKER_SECONDS: Final = 10.0
"""So long commands wait for a broker."""


@dataclass(frozen=True, slots=True)
class Running:
    """An `accueil up` that runs now."""

    pid: int
    brokers: str
    url: str
    sla: str = ""
    """The SLA file in force, if there is one."""
    password_file: str = ""
    """File with the password of its own broker; empty if it uses the brokers of its settings."""


class Cluster(NamedTuple):
    """How to reach Kafka."""

    brokers: str
    client: dict[str, Any]
    """Login and encryption, as kafka-python and aiokafka both take them."""


@contextmanager
def lock_data_directory(data: Path) -> Iterator[None]:
    """Keep `data` for this process alone; raise `OperatorError` if another has it. It is free again however we end."""
    lock = FileLock(_lock(data), timeout=CLAIM_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        other = read(data)
        pid = f" (pid {other.pid})" if other else ""
        raise OperatorError(
            say(
                f"{data} is in use by another accueil up{pid}: stop it, or choose another directory with ACCUEIL_DATA",
                f"{data} est utilisé par un autre accueil up{pid} : l'arrêter, ou choisir un autre dossier (ACCUEIL_DATA)",
            )
        ) from None
    try:
        _file(data).unlink(missing_ok=True)  # of one that was killed
        yield
    finally:
        _file(data).unlink(missing_ok=True)
        lock.release()


def write_running_file(
    data: Path, brokers: str, url: str, sla: Path | None = None, password_file: Path | None = None
) -> None:
    """Write for other commands on this machine where the broker, the board and the SLA file of `data` are."""
    files = (str(file.resolve()) if file else "" for file in (sla, password_file))
    running = Running(os.getpid(), brokers, url, *files)
    _file(data).write_text(json.dumps(asdict(running)), encoding="utf-8")


def read(data: Path) -> Running | None:
    """Return what runs on `data`, if anything does."""
    with suppress(OSError, ValueError, TypeError):
        running = Running(**json.loads(_file(data).read_text(encoding="utf-8")))
        if _is_claimed(data):
            return running
    return None


def find(settings: Settings, *, or_demo: bool = False) -> tuple[Path, Running] | None:
    """Return the `accueil up` that runs here, and its data directory; None if none does, or `settings` name other brokers.

    `or_demo`: else the demo. Only for who looks at what is there: real events must not end there.
    """
    if not settings.brokers:
        for data in (settings.data, *([settings.data / DEMO] if or_demo else [])):
            if running := read(data):
                return data, running
    return None


def find_cluster(settings: Settings, *, or_demo: bool = False) -> Cluster:
    """Return the brokers of `settings` with their login, else those of the `accueil up` that `find` finds.

    Raises `ConfigError` if there are none, or if a file of the login cannot be used.
    """
    if settings.brokers:
        return Cluster(settings.brokers, settings.kafka.client_options())
    if found := find(settings, or_demo=or_demo):
        _tell_demo(settings, found[0])
        file = found[1].password_file
        kafka = embedded_broker_login(Path(file)) if file else settings.kafka
        return Cluster(found[1].brokers, kafka.client_options())
    with suppress(FileNotFoundError, NotADirectoryError):
        _file(settings.data).open().close()  # another account may not see what runs: PermissionError, not "no broker"
    demo, hint = settings.data / DEMO, ""
    if or_demo and _is_demo_stopped(settings.data):
        hint = say(
            "; the demo there is stopped: accueil up --demo", " ; la démonstration y est arrêtée : accueil up --demo"
        )
    elif not or_demo and read(demo):
        hint = say(
            f"; the demo that runs there is left alone: to mean it, ACCUEIL_DATA={demo}",
            f" ; la démonstration qui y tourne n'est pas touchée : pour la viser, ACCUEIL_DATA={demo}",
        )
    raise ConfigError(
        say(
            f"no broker: start accueil up (data directory {settings.data}), or set brokers or ACCUEIL_BROKERS",
            f"pas de broker : démarrer accueil up (dossier {settings.data}), ou régler brokers ou ACCUEIL_BROKERS",
        )
        + hint
    )


def embedded_broker_login(password_file: Path) -> Kafka:
    """Return the settings by which clients log in to the embedded broker."""
    return Kafka(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism=broker_login.MECHANISM,
        sasl_username=broker_login.USER,
        sasl_password_file=password_file,
    )


def ensure_password(data: Path) -> str:
    """Return the password of the embedded broker of `data`, which is made the first time. Raises `ConfigError`."""
    try:
        return broker_login.ensure_password(data / broker_login.PASSWORD_FILE)
    except broker_login.PasswordError as error:
        raise ConfigError(say(str(error), error.french)) from None
    except OSError as error:
        raise ConfigError(describe_os_error(error, data / broker_login.PASSWORD_FILE)) from None


def pass_running_settings(command: Callable[Concatenate[Any, P], R]) -> Callable[P, R]:
    """Do what `pass_settings` does, with the demo's settings if that is what runs here: for who looks after what is there."""

    @wraps(command)
    def run(settings: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return command(find_settings(settings), *args, **kwargs)

    return pass_settings(run)


def find_settings(settings: Settings) -> Settings:
    """Return the demo's settings, with its data directory, if that is what runs here, which is told; else `settings`."""
    found = find(settings, or_demo=True)
    if found is None or found[0] == settings.data:
        return settings
    _tell_demo(settings, found[0])
    return load(DEMO_FILE, named_by="").model_copy(update={"data": found[0]})


def find_connectors(settings: Settings, config: Path | None) -> tuple[Settings, Path | None]:
    """Return the settings that set connectors up, and their file: the demo's if that runs here and `settings` sets up none.

    `config` is what was given to `load`. That the demo's are returned is told.
    """
    if settings.connectors:
        return settings, config
    here = find_settings(settings)
    file = here.data / SYSTEMS / DEFAULT_FILE
    if here.data.name != DEMO or not file.exists():  # it is being written when the demo starts
        return here, config
    return load(file, named_by="").model_copy(update={"data": here.data}), file


def stopped_demo_hint(data: Path) -> str:
    """Return in words that a demo beside `data` has data of its own, and how to look there; empty if none has, or it runs."""
    if not _is_demo_stopped(data):
        return ""
    demo = data / DEMO
    return say(
        f"; beside it is a demo that is stopped: start it, or ACCUEIL_DATA={demo}",
        f" ; à côté se trouve une démonstration arrêtée : la démarrer, ou ACCUEIL_DATA={demo}",
    )


def other_directory_hint(data: Path) -> str:
    """Return in words how to look into another directory than `data`."""
    other = say("; of another data directory: ACCUEIL_DATA", " ; pour un autre dossier : ACCUEIL_DATA")
    return stopped_demo_hint(data) or other


def wait_for_broker(
    brokers: str,
    seconds: float | None = None,
    *,
    client: Mapping[str, Any] | None = None,
    reads: Iterable[str] = (),
) -> None:
    """Return once one of `brokers` takes connections, and accepts the login of `client` and its reading of the topics `reads`.

    A connection is noticed sooner than by a Kafka client, which backs off. Raises `OperatorError` after `seconds`
    (`BROKER_SECONDS` if none are given), and at once if Kafka refuses the login or a right.
    """
    seconds = BROKER_SECONDS if seconds is None else seconds
    deadline = time.monotonic() + seconds
    while not any(map(is_listening, brokers.split(","))):
        if time.monotonic() > deadline:
            raise OperatorError(
                say(
                    f"no Kafka broker answers at {brokers} after {seconds:g} s",
                    f"aucun broker Kafka ne répond à {brokers} après {seconds:g} s",
                ),
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
    """Return what Kafka refuses `client`, in words; empty if nothing, or if no broker answers.

    `any_of` are topics of which one at least must be writable. Only a client with a login or a certificate is checked.
    """
    from streams.kafka import authorization  # noqa: PLC0415 - most commands do without Kafka's clients

    if not authorization.is_secured(client):
        return ""
    needed = {**dict.fromkeys(reads, authorization.READ), **dict.fromkeys(writes, authorization.WRITE)}
    refusal = authorization.find_refusal(brokers, client, authorization.RequiredRights(needed, any_of))
    return (translate(REFUSALS, refusal.text) or refusal.text) if refusal else ""


@contextmanager
def kafka_errors() -> Iterator[None]:
    """Turn what Kafka answers, or does not, into an `OperatorError`; rows of a later release too."""
    from streams.core.rows import UnknownRowVersion  # noqa: PLC0415 - brings msgspec
    from streams.kafka.topic_reader import AuthorizationError, KafkaError  # noqa: PLC0415 - most commands do without Kafka's client

    try:
        yield
    except UnknownRowVersion as error:
        text = f"Kafka: {error} (this is Accueil {version('accueil')})"
        raise OperatorError(translate(LATER_RELEASE_MESSAGES, text) or text) from None
    except KafkaError as error:
        # Its text has its name before it already, sometimes.
        text = str(error).removeprefix(f"{type(error).__name__}: ")
        trouble = say("Kafka refuses, or does not answer:", "Kafka refuse, ou ne répond pas :")
        code = EXIT_CONFIGURATION if isinstance(error, AuthorizationError) else EXIT_RESTART
        raise OperatorError(f"{trouble} {type(error).__name__}: {text}", code) from None


def _is_demo_stopped(data: Path) -> bool:
    """Return whether there are data of a demo beside `data`, and it does not run."""
    return (data / DEMO).is_dir() and not read(data / DEMO)


def _tell_demo(settings: Settings, data: Path) -> None:
    """Say once in a command, on standard error, that it looks into another directory than that of `settings`."""
    context = click.get_current_context(silent=True)
    if context is None or data == settings.data or _TOLD in context.meta:
        return
    context.meta[_TOLD] = True
    told = say(f"this is about the demo that runs, in {data}", f"il s'agit de la démonstration qui tourne, dans {data}")
    click.echo(f"accueil: {told}", err=True)


def _is_claimed(data: Path) -> bool:
    with _lock(data).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _lock(data: Path) -> Path:
    return data / "lock"


def _file(data: Path) -> Path:
    return data / "running.json"
