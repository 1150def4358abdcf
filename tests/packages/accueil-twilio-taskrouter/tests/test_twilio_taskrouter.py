"""Conformance tests of the connector twilio_taskrouter, over HTTP."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from connectors.sdk.webhook.testing import PushConformance

import accueil_twilio_taskrouter
from accueil_twilio_taskrouter.source import sign

URL = "https://accueil.example.org/twilio?workspace=1"
TOKEN = "12345"
PERSONAL = ("0639985511", "0639985512", "Mireille.Exemple", "WK00000000000000000000000000000007")
BEGIN_MS = 1_773_650_000_000


def callback(number: int, minute: int, kind: str, **more: str) -> bytes:
    """Return a callback about the call `number`."""
    attributes = {"call_sid": f"CA{number:032x}", "from": PERSONAL[number % 2], "name": PERSONAL[2]}
    form = {
        "EventType": kind,
        "Sid": f"EV{number * 100 + minute:032x}",
        "TaskSid": f"WT{number:032x}",
        "TaskQueueName": "Accueil général",
        "TaskAge": str(minute * 60),
        "TaskAttributes": json.dumps(attributes),
        "TimestampMs": str(BEGIN_MS + (number + minute) * 60_000),
        "EventDescription": PERSONAL[2],
    }
    return urlencode(form | more).encode()


def calls() -> list[bytes]:
    """Return one morning's callbacks, among them invalid ones with personal data."""
    callbacks = []
    for number in range(20):
        callbacks.append(callback(number, 0, "task.created"))
        callbacks.append(callback(number, 1, "task-queue.entered"))
        if number % 4 == 1:
            callbacks.append(
                callback(number, 3, "task.canceled", TaskCanceledReason="hangup" if number % 8 == 1 else "")
            )
        else:
            callbacks.append(callback(number, 2, "reservation.accepted", WorkerSid=PERSONAL[3], WorkerName=PERSONAL[2]))
            callbacks.append(callback(number, 7, "task.completed"))
    callbacks[30:30] = [
        callback(90, 1, "task-queue.entered", TaskQueueName=PERSONAL[2]),
        callback(91, 1, "task-queue.entered", TaskSid=PERSONAL[0]),
        callback(92, 1, "task-queue.entered", TimestampMs=PERSONAL[0]),
        callback(93, 1, "task-queue.entered", TaskAttributes="{" + PERSONAL[2]),
        callback(94, 1, "task-queue.entered", TaskAttributes="[" * 30_000),
        callback(95, 1, "task-queue.entered", TaskAttributes="{}"),
        "EventType=Mireille.Exempl\xe9".encode("latin-1"),
    ]
    return callbacks


class TestTwilioTaskrouter(PushConformance):
    """Run the conformance suite of the SDK."""

    connector = accueil_twilio_taskrouter.CONNECTOR
    readme = Path(__file__).parents[1] / "README.md"
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return {"port": 0, "url": URL, "auth_token": TOKEN, "queues": {"Accueil général": "accueil"}}

    def bodies(self) -> Sequence[bytes]:
        return calls()

    def headers(self, number: int, body: bytes) -> Mapping[str, str]:
        form = "application/x-www-form-urlencoded"
        return {"X-Twilio-Signature": sign(URL, TOKEN.encode(), body), "Content-Type": form}


def test_signature_is_the_one_of_twilio() -> None:
    """An example that several other libraries test with."""
    form = {
        "CallSid": "CA1234567890ABCDE",
        "From": "+12349013030",
        "To": "+18005551212",
        "Caller": "+12349013030",
        "Digits": "1234",
    }
    signature = sign("https://mycompany.com/myapp.php?foo=1&bar=2", TOKEN.encode(), urlencode(form).encode())
    assert signature == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
