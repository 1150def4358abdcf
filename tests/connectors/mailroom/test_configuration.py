"""Configuration errors of the mailroom connector."""

from pathlib import Path

import pytest

from connectors.mailroom.config import MailroomConfig
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError
from tests.support.mailroom_harness import configuration


@pytest.mark.parametrize(
    "form", ["D{year}", "{number}{number}", "{number:,}", "{year}-{number:06}", "{number.real}", "{"]
)
def test_departures_without_distinct_numbers_are_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(ConfigError, match=r"^essai\.departures.* must "):
        parse(MailroomConfig, "essai", configuration(tmp_path) | {"departures": [form]})


@pytest.mark.parametrize("archive", ["inbox", "inbox/archive", ".", "link/archive"])
def test_overlapping_folders_are_refused(tmp_path: Path, archive: str) -> None:
    options = configuration(tmp_path) | {"archive": str(tmp_path / archive)}
    (tmp_path / "link").symlink_to(tmp_path / "inbox")
    with pytest.raises(ConfigError, match=r"^essai\.archive "):
        parse(MailroomConfig, "essai", options)


@pytest.mark.parametrize(
    "form", ["{number}", "{year}", "{year}-{month}", "{year.__class__}{number}", "{", "{year}{number}" * 40]
)
def test_chrono_without_year_or_number_is_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(ConfigError, match=r"^essai\.chrono must contain"):
        parse(MailroomConfig, "essai", configuration(tmp_path) | {"chrono": form})
