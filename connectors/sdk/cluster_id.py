"""Id of the Kafka cluster that an instance publishes to, saved next to the instance's position.

A position is valid for one cluster only. A new or newly formatted cluster lacks the events before the position.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from connectors.sdk.attempts import has_worked
from connectors.sdk.files import make_private_directory, replace
from connectors.sdk.instance import Instance
from connectors.sdk.reread import find_position_files, mark

FILE: Final = "cluster.json"
"""File with the id, in the instance's directory."""


def mark_lost_positions(instances: Iterable[Instance], directory: Path) -> None:
    """Mark the start of a reread for each instance that has read its source but has no position file left.

    Sources that send each record once have no such file, and are left out. `directory` contains the data of all connectors.
    """
    for instance in instances:
        context = instance.context(directory, lasting=False)
        has_read = instance.connector.position_files(instance.config) and has_worked(context.directory)
        if has_read and not find_position_files(instance, context):
            mark(context.directory)


def find_other_cluster(instances: Iterable[Instance], directory: Path, cluster: str) -> list[Instance]:
    """Return the instances whose events before the position are in another cluster; save `cluster` for all others.

    Sources that send each record once, or that were never read, have no such position. `directory` contains the data of all
    connectors.
    """
    elsewhere = []
    for instance in instances:
        context = instance.context(directory, lasting=False)
        known = _read(context.directory)
        if known not in {"", cluster} and find_position_files(instance, context):
            elsewhere.append(instance)
        elif known != cluster:
            make_private_directory(context.directory)
            replace(context.directory / FILE, json.dumps({"cluster": cluster}).encode())
    return elsewhere


def is_elsewhere(home: Path, cluster: str) -> bool | None:
    """Return whether the events of the instance in `home` are in another cluster than `cluster`; None without a readable id."""
    known = _read(home)
    return known != cluster if known else None


def _read(home: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((home / FILE).read_bytes())["cluster"])
    return ""
