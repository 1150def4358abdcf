"""Runner of several connector instances in one process."""

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
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons
from connectors.sdk.errors import ConfigError, StuckError
from connectors.sdk.instance import Instance, InstanceRunner, OpenPublisher
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.publisher import KafkaPublisher
from connectors.sdk.reread import last_reread_ms
from connectors.sdk.spool import Spool
from models.identities import IsBlocked
from models.locale import _

INSTANCE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""Names of instances. The name is part of a directory name and of every event id."""
WATCH_SECONDS: Final = 1.0
"""Interval of checks for stuck instances."""
State = tuple[bool, str]
"""True if all is well, and a one-line description."""

log = structlog.get_logger(__name__)


def configure(
    name: str,
    connector: str,
    options: Mapping[str, Any],
    is_blocked: IsBlocked | None = None,
    contact_reasons: ContactReasons = NO_REASONS,
) -> Instance:
    """Return the instance `name` of the installed `connector`. Raises `ConfigError` for its name, connector or options."""
    if not INSTANCE_NAME.fullmatch(name):
        raise ConfigError(
            _("{name!r}: a connector's name must match {pattern}", name=name, pattern=INSTANCE_NAME.pattern)
        )
    found = connectors.load(connector)
    config = parse(found.config, name, options, contact_reasons)
    return Instance(name, found, config, is_blocked, contact_reasons)


class ConnectorRunner:
    """Runs the instances of one process, each in a thread. Cursors, spools, rejects and keys are below `directory`.

    `brokers` is `host:port,…`; `options` are passed to kafka-python (security). `check` is the one of `KafkaPublisher`.
    """

    def __init__(
        self,
        instances: Iterable[Instance],
        *,
        brokers: str,
        directory: Path,
        options: Mapping[str, Any] | None = None,
        registry: CollectorRegistry = REGISTRY,
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
        self._runners = [
            InstanceRunner(
                instance,
                directory=directory,
                open_publisher=open_publisher or open_kafka,
                meter=Meter(metrics, instance.source),
            )
            for instance in instances
        ]

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then stop reading, wait some seconds for confirmations, and return.

        Raises `StuckError` if an instance is stuck or its thread has ended, after all others have stopped. The process must then
        exit, since a thread cannot be ended from outside. No record is lost: unacknowledged records are read again. If restarts
        do not help an instance, the process waits for it longer each time while other instances work.
        """
        with _few_garbage_collections():
            running = {runner: _start(runner, stop) for runner in self._runners}
            stuck: list[str] = []
            while running:
                if not stop.is_set():
                    stop.wait(WATCH_SECONDS)
                else:
                    next(iter(running.values())).join(WATCH_SECONDS)
                ended = [runner for runner, thread in running.items() if not thread.is_alive()]
                if stop.is_set():
                    running = {runner: thread for runner, thread in running.items() if runner not in ended}
                    found = [runner for runner in running if runner.is_stalled]
                else:  # a thread that ended before `stop` was set has failed
                    found = _find_stuck(running, ended)
                    for runner in running:
                        runner.report_stall()
                    for runner in found:
                        runner.note_stuck()
                        if runner in ended:
                            log.error("connector_ended", connector=runner.instance.source, trouble=runner.trouble)
                if found:
                    stop.set()
                    stuck += [runner.instance.source for runner in found]
                    running = {runner: thread for runner, thread in running.items() if runner not in found}
        if stuck:
            raise StuckError(_list_names(stuck))

    def healthy(self) -> State:
        """Return whether no instance is stuck; the line names those that are. Only a restart of the process can help them."""
        stuck = [runner.instance.source for runner in self._runners if runner.stuck]
        return not stuck, _list_names(stuck) if stuck else "ok"

    def ready(self) -> State:
        """Return whether all instances read their sources and deliver; the line names those in trouble, with reasons."""
        troubles = [f"{runner.instance.source}: {runner.trouble}" for runner in self._runners if runner.trouble]
        return not troubles, "; ".join(troubles) or "ok"


def _start(runner: InstanceRunner, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=runner.run, args=(stop,), name=runner.instance.source, daemon=True)
    thread.start()
    return thread


def _find_stuck(runners: Iterable[InstanceRunner], ended: Collection[InstanceRunner]) -> list[InstanceRunner]:
    """Return the stalled or `ended` instances because of which the process must exit now.

    If no other instance works, these are all of them. Otherwise an instance that restarts did not help may stall for longer.
    """
    stalled = [runner for runner in runners if runner.is_stalled or runner in ended]
    if not set(runners) - set(stalled):
        return stalled  # no instance gains by a longer wait
    return [runner for runner in stalled if runner.stuck or (runner in ended and not runner.was_stuck)]


def _list_names(stuck: Iterable[str]) -> str:
    return _("stuck: {names}", names=", ".join(stuck))


@contextmanager
def _few_garbage_collections() -> Iterator[None]:
    # Thousands of small objects live for some milliseconds and form no cycles. Searching them for cycles took a quarter of the
    # processor time.
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
