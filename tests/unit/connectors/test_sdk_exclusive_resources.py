"""Exclusive resources are refused to a second instance."""

from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.config import ConnectorConfig
from connectors.sdk.exclusive_resources import ExclusiveResource, find_conflicts
from connectors.sdk.runner import configure


def conflicts(*resources: ExclusiveResource) -> list[str]:
    assert [*find_conflicts(resources[:1], resources[1:])] == [*find_conflicts(resources)]
    return [*find_conflicts(resources)]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("127.0.0.1", "127.0.0.1", False),
        ("localhost", "127.0.0.1", False),
        ("0.0.0.0", "192.0.2.1", False),
        ("::", "127.0.0.1", False),
        ("192.0.2.1", "192.0.2.2", True),
        ("127.0.0.1", "::1", True),
    ],
)
def test_port_is_exclusive_per_address(one: str, other: str, together: bool) -> None:
    first, *others = (
        ExclusiveResource.of_port(*port) for port in (("a.port", one, 1), ("b.port", other, 1), ("c", other, 2))
    )
    assert conflicts(first, others[0]) == ([] if together else ["a.port and b.port listen on the same port"])
    assert conflicts(first, others[1]) == []


def test_file_is_exclusive_under_all_its_names(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "queue_log")
    same = (
        ExclusiveResource.of_path("a.path", tmp_path / "queue_log"),
        ExclusiveResource.of_path("b.path", tmp_path / "x" / ".." / "link"),
    )
    assert conflicts(*same) == ["a.path and b.path are the same file or folder"]
    assert conflicts(same[0], ExclusiveResource.of_path("b.path", tmp_path / "queue_log.1")) == []


def test_paths_are_exclusive_except_files_of_secrets_and_certificates() -> None:
    class Folders(ConnectorConfig):
        inbox: Path
        """Input directory."""
        archive: Path | None = None
        """Output directory."""
        ca_file: Path | None = None
        """Certificate of an authority."""

    config = Folders(inbox=Path("/a"), ca_file=Path("/b"))
    assert [resource.setting for resource in config.exclusive_resources()] == ["inbox"]
    config = Folders(inbox=Path("/a"), archive=Path("/b"))
    assert [resource.setting for resource in config.exclusive_resources()] == ["inbox", "archive"]


def test_mailbox_is_exclusive_per_folder() -> None:
    def resources(**more: Any) -> list[ExclusiveResource]:
        options = {
            "host": "mail.example.org",
            "username": "mdph",
            "addresses": {"mdph@example.org": {}},
            "password": "x",
        }
        return [*configure("mdph", "imap", options | more).config.exclusive_resources()]

    assert conflicts(*resources(), *resources(folders=["Archives"])) == []
    assert conflicts(*resources(), *resources(username="accueil")) == []
    assert conflicts(*resources(), *resources(host="MAIL.example.org", folders=["Archives", "inbox"])) == [
        "folders and folders are the same folder of a mailbox"
    ]
