"""Configuration, its documentation, and the texts of errors."""

import errno
import os
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SecretStr

from connectors.sdk import docs
from connectors.sdk.config import ConnectorConfig, Options, parse, table
from connectors.sdk.errors import (
    ConfigError,
    SourceMisconfiguredError,
    SourceUnavailableError,
    safe_error_text,
    source_error,
)
from connectors.sdk.runner import configure


class Inner(Options):
    """A nested table."""

    port: int = 993
    """Port of the server."""


class Config(ConnectorConfig):
    """A mailbox."""

    server: str
    """Host of the server."""
    password: SecretStr = SecretStr("")
    """Password of the server."""
    folders: dict[str, Inner] = Field(default_factory=dict)
    """Folders to read."""


class TestConfig:
    def test_secret_can_be_given_as_file_or_variable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "secret").write_text("from-file\n")
        monkeypatch.setenv("MAILBOX_SECRET", "from-variable")
        for given, secret in (
            ({"password": "plain"}, "plain"),
            ({"password_file": str(tmp_path / "secret")}, "from-file"),
            ({"password_env": "MAILBOX_SECRET"}, "from-variable"),
        ):
            config = parse(Config, "mail", {"server": "mail.example.org", **given})
            assert isinstance(config, Config)
            assert config.password.get_secret_value() == secret
            assert secret not in repr(config)

    @pytest.mark.parametrize(
        ("given", "complaint"),
        [
            ({"password_file": "/no/such/file"}, r"mail \(password_file\) /no/such/file is not there"),
            ({"password_env": "NO_SUCH_VARIABLE"}, r"mail \(password_env\) the variable NO_SUCH_VARIABLE is not set"),
            (
                {"folders": {"inbox": {"prot": 1}}},
                r"mail\.folders\.inbox\.prot is unknown; did you mean mail\.folders\.inbox\.port\?",
            ),
            ({"server_file": "x"}, r"mail\.server_file is unknown"),
        ],
    )
    def test_error_names_the_option(self, given: dict[str, Any], complaint: str) -> None:
        with pytest.raises(ConfigError, match=complaint):
            parse(Config, "mail", {"server": "mail.example.org", **given})

    def test_each_error_has_its_own_line(self) -> None:
        with pytest.raises(ConfigError) as refusal:
            parse(Config, "mail", {"a": 1, "b": 2})
        assert str(refusal.value).splitlines() == [
            "mail.server is missing",
            "mail.a is unknown",
            "mail.b is unknown",
        ]

    def test_option_without_a_description_raises(self) -> None:
        with pytest.raises(TypeError, match="Bare: no description of port"):
            type("Bare", (ConnectorConfig,), {"__annotations__": {"port": int}, "__module__": __name__})


class Kind(StrEnum):
    LETTER = "letter"
    PARCEL = "parcel"


class Everything(ConnectorConfig):
    """Options of every kind."""

    path: Path
    """A file."""
    kind: Kind = Kind.LETTER
    """A choice."""
    limit: int | None = None
    """A limit."""
    ratio: float = 0.5
    """A share."""
    strict: bool = True
    """A switch."""
    kinds: tuple[Kind, ...] = (Kind.LETTER,)
    """Choices."""
    main: Inner = Inner()
    """A table."""
    others: tuple[Inner, ...] = ()
    """Tables."""


class TestTable:
    def test_every_type_has_a_name_in_both_languages(self) -> None:
        english, french = (table(Everything, language).splitlines()[2:] for language in ("en", "fr"))  # type: ignore[arg-type]
        assert english == [
            "| `path` | path | *required* | A file. |",
            '| `kind` | `letter`, `parcel` | `"letter"` | A choice. |',
            "| `limit` | whole number |  | A limit. |",
            "| `ratio` | number | `0.5` | A share. |",
            "| `strict` | true or false | `true` | A switch. |",
            '| `kinds` | list | `["letter"]` | Choices. |',
            "| `main` | table | `{}` | A table. |",
            "| `main.port` | whole number | `993` | Port of the server. |",
            "| `others` | list | `[]` | Tables. |",
            "| `others[].port` | whole number | `993` | Port of the server. |",
        ]
        assert french[0] == "| `path` | chemin | *obligatoire* | A file. |", "no catalogue has this description"
        assert french[3:5] == [
            "| `ratio` | nombre | `0.5` | A share. |",
            "| `strict` | true ou false | `true` | A switch. |",
        ]

    def test_table_is_written_between_the_two_markers_only(self, tmp_path: Path) -> None:
        readme = tmp_path / "README.md"
        readme.write_text(f"above\n\n{docs.BEGIN}\nan older table\n{docs.END}\n\nbelow\n")
        assert docs.update(readme, Config, "en")
        assert not docs.update(readme, Config, "en")
        assert readme.read_text() == f"above\n\n{docs.BEGIN}\n\n{table(Config)}\n\n{docs.END}\n\nbelow\n"
        readme.write_text("no markers")
        with pytest.raises(ConfigError, match=r"README\.md has no markers for the table"):
            docs.update(readme, Config, "en")


def test_instance_name_cannot_leave_the_data_directory() -> None:
    with pytest.raises(ConfigError, match=r"'\.\./siege': a connector's name must match"):
        configure("../siege", "asterisk", {"path": "x"})


def test_safe_error_text_contains_no_value() -> None:
    assert safe_error_text(ValueError("0639980000")) == "ValueError at ?"
    assert safe_error_text(ConfigError("a.b is unknown")) == "a.b is unknown"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, SourceMisconfiguredError),
        (errno.ENOTDIR, SourceMisconfiguredError),
        (errno.EISDIR, SourceMisconfiguredError),
        (errno.EACCES, SourceMisconfiguredError),
        (errno.EIO, SourceUnavailableError),
        (errno.ESTALE, SourceUnavailableError),
        (errno.ENOSPC, SourceUnavailableError),
    ],
)
def test_type_of_an_os_error_shows_a_wrong_configuration(number: int, kind: type[SourceUnavailableError]) -> None:
    raised = source_error(OSError(number, os.strerror(number)), "queue_log")
    assert type(raised) is kind
    assert str(raised).startswith("queue_log")
