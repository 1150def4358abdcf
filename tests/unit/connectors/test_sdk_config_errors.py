"""Configuration errors name the option, and are translated from pydantic's messages."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

import pytest
from pydantic import Field

from connectors.sdk import registry
from connectors.sdk.config import ConnectorConfig, parse
from connectors.sdk.config_errors import format_key_path
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
                yield from invalid_variants(model, given)


def invalid_variants(model: Any, given: dict[str, Any]) -> list[str]:
    try:
        parse(model, "essai", given)
    except ConfigError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize("connector", registry.names())
def test_errors_are_in_french(connector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    messages = set(refusals(connector))
    assert len(messages) > 20
    assert all(line.startswith("essai") for line in messages)
    assert [line for line in messages if any(word in line for word in PYDANTIC)] == []


class Lines(ConnectorConfig):
    lines: dict[Annotated[str, Field(pattern="^[0-9]+$")], Annotated[str, Field(max_length=3)]]
    """Numbers, each with its line."""
    kind: Annotated[str, Field(pattern="^a$")] | Annotated[str, Field(max_length=1)] = "a"
    """Kind."""


def test_errors_with_the_same_path_are_all_named() -> None:
    assert invalid_variants(Lines, {"lines": {"x": "long"}, "kind": "bb"}) == [
        "essai.lines.x must match ^[0-9]+$",
        "essai.lines.x has more than 3 characters",
        "essai.kind.constrained-str must match ^a$",
        "essai.kind.constrained-str has more than 1 characters",
    ]


def test_list_items_are_numbered_from_1_and_shown_with_their_name() -> None:
    given = {"queues": [{}, {"name": "rsa", "hours": [1, 2]}], "2": {"name": "x"}}
    assert format_key_path(("queues", 0, "hours"), given) == "queues #1.hours"
    assert format_key_path(("queues", 1, "hours", 1), given) == "queues #2 (rsa).hours #2"
    assert format_key_path(("queues", 2, "hours", 1)) == "queues #3.hours #2"
    assert format_key_path(("2", "name"), given) == "2.name"
    assert format_key_path(("queues", "", "hours")) == 'queues."".hours'
    assert format_key_path(("dids", "02 61 91 00 00", "line")) == 'dids."02 61 91 00 00".line'
