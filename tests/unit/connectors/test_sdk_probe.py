"""Probe of a source, for `accueil connectors check`."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from connectors.sdk.config import ConnectorConfig
from connectors.sdk.contract import Connector, Context, Outcome
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.instance import Instance
from connectors.sdk.probe import probe


def fail(config: ConnectorConfig, context: Context) -> Sequence[Outcome]:
    raise ValueError("a secret value")


def test_defect_is_reported_without_its_text(tmp_path: Path) -> None:
    connector = Connector("desk", ConnectorConfig, open=fail, probe=fail)  # type: ignore[arg-type]
    with pytest.raises(SourceUnavailableError, match=r"^ValueError at test_sdk_probe\.py:\d+$"):
        probe(Instance("a", connector, ConnectorConfig()), tmp_path)
