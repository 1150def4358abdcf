"""Entry points of the processes, and their options from the settings; modules that one process needs are imported there."""

import os
import signal
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

import structlog
from pydantic import ValidationError

from connectors.sdk.config_errors import format_key_path, suggest
from connectors.sdk.exclusive_resources import ExclusiveResource, find_conflicts
from connectors.sdk.signals import install_stop_handler
from models.locale import _
from models.topics import SOURCES
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.notify.options import LANGUAGES, NotifyOptions
from streams.runtime.health import State, serve_health
from streams.runtime.instance_lock import Cluster, broker_errors, ensure_password, find, find_cluster, find_refusal
from streams.runtime.prechecks import check_not_running, check_port, prepare_private_directory
from streams.settings.exit_codes import EXIT_RESTART
from streams.settings.loader import DEFAULT_FILE, error_explainer, find_file, find_origin
from streams.settings.schema import ConfigError, Settings
from streams.web.options import WebOptions

if TYPE_CHECKING:
    from connectors.sdk.contact_reasons import ContactReasons
    from connectors.sdk.instance import Instance

BROKER_STOP_SECONDS: Final = 4.0
"""Longest wait for the broker to stop after SIGTERM."""
CLUSTER_SECONDS: Final = 5.0
"""Longest wait for the broker's cluster id before the connectors read their sources."""

log = structlog.get_logger(__name__)


def run_broker(settings: Settings, health_port: int) -> int:
    """Run the embedded Kafka broker until SIGTERM or SIGINT; return the exit code."""
    prepare_private_directory(settings.data)
    kafka = EmbeddedKafka(
        settings.data / "kafka", settings.broker_port, password=ensure_password(settings.data), progress=log.info
    )
    with broker_errors():
        kafka.start()  # until it returns, a signal ends the process immediately, even during a download
    stopping = install_stop_handler()

    def running() -> State:
        return kafka.poll() is None, kafka.bootstrap

    with serve_health("127.0.0.1", health_port, "--health-port", healthy=running, ready=running):
        log.info("broker listens", host="127.0.0.1", port=kafka.port)
        while kafka.poll() is None and not stopping.wait(0.5):
            pass
    exit_code = kafka.poll()
    kafka.stop(timeout_seconds=BROKER_STOP_SECONDS)
    if exit_code is None:
        return 0
    if exit_code == -signal.SIGKILL:
        log.error("broker killed")
    else:
        log.error("broker ended by itself", exit_code=exit_code, path=str(kafka.latest_log))
    return EXIT_RESTART


def configure_connectors(settings: Settings, names: Sequence[str] = (), config: Path | None = None) -> "list[Instance]":
    """Return the connector instances `names`, or all configured ones; `config` is the file passed to `load`.

    Raises `ConfigError` with one line per mistake. Two instances that claim the same exclusive resource (a port, a file) are a
    mistake, and so are one instance and another process of Accueil, if all instances are configured.
    """
    from connectors.sdk import errors, registry, runner  # noqa: PLC0415
    from connectors.sdk.pseudonyms import IdentityBlocklist  # noqa: PLC0415

    if unknown := set(names) - set(settings.connectors):
        known = ", ".join(settings.connectors) or _("none")
        raise ConfigError(
            _("{key}: unknown; configured: {known}", key=format_key_path(("connectors", min(unknown))), known=known)
            + suggest(min(unknown), settings.connectors)
        )
    instances, mistakes = [], []
    own = settings.identities
    is_blocked = IdentityBlocklist(own.blocked, own.region) if own.blocked else None
    reasons = contact_reasons(settings)
    for name in names or settings.connectors:
        table = settings.connectors[name]
        try:
            instances.append(runner.configure(name, table.connector, table.options, is_blocked, reasons))
        except errors.ConfigError as error:
            if isinstance(error.__context__, ValidationError):
                model = registry.load(table.connector).config
                explain = error_explainer(model, ("connectors", name), config)
                mistakes += model.explain_errors(error.__context__, table.options, explain)
            else:
                mistakes.append(f"{find_file(config) or DEFAULT_FILE}: connectors.{name}.connector: {error}")
    conflicts = find_conflicts(_instance_claims(instances), () if names else _process_claims(settings))
    mistakes += [f"{find_file(config) or DEFAULT_FILE}: {conflict}" for conflict in conflicts]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return instances


def contact_reasons(settings: Settings) -> "ContactReasons":
    """Return the closed list of reasons for contact, for connectors."""
    from connectors.sdk.contact_reasons import ContactReasons  # noqa: PLC0415

    return ContactReasons(reason.to_rule(name) for name, reason in settings.contact_reasons.items())


def configure_one_connector(settings: Settings, name: str, config: Path | None = None) -> "Instance":
    """Return the connector instance `name`, even if others are misconfigured.

    Raise `ConfigError` for mistakes in its options, and for conflicts with other instances or processes.
    """
    from connectors.sdk import errors, runner  # noqa: PLC0415

    (instance,) = configure_connectors(settings, [name], config)
    others = []
    for other, table in settings.connectors.items():
        if other == name:
            continue
        with suppress(errors.ConfigError):
            others.append(runner.configure(other, table.connector, table.options, None, contact_reasons(settings)))
    conflicts = find_conflicts(_instance_claims([instance]), [*_process_claims(settings), *_instance_claims(others)])
    if mistakes := [f"{find_file(config) or DEFAULT_FILE}: {conflict}" for conflict in conflicts]:
        raise ConfigError("\n".join(mistakes))
    return instance


def _instance_claims(instances: "Iterable[Instance]") -> list[ExclusiveResource]:
    return [
        claim._replace(setting=f"connectors.{instance.name}.{claim.setting}")
        for instance in instances
        for claim in instance.config.exclusive_resources()
    ]


def _process_claims(settings: Settings) -> list[ExclusiveResource]:
    ports = {
        "web.port": (settings.web.host, settings.web.port),
        "worker.health_port": (settings.worker.health_host, settings.worker.health_port),
        "connect.health_port": (settings.connect.health_host, settings.connect.health_port),
        "api.port": (settings.api.host, settings.api.port),
        "timeline.health_port": (settings.timeline.health_host, settings.timeline.health_port),
        "notify.health_port": (settings.notify.health_host, settings.notify.health_port),
        "broker_port": ("127.0.0.1", 0 if settings.brokers else settings.broker_port),
    }
    return [ExclusiveResource.of_port(setting, host, port) for setting, (host, port) in ports.items() if port]


def connect(settings: Settings, names: Sequence[str], config: Path | None) -> int:
    """Run the connectors `names`, or all configured ones, until SIGTERM or SIGINT; return the exit code.

    Raise `ConfigError` for mistakes in the settings. If earlier events were sent to another Kafka cluster, stop the connectors
    and raise `ConfigError`. Raise `OperatorError` if other processes run all of them.
    """
    from connectors.sdk.cluster_id import mark_lost_positions  # noqa: PLC0415
    from connectors.sdk.errors import StuckError  # noqa: PLC0415
    from connectors.sdk.runner import ConnectorRunner  # noqa: PLC0415

    instances = configure_connectors(settings, names, config)
    if not instances:
        raise ConfigError(_("no connector to run: write a table [connectors.<name>] in accueil.toml"))
    stopping = install_stop_handler()
    prepare_private_directory(settings.data)
    check_not_running(instances, settings.data / "connectors", stopping)
    mark_lost_positions(instances, settings.data / "connectors")
    brokers, client = find_cluster(settings)
    any_of = [topic.name for topic in SOURCES.values()]

    def check(topics: Collection[str]) -> str:
        return find_refusal(brokers, client, writes=topics, any_of=any_of)

    runner = ConnectorRunner(
        instances, brokers=brokers, directory=settings.data / "connectors", options=client, check=check
    )
    own = settings.connect
    cluster_check = _ClusterCheck(settings, instances, stopping)
    with serve_health(
        own.health_host, own.health_port, "connect.health_port", healthy=runner.healthy, ready=runner.ready
    ):
        cluster_check.start()
        cluster_check.join(CLUSTER_SECONDS)  # do not wait longer without a broker: events are spooled
        try:
            runner.run(stopping)
        except StuckError as error:
            log.error("leaving", error=str(error))  # noqa: TRY400 - the message is complete without a traceback
            return EXIT_RESTART
    if cluster_check.mistake:
        raise ConfigError(cluster_check.mistake)
    return 0


class _ClusterCheck(Thread):
    """Thread that stops the connectors if their positions belong to another Kafka cluster (`connectors.sdk.cluster_id`)."""

    def __init__(self, settings: Settings, instances: "Sequence[Instance]", stopping: Event) -> None:
        super().__init__(name="cluster-check", daemon=True)
        self.mistake = ""
        self._settings, self._instances, self._stopping = settings, instances, stopping

    def run(self) -> None:
        """Wait for the broker and compare the cluster ids; if they differ, set `mistake` and stop the connectors."""
        from connectors.sdk.cluster_id import find_other_cluster  # noqa: PLC0415
        from streams.kafka.topic_reader import KafkaError, read_cluster  # noqa: PLC0415

        directory, pause = self._settings.data / "connectors", 1.0
        while not self._stopping.is_set():
            try:
                cluster = read_cluster(*find_cluster(self._settings))
            except KafkaError:
                self._stopping.wait(pause)
                pause = min(2 * pause, 30.0)
                continue
            if affected := find_other_cluster(self._instances, directory, cluster):
                self.mistake = _describe_other_cluster(affected, directory)
                self._stopping.set()
            return


def _describe_other_cluster(instances: "Sequence[Instance]", directory: Path) -> str:
    from connectors.sdk.cluster_id import FILE  # noqa: PLC0415

    sources = ", ".join(instance.source for instance in instances)
    name, file = instances[0].name, directory / instances[0].source / FILE
    return _(
        "{sources}: earlier events were sent to another Kafka cluster, whose data are not here: "
        "restore them (data/kafka), or read the source again (accueil connectors reread {name}), or "
        "continue without them (remove {file})",
        sources=sources,
        name=name,
        file=file,
    )


def web_options(settings: Settings, cluster: Cluster | None = None) -> WebOptions:
    """Return the board's options, by default with the brokers of `find_cluster`. Raises `ConfigError` without brokers."""
    brokers, client = cluster or find_cluster(settings)
    reasons = tuple(reason.to_board_options(name) for name, reason in settings.contact_reasons.items())
    return settings.web.to_board_options(brokers, client, reasons)


def serve(settings: Settings, config: Path | None) -> int:
    """Serve the board until SIGTERM or SIGINT; return the exit code. `config` is the file passed to `load`."""
    from streams.runtime.rejected_records import RejectedRecords  # noqa: PLC0415
    from streams.settings.sla_file import WatchedPolicies  # noqa: PLC0415
    from streams.web.app import serve as serve_board  # noqa: PLC0415

    check_port(settings.web.host, settings.web.port, "web.port")
    policies = WatchedPolicies(settings.sla, find_origin("sla", config))
    rejected = RejectedRecords(settings.data / "connectors")
    return 0 if serve_board(web_options(settings), policies, [policies], rejected.count) else os.EX_SOFTWARE


def notify_options(settings: Settings, brokers: str | None = None) -> NotifyOptions:
    """Return the notifier's options, by default with the brokers of `find_cluster` with `or_demo`.

    `brokers` replaces them, without a login. Raise `ConfigError` without receivers or brokers.
    """
    if not settings.notify.has_receivers:
        raise ConfigError(
            _(
                "no receiver: write a table [notify.alertmanagers.<name>], [notify.webhooks.<name>] or "
                "[notify.mails.<name>]"
            )
        )
    running = find(settings, or_demo=True)
    cluster = find_cluster(settings, or_demo=True) if brokers is None else Cluster(brokers, {})
    return NotifyOptions(
        settings=settings.notify,
        brokers=cluster.brokers,
        client=cluster.client,
        directory=(running[0] if running else settings.data) / "notify",
        time_zone=settings.web.zone,
        services={language: settings.web.name_services(language) for language in LANGUAGES},
        queues={language: settings.web.name_queues(language) for language in LANGUAGES},
    )


def notify(settings: Settings) -> int:
    """Send notifications about SLA clocks until SIGTERM or SIGINT; return the exit code."""
    from prometheus_client import REGISTRY  # noqa: PLC0415

    from connectors.sdk.errors import ConnectorError  # noqa: PLC0415
    from streams.notify.notifier import Notifier  # noqa: PLC0415

    notifier = Notifier(notify_options(settings))
    stopping = install_stop_handler()
    prepare_private_directory(settings.data)
    REGISTRY.register(notifier)
    own = settings.notify
    with serve_health(
        own.health_host, own.health_port, "notify.health_port", healthy=notifier.healthy, ready=notifier.ready
    ):
        try:
            return 0 if notifier.run(stopping) else EXIT_RESTART
        except ConnectorError as error:
            log.error("leaving", error=str(error))  # noqa: TRY400 - the message is complete without a traceback
            return EXIT_RESTART
