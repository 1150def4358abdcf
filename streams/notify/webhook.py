"""Letters as signed messages: Standard Webhooks 1.0 (https://www.standardwebhooks.com)."""

from typing import Any, Final

import httpx
import msgspec

from connectors.sdk.webhook.sender import NotTakenError, Sender
from models.instants import iso
from streams.notify.links import Links
from streams.notify.options import NotifyOptions, WebhookOptions
from streams.notify.queueing import Letter, RefusedError
from streams.notify.store import Telling
from streams.notify.telling import GoneError
from streams.notify.texts import phrase

TEST: Final = "sla.test"
DIGEST: Final = "sla.digest"
_encode: Final = msgspec.json.Encoder().encode


class WebhookCourier:
    """Posts to a receiver."""

    def __init__(self, options: WebhookOptions, common: NotifyOptions) -> None:
        self._sender = Sender(options.url, options.secret)
        self._links = Links(common.dashboard_url, common.runbook_url)
        self._fr, self._en = phrase(common, "fr"), phrase(common, "en")

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def send(self, letter: Letter) -> None:
        """Send a message, whose id is the letter's.

        Raises `NotTakenError`, `RefusedError`, and `GoneError` if the answer is 410, as the specification says.
        """
        try:
            self._sender.send(letter.id, self._write(letter))
        except NotTakenError as error:
            if error.status == httpx.codes.GONE:
                raise GoneError(str(error)) from None
            if error.for_good:
                raise RefusedError(str(error)) from None
            raise

    def _write(self, letter: Letter) -> bytes:
        tellings = letter.tellings
        both: dict[str, Any] = {
            "summary": self._fr.headline(tellings),
            "summary_en": self._en.headline(tellings),
        }
        match [self._tell(one, letter.at) for one in tellings]:
            case []:
                kind, data = TEST, both
            case [one]:
                kind, data = f"sla.{tellings[0].incident.kind}.{tellings[0].what}", one
            case several:
                kind, data = DIGEST, both | {"incidents": several}
        return _encode({"type": kind, "timestamp": iso(letter.at), "data": data})

    def _tell(self, telling: Telling, at: int) -> dict[str, Any]:
        incident = telling.incident
        return {
            "incident": incident.id,
            "what": telling.what,
            "kind": incident.kind,
            "contact": incident.contact,
            "clock": incident.clock,
            "stay": incident.number,
            "policy": incident.policy,
            "channel": incident.channel,
            "service": incident.service,
            "site": incident.site,
            "queue": incident.queue,
            "service_name": self._fr.service(incident),
            "service_name_en": self._en.service(incident),
            "promised": self._fr.promised(incident),
            "promised_en": self._en.promised(incident),
            "target": incident.target,
            "unit": incident.unit,
            "since": iso(incident.since) if incident.since else None,
            "starts_at": iso(incident.starts_at),
            "deadline_at": iso(incident.deadline_at),
            "late": incident.late,
            "ended_at": None if incident.ended_at is None else iso(incident.ended_at),
            "end": incident.end,
            "summary": self._fr.headline((telling,)),
            "description": self._fr.explain(telling, at),
            "summary_en": self._en.headline((telling,)),
            "description_en": self._en.explain(telling, at),
            **self._links.of(incident),
        }
