"""Commands on the timelines of a data directory, and their audit records."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from streams.access.audit import read as read_audit
from streams.cli.main import main
from streams.core.sla.open_targets import SlaTargetsEntry
from streams.core.timeline.entries import Entry
from streams.timeline.store import Timeline

NUMBER = "+33199000001"
CASE = "case:0a1b-0000000000000000000001"


def write(data: Path, entries: Sequence[Entry], sla_entries: Sequence[SlaTargetsEntry] = ()) -> None:
    with closing(Timeline(f"sqlite:///{data / 'timeline.db'}")) as timeline:
        timeline.write(entries, sla_entries)


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=typed)


def records(data: Path) -> list[dict[str, Any]]:
    return [line.record for line in read_audit(data / "audit") if line.record and "whose" in line.record]


def recorded(data: Path) -> list[tuple[str, str, str]]:
    return [(one["operation"], one["whose"], one["why"]) for one in records(data)]
