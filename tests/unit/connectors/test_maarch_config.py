"""What can be set, and what a mistake says."""

from typing import Any

import pytest

from connectors.maarch.config import MaarchConfig
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError

BASE = {"url": "https://courrier.example.org/mem"}


@pytest.mark.parametrize("way_in", [{"login": "accueil", "password": "secret"}, {"token": "un-jeton"}])
def test_there_are_two_ways_in(way_in: dict[str, str]) -> None:
    parse(MaarchConfig, "mem", BASE | way_in)


@pytest.mark.parametrize(
    "way_in",
    [{}, {"login": "accueil"}, {"password": "secret"}, {"login": "accueil", "password": "secret", "token": "un-jeton"}],
)
def test_there_is_one_way_in(way_in: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"^mem\.token must be given, or else login and password$"):
        parse(MaarchConfig, "mem", BASE | way_in)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"statuses": {"END": "finished"}}, "mem.statuses.END"),
        ({"statuses": {"A'B": "open"}}, "mem.statuses"),
        ({"entities": {"DAS": {"servise": "x"}}}, "mem.entities.DAS.servise"),
        ({"doctypes": {"abc": {}}}, "mem.doctypes"),
        ({"postage": {"class_field": 1, "cost_field": 2, "classes": {"x": "pigeon"}}}, "mem.postage.classes"),
        ({"timezone": "Europe/Lutece"}, "mem.timezone"),
        ({"url": "http://courrier.example.org"}, "mem.url"),
    ],
)
def test_a_mistake_names_its_key(given: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse(MaarchConfig, "mem", BASE | {"token": "un-jeton"} | given)
    assert str(refusal.value).startswith(key)
