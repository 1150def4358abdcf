"""The settings shown in the connectors' READMEs."""

import re
import tomllib
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import connectors
from connectors.sdk.config import parse
from connectors.sdk.registry import load
from tests.support.webhooks import SECRET

PAGES = sorted(Path(connectors.__path__[0]).glob("*/README*.md"))


def with_secrets(options: dict[str, Any]) -> dict[str, Any]:
    """Replace the paths of secret files by a secret."""
    replaced = {}
    for name, value in options.items():
        if re.search("(password|secret|token)_file$", name):
            replaced[name.removesuffix("_file")] = SECRET
        else:
            replaced[name] = with_secrets(value) if isinstance(value, dict) else value
    return replaced


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_settings_of_a_readme_are_valid(page: Path) -> None:
    for block in re.findall(r"^ *```toml\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for instance, options in tomllib.loads(dedent(block)).get("connectors", {}).items():
            if kind := options.pop("connector", None):
                parse(load(kind).config, instance, with_secrets(options))
