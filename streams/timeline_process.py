"""The process that writes citizens' timelines: the timeline agent on the engine, and its database."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.engine import make_url

from connectors.sdk.errors import why
from streams.agents.timeline import make_job
from streams.core.timeline import Entry
from streams.engine import metrics
from streams.engine.engine import Engine, Options
from streams.engine.engine import run as run_engine
from streams.engine.job import Unavailable
from streams.health import serve_health
from streams.prechecks import make_private
from streams.settings import ConfigError, Settings
from streams.timeline import store
from streams.timeline.store import Timeline, Written
from streams.worker import options

FILE = "timeline.db"


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
    url = make_url(place.url)
    return Timeline((url.set(password=password) if password else url).render_as_string(hide_password=False))


def run(settings: Settings) -> int:
    """Write timelines until SIGTERM or SIGINT; return the exit code: 0, or what `streams.engine.engine` says.

    Raises `OperatorError` if the health port cannot be had, and what `open_timeline` raises.
    """
    engine = Engine(make_job(settings.worker.app_id, _Sink(open_timeline(settings))), _options(settings))
    place = settings.timeline
    with serve_health(
        place.health_host,
        place.health_port,
        "timeline.health_port",
        healthy=engine.health,
        ready=engine.readiness,
        registry=metrics.REGISTRY,
    ):
        return run_engine(engine)


def _options(settings: Settings) -> Options:
    # A worker's name is its own: two members of one name are one member.
    return replace(options(settings, "timeline"), instance_id=None)


class _Sink:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def write(self, entries: Sequence[Entry]) -> Written:
        try:
            return self._timeline.write(entries)
        except store.Unavailable as error:
            raise Unavailable(f"timeline database: {error}") from error
