"""What only one instance may have is refused to a second one."""

from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.config import ConnectorConfig
from connectors.sdk.exclusive_resources import ExclusiveResource, find_conflicts
from connectors.sdk.runner import configure


def clashes(*claims: ExclusiveResource) -> list[str]:
    assert [*find_conflicts(claims[:1], claims[1:])] == [*find_conflicts(claims)]
    return [*find_conflicts(claims)]


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
def test_a_port_is_one_s_at_an_address(one: str, other: str, together: bool) -> None:
    assert (
        clashes(ExclusiveResource.of_port("a.port", one, 9000), ExclusiveResource.of_port("b.port", other, 9001)) == []
    )
    found = clashes(ExclusiveResource.of_port("a.port", one, 9000), ExclusiveResource.of_port("b.port", other, 9000))
    assert found == ([] if together else ["a.port and b.port listen on the same port"])


def test_a_file_is_one_s_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "queue_log")
    same = (
        ExclusiveResource.of_path("a.path", tmp_path / "queue_log"),
        ExclusiveResource.of_path("b.path", tmp_path / "x" / ".." / "link"),
    )
    assert clashes(*same) == ["a.path and b.path are the same file or folder"]
    assert clashes(same[0], ExclusiveResource.of_path("b.path", tmp_path / "queue_log.1")) == []


def test_paths_of_options_are_claimed_but_not_those_of_secrets_and_authorities() -> None:
    class Folders(ConnectorConfig):
        inbox: Path
        """In."""
        archive: Path | None = None
        """Out."""
        ca_file: Path | None = None
        """An authority."""

    config = Folders(inbox=Path("/a"), ca_file=Path("/b"))
    assert [claim.setting for claim in config.exclusive_resources()] == ["inbox"]
    config = Folders(inbox=Path("/a"), archive=Path("/b"))
    assert [claim.setting for claim in config.exclusive_resources()] == ["inbox", "archive"]


def test_a_mailbox_is_one_s_by_folder() -> None:
    def claims(**more: Any) -> list[ExclusiveResource]:
        options = {
            "host": "mail.example.org",
            "username": "mdph",
            "addresses": {"mdph@example.org": {}},
            "password": "x",
        }
        return [*configure("mdph", "imap", options | more).config.exclusive_resources()]

    assert clashes(*claims(), *claims(folders=["Archives"])) == []
    assert clashes(*claims(), *claims(username="accueil")) == []
    assert clashes(*claims(), *claims(host="MAIL.example.org", folders=["Archives", "inbox"])) == [
        "folders and folders are the same folder of a mailbox"
    ]
