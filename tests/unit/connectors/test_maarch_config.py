"""Settings of the Maarch connector and their error messages."""

from typing import Any

import pytest

from connectors.maarch.config import MaarchConfig
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError

BASE = {"url": "https://courrier.example.org/mem"}


@pytest.mark.parametrize(
    "credentials",
    [{}, {"login": "accueil"}, {"password": "secret"}, {"login": "accueil", "password": "secret", "token": "un-jeton"}],
)
def test_exactly_one_kind_of_credentials_is_required(credentials: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"^mem\.token set either this or login and password$"):
        parse(MaarchConfig, "mem", BASE | credentials)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"statuses": {"END": "finished"}}, "mem.statuses.END"),
        ({"statuses": {"A'B": "open"}}, "mem.statuses"),
        ({"url": "http://courrier.example.org"}, "mem.url"),
    ],
)
def test_invalid_setting_is_named(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse(MaarchConfig, "mem", BASE | {"token": "un-jeton"} | settings)
    assert str(refusal.value).startswith(key)
