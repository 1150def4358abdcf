"""The worker process: the contacts agent on the engine, as the settings say."""

from pathlib import Path

from models.topics import DAY_MS
from streams.agents.contacts import Times, make_job
from streams.agents.promises import Patience
from streams.configuration import find_origin
from streams.core.contact import Keeping
from streams.core.visit import TimesToLive
from streams.engine import metrics
from streams.engine.engine import Engine, Options
from streams.engine.engine import run as run_engine
from streams.health import serve_health
from streams.prechecks import make_private
from streams.running import find_cluster
from streams.settings import Settings
from streams.sla_file import WatchedPolicies


def run(settings: Settings, config: Path | None) -> int:
    """Run one worker until SIGTERM or SIGINT; return the exit code: 0, or what `streams.engine.engine` says.

    `config` is what was given to `load`.

    Raises `OperatorError` if the health port cannot be had, and `ConfigError` if the SLA file cannot be used.
    """
    policies = WatchedPolicies(settings.sla, find_origin("sla", config))
    metrics.REGISTRY.register(policies)
    engine = Engine(make_job(settings.worker.app_id, times(settings), policies), options(settings))
    worker = settings.worker
    make_private(settings.data)
    with serve_health(
        worker.health_host,
        worker.health_port,
        "worker.health_port",
        healthy=engine.health,
        ready=engine.readiness,
        registry=metrics.REGISTRY,
    ):
        return run_engine(engine)


def options(settings: Settings, name: str = "worker") -> Options:
    """Return how the engine is to run in the process `name`."""
    worker = settings.worker
    brokers, client = find_cluster(settings)
    return Options(
        bootstrap=brokers,
        tick_seconds=worker.tick_seconds,
        linger_seconds=worker.linger_seconds,
        max_records=worker.max_records_per_step,
        session_timeout_seconds=worker.session_timeout_seconds,
        skip_expired=worker.skip_expired,
        instance_id=worker.instance_id or None,
        directory=settings.data / name,
        client=client,
    )


def times(settings: Settings) -> Times:
    """Return how long the contacts agent waits for things and keeps them."""
    worker = settings.worker
    return Times(
        to_live=TimesToLive(
            waiting=worker.forget_waiting_after_seconds * 1000,
            in_progress=worker.forget_answered_after_seconds * 1000,
            visit=worker.forget_visits_after_seconds * 1000,
        ),
        keep=Keeping(closed=worker.keep_closed_days * DAY_MS, touched=worker.keep_touched_seconds * 1000),
        agent_to_live=worker.forget_agents_after_seconds * 1000,
        keep_buckets=worker.keep_buckets_days * DAY_MS,
        patience=Patience(round(worker.grace_seconds * 1000), round(worker.news_seconds * 1000)),
        keep_days=worker.keep_days,
        zone=settings.web.zone,
    )
