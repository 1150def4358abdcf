"""What is said of a wrong option, whichever it is: its name, and nothing that is only pydantic's own and in English."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from connectors.sdk import registry
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError

VALUES = (
    "",
    "x y",
    "a" * 300,
    -1,
    10**12,
    1.5,
    float("nan"),
    True,
    [],
    [""],
    {},
    {"a": 1},
    {"": {}},
    None,
    date(2026, 3, 16),
)
PYDANTIC = (" should ", "Input", "String", "Value")


def refusals(connector: str) -> Iterator[str]:
    model = registry.load(connector).config
    for name in model.model_fields:
        for value in VALUES:
            for given in ({name: value}, {name: {"a": value}}, {name: [value]}):
                yield from mistakes(model, given)


def mistakes(model: Any, given: dict[str, Any]) -> list[str]:
    try:
        parse(model, "essai", given)
    except ConfigError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize("connector", registry.names())
def test_a_mistake_is_told_in_french(connector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    told = set(refusals(connector))
    assert len(told) > 20
    assert all(line.startswith("essai") for line in told)
    assert [line for line in told if any(word in line for word in PYDANTIC)] == []
