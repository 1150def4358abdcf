"""The connector in the SDK's README is a connector."""

import importlib
import re
from pathlib import Path

import pytest

import connectors.sdk
from connectors.sdk.testing import ConnectorHarness

README = Path(connectors.sdk.__file__).with_name("README.md")


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "counter.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    connector = importlib.import_module("counter").CONNECTOR
    count = tmp_path / "count.csv"
    harness = ConnectorHarness(connector, {"path": str(count)}, tmp_path / "data", tmp_path / "keys")
    count.write_text("1,1773650000,in\n2,1773650060,in\nnonsense\n1,1773650600,out\n3,1773650700,lost\n")
    events = harness.read_all(confirm=True)
    assert [(event.type, event.subject) for event in events] == [
        ("visit.arrived", "visit:counter/essai:1"),
        ("visit.arrived", "visit:counter/essai:2"),
        ("visit.left", "visit:counter/essai:1"),
    ]
    assert len((harness.directory / "rejects.jsonl").read_text().splitlines()) == 2
    with count.open("a") as file:
        file.write("4,1773650800,in\n")
    assert [event.subject for event in harness.read_all(confirm=True)] == ["visit:counter/essai:4"]
