"""Run several connector instances in one process."""

import gc
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from prometheus_client import REGISTRY, CollectorRegistry

from connectors.sdk import registry as connectors
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError, StuckError
from connectors.sdk.i18n import say
from connectors.sdk.instance import Instance, InstanceRunner, OpenPublisher
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.publisher import KafkaPublisher
from connectors.sdk.reread import last_reread_ms
from connectors.sdk.spool import DEFAULT_LIMIT_BYTES, Spool
from models.identities import IsBlocked

INSTANCE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""It names a directory, and is part of every event's id."""
WATCH_SECONDS: Final = 1.0
"""How often it is looked whether an instance is stuck."""
State = tuple[bool, str]
"""Whether all is well, and one line for people."""

log = structlog.get_logger(__name__)


def configure(name: str, connector: str, options: Mapping[str, Any], is_blocked: IsBlocked | None = None) -> Instance:
    """Return the instance `name` of the installed `connector`. Raises `ConfigError`, one line per mistake."""
    if not INSTANCE_NAME.fullmatch(name):
        raise ConfigError(
            say(
                f"{name!r}: a connector's name must match {INSTANCE_NAME.pattern}",
                f"{name!r} : le nom d'un connecteur doit correspondre à {INSTANCE_NAME.pattern}",
            )
        )
    found = connectors.load(connector)
    return Instance(name, found, parse(found.config, name, options), is_blocked)


class ConnectorRunner:
    """The instances of one process, a thread each, with their cursors, spools, rejects and keys under `directory`.

    `brokers` is `host:port,…`, and `options` go to kafka-python (security). `check` is that of `KafkaPublisher`.
    """

    def __init__(
        self,
        instances: Iterable[Instance],
        *,
        brokers: str,
        directory: Path,
        options: Mapping[str, Any] | None = None,
        registry: CollectorRegistry = REGISTRY,
        spool_limit_bytes: int = DEFAULT_LIMIT_BYTES,
        open_publisher: OpenPublisher | None = None,
        check: Callable[[Collection[str]], str] = lambda _topics: "",
    ) -> None:
        def open_kafka(source: str, spool: Spool, meter: Meter) -> KafkaPublisher:
            return KafkaPublisher(
                brokers,
                spool,
                meter,
                client_id=source.replace("/", "-"),
                options=options,
                reread_until_ms=last_reread_ms(directory / source),
                check=check,
            )

        metrics = Metrics(registry)
        self._lanes = [
            InstanceRunner(
                instance,
                directory=directory,
                open_publisher=open_publisher or open_kafka,
                meter=Meter(metrics, instance.source),
                spool_limit_bytes=spool_limit_bytes,
            )
            for instance in instances
        ]

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then stop reading, wait some seconds for what is on its way, and return.

        Raises `StuckError` once one instance is stuck, or its thread ended by itself, after all others have stopped: the process
        must then leave, since a thread cannot be ended from outside. Nothing is lost by it: what was not acknowledged is read
        again. If that did not help an instance, the process waits for it longer each time while others go on.
        """
        with _few_garbage_collections():
            at_work = {instance_runner: _start(instance_runner, stop) for instance_runner in self._lanes}
            stuck: list[str] = []
            while at_work:
                _await_one(at_work.values(), stop)
                ended = [instance_runner for instance_runner, thread in at_work.items() if not thread.is_alive()]
                if stop.is_set():
                    at_work = {
                        instance_runner: thread
                        for instance_runner, thread in at_work.items()
                        if instance_runner not in ended
                    }
                    found = [instance_runner for instance_runner in at_work if instance_runner.is_stalled]
                else:  # one that was to stop would have ended after it was set
                    found = _find_stuck(at_work, ended)
                    for instance_runner in at_work:
                        instance_runner.log_stall()
                    for instance_runner in found:
                        instance_runner.note_stuck()
                        if instance_runner in ended:
                            log.error(
                                "connector_ended",
                                connector=instance_runner.instance.source,
                                trouble=instance_runner.trouble,
                            )
                if found:
                    stop.set()
                    stuck += [instance_runner.instance.source for instance_runner in found]
                    at_work = {
                        instance_runner: thread
                        for instance_runner, thread in at_work.items()
                        if instance_runner not in found
                    }
        if stuck:
            raise StuckError(_name(stuck))

    def healthy(self) -> State:
        """Return whether every instance moves. If not, only a restart of the process can help."""
        stuck = [instance_runner.instance.source for instance_runner in self._lanes if instance_runner.stuck]
        return not stuck, _name(stuck) if stuck else "ok"

    def ready(self) -> State:
        """Return whether every instance takes in what its source has; the line says which does not, and why."""
        troubles = [
            f"{instance_runner.instance.source}: {state}"
            for instance_runner in self._lanes
            if (state := instance_runner.state)
        ]
        return not troubles, "; ".join(troubles) or "ok"


def _start(instance_runner: InstanceRunner, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(
        target=instance_runner.run, args=(stop,), name=instance_runner.instance.source, daemon=True
    )
    thread.start()
    return thread


def _find_stuck(lanes: Iterable[InstanceRunner], ended: Collection[InstanceRunner]) -> list[InstanceRunner]:
    """Return the lanes because of which the process is to leave now."""
    is_stalled = [
        instance_runner for instance_runner in lanes if instance_runner.is_stalled or instance_runner in ended
    ]
    if not set(lanes) - set(is_stalled):
        return is_stalled  # nobody gains by a longer wait
    return [
        instance_runner
        for instance_runner in is_stalled
        if instance_runner.stuck or (instance_runner in ended and not instance_runner.was_stuck)
    ]


def _await_one(threads: Iterable[threading.Thread], stop: threading.Event) -> None:
    """Wait a moment for one of them to end."""
    alive = next((thread for thread in threads if thread.is_alive()), None)
    if alive is None:
        stop.wait(WATCH_SECONDS)
    else:
        alive.join(WATCH_SECONDS)


def _name(stuck: Iterable[str]) -> str:
    return f"{say('stuck:', 'bloqué :')} {', '.join(stuck)}"


@contextmanager
def _few_garbage_collections() -> Iterator[None]:
    # Thousands of small objects live for some milliseconds, in no cycles: looking for cycles took a quarter of the time.
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
