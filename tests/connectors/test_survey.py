"""Survey connector over HTTP, with messages in the format of Formbricks."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

import connectors.survey as survey
from connectors.sdk.testing import ConnectorHarness
from connectors.sdk.webhook.testing import PushConformance
from connectors.survey.simulate import SurveyTool
from tests.support.surveys import BEGIN, CALL, FOREIGN, OPTIONS, REFERENCES, answer, invitation
from tests.support.webhooks import SECRET, running_connector, sign

PERSONAL = ("Mireille Exemple", "mireille.exemple@example.org", "06 39 98 55 11", "on m'a raccroché au nez")


def messages() -> list[bytes]:
    """Return invitations and answers, among them invalid ones with personal data."""
    name, address, number, comment = PERSONAL
    bodies = []
    for n in range(25):
        reference = REFERENCES.make(f"call:asterisk/siege:1773648000.{n}")
        bodies += [
            invitation(f"clinvitation{n}", n, reference),
            answer(f"clresponse{n}", n + 3, 1 + n % 5, reference, commentaire=f"{comment}, {name}", telephone=number),
        ]
    bodies[20:20] = [
        b"not json " + number.encode(),
        answer(number, 3, 4, commentaire=comment),
        answer(address, 4, 5),
        answer("clresponse900", 5, 4, FOREIGN.make(CALL)),
        answer("clresponse901", 6, 4, address),
        answer("clresponse902", 7, 11, commentaire=name),
        answer("clresponse903", 8, comment),
        json.dumps({"event": "testEndpoint", "contact": address}).encode(),
        json.dumps({"event": name}).encode(),
    ]
    return bodies


class TestConformance(PushConformance):
    connector = survey.CONNECTOR
    readme = Path(survey.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return OPTIONS

    def bodies(self) -> Sequence[bytes]:
        return messages()

    def headers(self, number: int, body: bytes) -> Mapping[str, str]:
        return sign(f"msg_{number}_{len(body)}", body)


def test_invitations_and_answers_are_published(tmp_path: Path) -> None:
    connector = ConnectorHarness(survey.CONNECTOR, OPTIONS, tmp_path / "data", tmp_path / "keys")
    with (
        running_connector(connector) as (url, events),
        closing(SurveyTool(url, SecretStr(SECRET), REFERENCES)) as tool,
    ):
        tool.invite(CALL, BEGIN, "invitation-1")
        tool.answer(CALL, BEGIN + timedelta(minutes=3), "response-1", 5, "merci")
        tool.answer(CALL, BEGIN + timedelta(minutes=3), "response-1", 5, "merci")
        tool.answer(None, BEGIN, "response-2", 1)
        assert [(event.type, event.subject.partition(":")[0]) for event in events] == [
            ("feedback.invited", "call"),
            ("feedback.given", "call"),
            ("feedback.given", "feedback"),
        ]
