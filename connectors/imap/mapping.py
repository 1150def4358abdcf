"""What a message means, once it is sorted."""

from collections.abc import Callable
from typing import Any, Final

from connectors.imap.config import ImapConfig, Routing
from connectors.imap.mail import Mail, MailKind, encode
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.i18n import say
from connectors.sdk.pseudonyms import join
from models.events import EmailAcknowledged, EmailAnswered, EmailReceived, EmailReceivedData
from models.identities import IdentityKind, PseudonymKey
from models.ids import contact_id, event_id
from models.reasons import Reason
from models.topics import Channel

MOST_PEOPLE: Final = 8
_ELSEWHERE: Final = Routing()


class MailMapping:
    """Maps messages, each for itself."""

    def __init__(self, source: str, config: ImapConfig, pseudonym_key: Callable[[str], PseudonymKey]) -> None:
        self._source = source
        self._config = config
        sectors = {config.sector, *(place.sector for place in config.addresses.values() if place.sector)}
        self._keys = {sector: pseudonym_key(sector) for sector in sorted(sectors)}

    def map(self, mail: Mail) -> Outcome:
        """Return what a message means, or why it means nothing; raises nothing."""
        if mail.kind in {MailKind.AUTOMATIC, MailKind.OTHER}:
            return ()
        if mail.kind is MailKind.UNIDENTIFIED:
            return _reject(mail, say("neither Message-ID nor Date", "ni Message-ID ni Date"))
        if mail.kind is MailKind.UNREADABLE:
            return _reject(mail, say("the server cannot read this message", "le serveur ne peut lire ce message"))
        if mail.kind is MailKind.UNPARSABLE:
            detail = say("its headers cannot be parsed", "ses en-têtes ne peuvent être analysés")
            return Reject(Reason.INTERNAL_ERROR, encode(mail), detail)
        if mail.received_at is None:
            return _reject(mail, say("no time of receipt", "pas d'heure de réception"))
        place = self._config.addresses.get(mail.place, _ELSEWHERE)
        sector = place.sector or self._config.sector
        about: dict[str, Any] = {
            "id": event_id(self._source, f"{mail.kind.value}|{mail.message}"),
            "source": self._source,
            "subject": contact_id(Channel.EMAIL, self._source, mail.contact),
            "time": mail.received_at,
            "recordedtime": mail.read_at,
            "sector": sector,
            "site": place.site or self._config.site,
            "service": place.service or self._config.service,
            "identities": self._identities(mail, sector),
        }
        if mail.kind is MailKind.RECEIVED:
            return (EmailReceived(**about, data=EmailReceivedData(queue=place.queue)),)
        return (EmailAnswered(**about) if mail.kind is MailKind.ANSWERED else EmailAcknowledged(**about),)

    def _identities(self, mail: Mail, sector: str) -> str:
        key = self._keys[sector]
        return join(key.pseudonym(IdentityKind.EMAIL, one) for one in mail.people[:MOST_PEOPLE])


def _reject(mail: Mail, detail: str) -> Reject:
    return Reject(Reason.UNREADABLE_LINE, encode(mail), detail)
