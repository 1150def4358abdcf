"""Worker process: the contacts job on the engine, with the options from the settings."""

from pathlib import Path

from models.topics import DAY_MS
from streams.agents.contacts import WorkerTimings, make_job
from streams.core.contacts.row_expiry import RowRetention
from streams.core.contacts.stay_outcome import TimesToLive
from streams.core.sla.report_delay import SlaDelays
from streams.engine import metrics
from streams.engine.engine import Engine
from streams.engine.engine import run as run_engine
from streams.engine.options import Options
from streams.runtime.health import serve_health
from streams.runtime.instance_lock import find_cluster
from streams.runtime.prechecks import prepare_private_directory
from streams.settings.loader import find_origin
from streams.settings.schema import Settings
from streams.settings.sla_file import WatchedPolicies


def run(settings: Settings, config: Path | None) -> int:
    """Run one worker until SIGTERM or SIGINT; return 0 or an exit code of `streams.engine.engine`.

    Most errors end the process without a return.
    """
    policies = WatchedPolicies(settings.sla, find_origin("sla", config))
    metrics.REGISTRY.register(policies)
    engine = Engine(make_job(settings.worker.app_id, times(settings), policies), options(settings))
    worker = settings.worker
    prepare_private_directory(settings.data)
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
    """Return the engine's options from the settings of the worker; `name` is the engine's directory within `settings.data`.

    Raise `ConfigError` without brokers.
    """
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


def times(settings: Settings) -> WorkerTimings:
    """Return the timeouts, retention periods and SLA delays of the contacts job."""
    worker = settings.worker
    return WorkerTimings(
        time_to_live=TimesToLive(
            waiting=worker.forget_waiting_after_seconds * 1000,
            in_progress=worker.forget_answered_after_seconds * 1000,
            visit=worker.forget_visits_after_seconds * 1000,
        ),
        keep=RowRetention(closed=worker.keep_closed_days * DAY_MS, touched=worker.keep_touched_seconds * 1000),
        agent_time_to_live=worker.forget_agents_after_seconds * 1000,
        keep_buckets=worker.keep_buckets_days * DAY_MS,
        sla_delays=SlaDelays(round(worker.grace_seconds * 1000), round(worker.news_seconds * 1000)),
        keep_days=worker.keep_days,
        zone=settings.web.zone,
    )
