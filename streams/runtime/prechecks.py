"""What must be so before anything is started: each failure is one clear line that says what to do."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from streams.locale.error_messages import os_error_cause
from streams.locale.i18n import say
from streams.privacy.retention import find_contradictions
from streams.runtime.errors import OperatorError
from streams.runtime.instance_lock import lock_data_directory
from streams.settings.schema import Settings

FREE_BYTES: Final = 1 << 30
"""With less room on the disk, nothing is started: a broker without room stops in the middle."""
TOLD_SECONDS: Final = 5
"""A partition with nothing to do says this often that it has counted all; see `streams.agents.contacts.HEARTBEAT_MS`."""


@contextmanager
def claim_data_directory(data: Path) -> Iterator[None]:
    """Make the data directory, see that it can be used, and keep it for us alone. Raises `OperatorError`."""
    try:
        prepare_private_directory(data)
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as error:
        raise OperatorError(
            say(
                f"the data directory {data} cannot be written ({os_error_cause(error)}): set data or ACCUEIL_DATA to another",
                f"impossible d'écrire dans le dossier {data} ({os_error_cause(error)}) : en choisir un autre (ACCUEIL_DATA)",
            )
        ) from None
    free = shutil.disk_usage(data).free
    if free < FREE_BYTES:
        room = f"{free >> 20} MiB / {FREE_BYTES >> 20} MiB"
        raise OperatorError(
            say(
                f"the disk of {data} is nearly full ({room}): make room, or set data or ACCUEIL_DATA to another directory",
                f"le disque de {data} est presque plein ({room}) : faire de la place, ou choisir un autre dossier (ACCUEIL_DATA)",
            )
        )
    with lock_data_directory(data):
        yield


def prepare_private_directory(directory: Path) -> None:
    """Make `directory` and what is missing above it, and have this process make all else for this user alone from now on.

    What is there is left as it is. Raises OSError.
    """
    os.umask(0o077)  # the directory itself may be open to others
    for path in reversed([directory, *directory.parents]):
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)


def find_warnings(settings: Settings) -> list[str]:
    """Return a line for each setting that works, but hardly as it was meant."""
    processes, partitions = settings.worker.processes, settings.partitions
    stale, told = settings.web.stale_after_seconds, 2 * (TOLD_SECONDS + settings.worker.tick_seconds)
    warnings = []
    if processes > partitions:
        warnings.append(
            say(
                f"worker.processes = {processes}, but partitions = {partitions}: "
                f"{processes - partitions} of the workers will have nothing to do",
                f"worker.processes = {processes}, mais partitions = {partitions} : "
                f"{processes - partitions} des workers n'auront rien à faire",
            )
        )
    warnings += [say(*words) for words in find_contradictions(settings)]
    if stale < told:
        warnings.append(
            say(
                f"web.stale_after_seconds = {stale:g}: a quiet worker writes less often, below {told:g} the board is stale "
                "now and then",
                f"web.stale_after_seconds = {stale:g} : un worker sans travail écrit moins souvent, au-dessous de {told:g} le "
                "tableau se dira périmé de temps en temps",
            )
        )
    return warnings


def check_port(host: str, port: int, setting: str) -> None:
    """Raise `OperatorError` if `port` cannot be listened on; `setting` (or an --option) names it. 0 stands for any free one.

    On `::` it must be free for IPv4 too, where the system serves both at once.
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
            say(
                f"port {port} on {host} cannot be had ({cause}): choose another ({settings})",
                f"le port {port} sur {host} est indisponible ({cause}) : en choisir un autre ({settings})",
            )
        ) from None


def _find_listener(port: int) -> str:
    """Return who listens on `port`, as far as we may know."""
    import psutil  # noqa: PLC0415 - slow to import, and seldom needed

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, pid {connection.pid}"
    except psutil.Error:
        pass
    return ""
