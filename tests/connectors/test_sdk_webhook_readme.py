"""The connector in the SDK's README of webhooks is a connector."""

import hmac
import importlib
import re
from pathlib import Path

import pytest

import connectors.sdk.webhook
from connectors.sdk.webhook.testing import OUTBOX, PushHarness

README = Path(connectors.sdk.webhook.__file__).with_name("README.md")
SECRET = "un-secret-pour-essai"


def sign(number: int, body: bytes) -> dict[str, str]:
    secret = "un-autre-secret" if b"forged" in body else SECRET
    return {"x-signature": hmac.digest(secret.encode(), body, "sha256").hex(), "x-delivery": f"d{number}"}


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "tickets.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    connector = importlib.import_module("tickets").CONNECTOR
    harness = PushHarness(connector, {"port": 0, "secret": SECRET}, tmp_path, tmp_path / "keys", sign)
    (tmp_path / OUTBOX).write_text(
        r'"{\"number\": 1, \"epoch\": 1773650000, \"what\": \"in\"}"' + "\n"
        r'"{\"number\": 1, \"epoch\": 1773650600, \"what\": \"out\"}"' + "\n"
        r'"{\"number\": 2, \"epoch\": 1773650700, \"what\": \"lost\"}"' + "\n"
        r'"nonsense"' + "\n"
    )
    assert len(harness.read_all(confirm=False)) == 2
    events = harness.read_all(confirm=True)
    assert [(event.type, event.subject) for event in events] == [
        ("visit.arrived", "visit:tickets/essai:1"),
        ("visit.left", "visit:tickets/essai:1"),
    ]
    assert harness.read_all(confirm=True) == []
    with (tmp_path / OUTBOX).open("a") as outbox:
        outbox.write(r'"{\"number\": 9, \"epoch\": 1773650000, \"what\": \"in\", \"forged\": 1}"' + "\n")
    with pytest.raises(AssertionError, match=r"refused for ever: \{4: 401\}"):
        harness.read_all(confirm=True)
