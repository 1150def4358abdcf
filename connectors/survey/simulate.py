"""Simulator of a survey tool, which posts invitations and answers by signed webhook.

Answers have the format of Formbricks' `responseFinished` (https://formbricks.com/docs, "Webhooks"). Formbricks itself sends no
invitations; these have the format of the README's example.
"""

import json
import uuid
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr

from connectors.sdk.webhook.sender import Sender
from connectors.survey.reference import ContactReferences
from models.timestamps import milliseconds, to_iso

SURVEY: Final = "clsatisfaction00accueil"
QUESTION: Final = "satisfaction"
COMMENT: Final = "commentaire"
REFERENCE: Final = "ref"
NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:accueil:simulate:survey")
TYPES: Final = {
    "invitationSent": {"event": "feedback.invited", "id": "data.id", "time": "data.sentAt", "reference": "data.ref"},
    "responseFinished": {
        "event": "feedback.given",
        "id": "data.id",
        "time": "data.updatedAt",
        "reference": f"data.data.{REFERENCE}",
        "scores": {"csat_1_5": f"data.data.{QUESTION}"},
    },
}
"""Value of the connector's option `types` for these messages; its option `type` is `event`."""


class SurveyTool:
    """Posts to the connector at `url`, signed with `secret`; `references` makes the references in survey links."""

    def __init__(self, url: str, secret: SecretStr, references: ContactReferences) -> None:
        self._sender = Sender(url, secret)
        self._references = references

    def invite(self, contact: str, at: datetime, invitation: str) -> None:
        """Post an invitation about a contact. `invitation` is the tool's own id. Raises `NotAcceptedError`."""
        self._send(write_invitation(invitation, at, self._references.make(contact)))

    def answer(self, contact: str | None, at: datetime, response: str, score: int, comment: str = "") -> None:
        """Post an answer with a score and an optional comment; `response` is the tool's own id. Raises `NotAcceptedError`.

        Without a contact, the link contained no reference.
        """
        reference = {REFERENCE: self._references.make(contact)} if contact else {}
        answers = {QUESTION: score, **({COMMENT: comment} if comment else {}), **reference}
        self._send(write_response(response, at, answers))

    def close(self) -> None:
        """Close the connection."""
        self._sender.close()

    def _send(self, body: bytes) -> None:
        self._sender.send(f"msg_{uuid.uuid5(NAMESPACE, body.decode())}", body)


def write_invitation(native: str, at: datetime, reference: str) -> bytes:
    """Return the body of an invitation message."""
    data = {"id": native, "sentAt": _format_time(at), "ref": reference}
    return json.dumps({"event": "invitationSent", "data": data}).encode()


def write_response(native: str, at: datetime, answers: dict[str, Any]) -> bytes:
    """Return the body of an answer message; `answers` are by question id or hidden field."""
    data: dict[str, Any] = {
        "createdAt": _format_time(at),
        "data": answers,
        "finished": True,
        "id": native,
        "language": "fr",
        "meta": {"url": f"https://enquetes.example.org/s/{SURVEY}", "userAgent": {"device": "mobile"}},
        "surveyId": SURVEY,
        "updatedAt": _format_time(at),
    }
    body = {"webhookId": "clwebhook00accueil", "event": "responseFinished", "data": data}
    return json.dumps(body, ensure_ascii=False).encode()


def _format_time(at: datetime) -> str:
    return to_iso(milliseconds(at))
