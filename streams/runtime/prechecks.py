"""Checks before a process starts, whose failures are errors of one line with the remedy."""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

from connectors.sdk.errors import InstanceInUseError
from models.locale import _
from streams.locale.error_messages import os_error_cause
from streams.runtime.instance_lock import lock_data_directory
from streams.settings.errors import OperatorError
from streams.settings.exit_codes import EXIT_RESTART
from streams.settings.retention import find_contradictions
from streams.settings.schema import Settings

if TYPE_CHECKING:
    from connectors.sdk.instance import Instance

FREE_BYTES: Final = 1 << 30
"""Minimum free disk space for a start, since a broker on a full disk stops."""
STOPPING_SECONDS: Final = 10.0
"""Longest wait for another process that runs the same connectors, which may be stopping."""
IDLE_PROGRESS_SECONDS: Final = 5
"""Interval at which an idle partition writes its progress; see `streams.agents.contacts.HEARTBEAT_MS`."""


@contextmanager
def claim_data_directory(data: Path) -> Iterator[None]:
    """Create the data directory, check that it is writable and its disk has `FREE_BYTES`, and lock it during a `with` block.

    Raise `OperatorError` if any of these fails.
    """
    try:
        prepare_private_directory(data)
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as error:
        raise OperatorError(
            _(
                "the data directory {data} cannot be written ({os_error_cause}): set data or ACCUEIL_DATA to another",
                data=data,
                os_error_cause=os_error_cause(error),
            )
        ) from None
    free = shutil.disk_usage(data).free
    if free < FREE_BYTES:
        room = f"{free >> 20} MiB / {FREE_BYTES >> 20} MiB"
        raise OperatorError(
            _(
                "the disk of {data} is nearly full ({room}): make room, or set data or ACCUEIL_DATA to "
                "another directory",
                data=data,
                room=room,
            )
        )
    with lock_data_directory(data):
        yield


def prepare_private_directory(directory: Path) -> None:
    """Create missing parts of the path `directory` for this user only, and set the umask of the process likewise."""
    os.umask(0o077)  # an existing directory may be open to other accounts
    for path in reversed([directory, *directory.parents]):
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)


def check_not_running(instances: "Sequence[Instance]", directory: Path, stopping: Event) -> None:
    """Raise `OperatorError` if other processes run all `instances`, still after `STOPPING_SECONDS`; return if `stopping` is set.

    If one is free, it runs, and the others are tried again and again. `directory` contains the data of all connectors.
    """
    deadline = time.monotonic() + STOPPING_SECONDS
    while not stopping.is_set():
        for instance in instances:
            try:
                with instance.locked(directory, lasting=False):
                    return
            except InstanceInUseError as error:
                in_use = str(error)
        if time.monotonic() >= deadline:
            hint = _("stop it first")
            raise OperatorError(f"{in_use}{_(':')} {hint}", EXIT_RESTART)
        stopping.wait(0.2)


def find_warnings(settings: Settings) -> list[str]:
    """Return a line for each valid setting that probably does not have the intended effect."""
    processes, partitions = settings.worker.processes, settings.partitions
    stale, idle = settings.web.stale_after_seconds, 2 * (IDLE_PROGRESS_SECONDS + settings.worker.tick_seconds)
    warnings = []
    if processes > partitions:
        warnings.append(
            _(
                "worker.processes = {processes}, but partitions = {partitions}: some workers will have nothing to do",
                processes=processes,
                partitions=partitions,
            )
        )
    warnings += find_contradictions(settings)
    if stale < idle:
        warnings.append(
            _(
                "web.stale_after_seconds = {stale:g}: an idle worker writes less often; below {idle:g} the "
                "board appears stale from time to time",
                stale=stale,
                idle=idle,
            )
        )
    return warnings


def check_port(host: str, port: int, setting: str) -> None:
    """Raise `OperatorError` if no server can listen on `port`; 0 means any free port. `setting` (or an --option) names it.

    On `::` the port must be free for IPv4 too, if the system serves both with one socket.
    """
    ipv6 = ":" in host
    try:
        with socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ipv6 else socket.AF_INET,
            dualstack_ipv6=ipv6 and socket.has_dualstack_ipv6(),
        ):
            return
    except OSError as error:
        cause = _find_listener(port) or os_error_cause(error)
        variable = "" if setting.startswith("--") else f", ACCUEIL_{setting.replace('.', '__').upper()}"
        settings = f"{setting}{variable}"
        raise OperatorError(
            _(
                "port {port} on {host} is not available ({cause}): choose another ({settings})",
                port=port,
                host=host,
                cause=cause,
                settings=settings,
            )
        ) from None


def _find_listener(port: int) -> str:
    """Return name and pid of the process that listens on `port`; empty if unknown to this account."""
    import psutil  # noqa: PLC0415 - slow to import and rarely needed

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, pid {connection.pid}"
    except psutil.Error:
        pass
    return ""
