"""The process that writes citizens' timelines: the timeline agent on the engine, and its database."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog

from connectors.sdk.errors import why
from streams.agents.timeline import make_job
from streams.core.timeline import Entry
from streams.engine import metrics
from streams.engine.engine import WAITING_SAID_SECONDS, Engine
from streams.engine.engine import run as run_engine
from streams.engine.job import Unavailable
from streams.health import State, serve_health
from streams.prechecks import make_private
from streams.settings import ConfigError, Settings
from streams.timeline import store
from streams.timeline.store import Timeline, Written
from streams.worker import options

FILE: Final = "timeline.db"
RETRY_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)


def open_timeline(settings: Settings) -> Timeline:
    """Return the timelines' database. Raises `ConfigError` if its password cannot be read, and `store.Unavailable`."""
    place = settings.timeline
    make_private(settings.data)
    if not place.url:
        return Timeline(f"sqlite:///{settings.data.absolute() / FILE}")
    try:
        password = place.password_file.read_text().strip() if place.password_file else place.password.get_secret_value()
    except OSError as error:
        raise ConfigError(f"timeline.password_file: {why(error, place.password_file)}") from None
    return Timeline(place.url, password)


def run(settings: Settings) -> int:
    """Write timelines until SIGTERM or SIGINT; return the exit code: 0, or what `streams.engine.engine` says.

    A database that is away is waited for. Raises `OperatorError` if the health port cannot be had, and `ConfigError` as
    `open_timeline` does.
    """
    sink = _Sink()
    engine = Engine(make_job(settings.worker.app_id, sink), replace(options(settings, "timeline"), instance_id=None))

    def readiness() -> State:
        return engine.readiness() if sink.timeline else (False, "waiting for the database")

    place = settings.timeline
    with serve_health(
        place.health_host,
        place.health_port,
        "timeline.health_port",
        healthy=engine.health,
        ready=readiness,
        registry=metrics.REGISTRY,
    ):
        sink.timeline = _wait_for_database(settings, engine)
        return run_engine(engine)


def _wait_for_database(settings: Settings, engine: Engine) -> Timeline:
    said_at = -math.inf
    while True:
        try:
            return open_timeline(settings)
        except store.Unavailable as error:
            if time.monotonic() - said_at > WAITING_SAID_SECONDS:
                said_at = time.monotonic()
                log.warning("waiting_for_database", error=str(error))
        engine.beat()
        time.sleep(RETRY_SECONDS)


class _Sink:
    timeline: Timeline | None = None

    def write(self, entries: Sequence[Entry]) -> Written:
        assert self.timeline, "the engine runs once the database is there"
        try:
            return self.timeline.write(entries)
        except store.Unavailable as error:
            raise Unavailable(f"the timelines' database: {error}") from error
