"""Messages as signed webhooks: Standard Webhooks 1.0 (https://www.standardwebhooks.com)."""

from typing import Any, Final

import httpx
import msgspec

from connectors.sdk.webhook.sender import NotAcceptedError, Sender
from models.timestamps import to_iso
from streams.notify.delivery_thread import GoneError
from streams.notify.digest_delivery import OutgoingMessage, RefusedError
from streams.notify.options import NotifyOptions, WebhookOptions
from streams.notify.store import Notice
from streams.notify.texts import make_incident_formatter

TEST: Final = "sla.test"
DIGEST: Final = "sla.digest"
_encode: Final = msgspec.json.Encoder().encode


class WebhookTransport:
    """Post messages to a receiver."""

    def __init__(self, options: WebhookOptions, common: NotifyOptions) -> None:
        self._sender = Sender(options.url, options.secret)
        self._links_of = common.settings.links_of
        self._fr, self._en = make_incident_formatter(common, "fr"), make_incident_formatter(common, "en")

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def send(self, outgoing: OutgoingMessage) -> None:
        """Send a message. Raises `GoneError` (status 410, as specified), `RefusedError` (permanent) or `NotAcceptedError`."""
        try:
            self._sender.send(outgoing.id, self._write(outgoing))
        except NotAcceptedError as error:
            if error.status == httpx.codes.GONE:
                raise GoneError(str(error)) from None
            if error.for_good:
                raise RefusedError(str(error)) from None
            raise

    def _write(self, outgoing: OutgoingMessage) -> bytes:
        notices = outgoing.notices
        both: dict[str, Any] = {
            "summary": self._fr.headline(notices),
            "summary_en": self._en.headline(notices),
        }
        match [self._make_data(notice, outgoing.at) for notice in notices]:
            case []:
                kind, data = TEST, both
            case [single]:
                kind, data = f"sla.{notices[0].incident.kind}.{notices[0].what}", single
            case several:
                kind, data = DIGEST, both | {"incidents": several}
        return _encode({"type": kind, "timestamp": to_iso(outgoing.at), "data": data})

    def _make_data(self, notice: Notice, at: int) -> dict[str, Any]:
        incident = notice.incident
        return {
            "incident": incident.id,
            "what": notice.what,
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
            "promised": self._fr.describe_target(incident),
            "promised_en": self._en.describe_target(incident),
            "target": incident.target,
            "unit": incident.unit,
            "since": to_iso(incident.since) if incident.since else None,
            "starts_at": to_iso(incident.starts_at),
            "deadline_at": to_iso(incident.deadline_at),
            "late": incident.late,
            "ended_at": None if incident.ended_at is None else to_iso(incident.ended_at),
            "end": incident.end,
            "summary": self._fr.headline((notice,)),
            "description": self._fr.explain(notice, at),
            "summary_en": self._en.headline((notice,)),
            "description_en": self._en.explain(notice, at),
            **self._links_of(incident),
        }
