"""The example connectors in the READMEs of the SDK work."""

import hmac
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

import connectors.sdk
from connectors.sdk.testing import ConnectorHarness
from connectors.sdk.webhook.testing import OUTBOX, PushHarness

SDK = Path(connectors.sdk.__file__).parent
SECRET = "un-secret-pour-essai"


@pytest.fixture
def connector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """Connector of the README whose path below the SDK is the parameter."""
    (code,) = re.findall(r"```python\n(.*?)```", (SDK / request.param).read_text(encoding="utf-8"), re.DOTALL)
    name = f"example_{len(code)}"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module(name).CONNECTOR


@pytest.mark.parametrize("connector", ["README.md"], indirect=True)
def test_example_connector_works(connector: Any, tmp_path: Path) -> None:
    count = tmp_path / "count.csv"
    harness = ConnectorHarness(connector, {"path": str(count)}, tmp_path / "data", tmp_path / "keys")
    count.write_text("1,1773650000,in\n2,1773650060,in\nnonsense\n1,1773650600,out\n3,1773650700,lost\n")
    assert [(event.type, event.subject) for event in harness.read_all(confirm=True)] == [
        ("visit.arrived", "visit:counter/essai:1"),
        ("visit.arrived", "visit:counter/essai:2"),
        ("visit.left", "visit:counter/essai:1"),
    ]
    assert len((harness.directory / "rejects.jsonl").read_text().splitlines()) == 2
    with count.open("a") as file:
        file.write("4,1773650800,in\n")
    assert [event.subject for event in harness.read_all(confirm=True)] == ["visit:counter/essai:4"]


def sign(number: int, body: bytes) -> dict[str, str]:
    secret = "un-autre-secret" if b"forged" in body else SECRET
    return {"x-signature": hmac.digest(secret.encode(), body, "sha256").hex(), "x-delivery": f"d{number}"}


@pytest.mark.parametrize("connector", ["webhook/README.md"], indirect=True)
def test_example_webhook_connector_works(connector: Any, tmp_path: Path) -> None:
    harness = PushHarness(connector, {"port": 0, "secret": SECRET}, tmp_path, tmp_path / "keys", sign)
    (tmp_path / OUTBOX).write_text(
        r'"{\"number\": 1, \"epoch\": 1773650000, \"what\": \"in\"}"' + "\n"
        r'"{\"number\": 1, \"epoch\": 1773650600, \"what\": \"out\"}"' + "\n"
        r'"{\"number\": 2, \"epoch\": 1773650700, \"what\": \"lost\"}"' + "\n"
        r'"nonsense"' + "\n"
    )
    assert len(harness.read_all(confirm=False)) == 2
    assert [(event.type, event.subject) for event in harness.read_all(confirm=True)] == [
        ("visit.arrived", "visit:tickets/essai:1"),
        ("visit.left", "visit:tickets/essai:1"),
    ]
    assert harness.read_all(confirm=True) == []
    with (tmp_path / OUTBOX).open("a") as outbox:
        outbox.write(r'"{\"number\": 9, \"epoch\": 1773650000, \"what\": \"in\", \"forged\": 1}"' + "\n")
    with pytest.raises(AssertionError, match=r"refused for ever: \{4: 401\}"):
        harness.read_all(confirm=True)
