"""Harness of the mailroom connector with its folders in one directory."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import connectors.mailroom as mailroom
import connectors.mailroom.source
import connectors.sdk.folder.inbox
import connectors.sdk.folder.source
from connectors.sdk.testing import ConnectorHarness
from models.events import Event

SERVICES = {"Direction de l'enfance": "enfance", "Routes": "routes"}


def configuration(directory: Path) -> dict[str, Any]:
    (directory / "inbox").mkdir(parents=True, exist_ok=True)
    return {
        "inbox": str(directory / "inbox"),
        "archive": str(directory / "archive"),
        "settle_seconds": 0,
        "pair_seconds": 0,
        "page_seconds": 2,
        "service": "accueil",
        "services": SERVICES,
    }


class MailroomHarness:
    """Mailroom connector with inbox and archive in a directory."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.inbox, self.archive = directory / "inbox", directory / "archive"
        self.options = configuration(directory) | options
        self.harness = ConnectorHarness(mailroom.CONNECTOR, self.options, directory / "data", directory / "keys")

    def read(self) -> list[Event]:
        return self.harness.read_all(confirm=True)

    def rejected(self) -> dict[str, str]:
        """Return reason and detail of each rejection, by the first file name."""
        found = {}
        for report in self.archive.glob("rejected/*/*.json"):
            reason = json.loads(report.read_text())
            assert reason["reason"] == report.parent.name
            name = min(path.name for path in report.with_suffix("").iterdir())
            found[name] = f"{reason['reason']}: {reason['detail']}"
        return found

    def done(self) -> list[str]:
        return sorted(path.name for path in self.archive.glob("done/*/*/*"))


def set_clock(monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace) -> None:
    for module in (connectors.sdk.folder.inbox, connectors.sdk.folder.source):
        monkeypatch.setattr(module, "time", clock)
