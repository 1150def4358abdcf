"""How one mailbox is configured."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from connectors.sdk.config import ConnectorConfig, Options, Sector
from connectors.sdk.exclusive_resources import ExclusiveResource
from connectors.sdk.i18n import say
from models.envelope import Label
from models.identities import normalise_email

PORTS: Final = {"implicit": 993, "starttls": 143, "none": 143}
LONGEST_POLL_SECONDS: Final = 1500
"""IDLE is asked for anew at each turn: servers may log off who has not for 29 minutes (RFC 2177)."""


def _check_address(text: str) -> str:
    address = normalise_email(text)
    if address is None:
        raise ValueError(say("must be an e-mail address", "attend une adresse électronique"))
    return address


def _lower(text: str) -> str:
    return text.lower()


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Address = Annotated[str, AfterValidator(_check_address)]
Domain = Annotated[str, StringConstraints(pattern=r"^[^\s@]+\.[^\s@.]+$"), AfterValidator(_lower)]
Line = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\r\n\x00]+$")]


class Routing(Options):
    """What mail to one address is for."""

    aliases: tuple[Address, ...] = ()
    """Other addresses that mean the same."""
    queue: Label = ""
    """The queue that it waits in."""
    service: Label = ""
    """The service that answers."""
    site: Label = ""
    """Where it is."""
    sector: Label = ""
    """Sector whose key makes the pseudonyms of those who write; the instance's if not given."""

    french_descriptions: ClassVar = {
        "aliases": "D'autres adresses qui veulent dire la même chose.",
        "queue": "La file où il attend.",
        "service": "Le service qui répond.",
        "site": "Où il se trouve.",
        "sector": "Secteur dont la clé fait les pseudonymes de qui écrit ; à défaut celui de l'instance.",
    }


class ImapConfig(ConnectorConfig):
    """One mailbox, by IMAP."""

    host: Annotated[str, StringConstraints(pattern=r"^[^\s/]+$")]
    """The server."""
    username: Line
    """Who logs in; reading is all that is needed."""
    addresses: Annotated[dict[Address, Routing], Field(min_length=1)]
    """The addresses of this mailbox, and what mail to each is for. `mdph+enfants@…` means the same as `mdph@…`, unless it is
    here itself."""
    token_command: tuple[Line, ...] = ()
    """A command, word by word, that prints an OAuth 2.0 access token: it takes the place of a password (XOAUTH2)."""
    password: Annotated[SecretStr | None, Field(validate_default=True)] = None
    """The password. Give it as `password_file` or `password_env`."""
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    """How the connection is encrypted: from the start, by STARTTLS, or not at all, to this machine only."""
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """The port; 993, or 143 without `implicit`, if not given."""
    ca_file: Path | None = None
    """The authority that the server's certificate is of, in PEM; the system's authorities if not given."""
    folders: Annotated[tuple[Line, ...], Field(min_length=1)] = ("INBOX",)
    """Folders that mail comes to or is filed in, as the server writes them; the first is watched. `*` stands for anything, `%`
    for one level, but for what the server marks as drafts, junk or trash."""
    sent: tuple[Line, ...] = ()
    """Folders that answers are kept in; the one that the server says is for that, if not given."""
    domains: tuple[Domain, ...] = ()
    """Domains of the service's own people: what they write asks for nothing, and answers if it goes to who asked."""
    forms: tuple[Address, ...] = ()
    """Addresses that a website's contact form sends from: who wrote is in `Reply-To`."""
    start: date | None = None
    """What came before this day, as the server counts, is not read; all is if not given."""
    sector: Sector = "general"
    """Sector whose key makes the pseudonyms: who writes in different sectors cannot be told to be the same."""
    service: Label = ""
    """Service of mail to addresses that have none."""
    site: Label = ""
    """Site of mail to addresses that have none."""
    poll_seconds: Annotated[float, Field(ge=5, le=LONGEST_POLL_SECONDS)] = 60.0
    """How often all folders are looked at. The first is watched meanwhile, where the server can (IDLE)."""

    french_descriptions: ClassVar = {
        "host": "Le serveur.",
        "username": "Qui s'identifie ; le droit de lire suffit.",
        "addresses": "Les adresses de cette boîte, et à quoi sert le courrier de chacune. `mdph+enfants@…` veut dire la même "
        "chose que `mdph@…`, sauf si elle est ici elle-même.",
        "token_command": "Une commande, mot par mot, qui écrit un jeton d'accès OAuth 2.0 : il remplace un mot de passe "
        "(XOAUTH2).",
        "password": "Le mot de passe. À donner par `password_file` ou `password_env`.",
        "tls": "Comment la connexion est chiffrée : dès le début, par STARTTLS, ou pas du tout, vers cette machine seulement.",
        "port": "Le port ; à défaut 993, ou 143 sans `implicit`.",
        "ca_file": "L'autorité dont est le certificat du serveur, en PEM ; à défaut celles du système.",
        "folders": "Dossiers où le courrier arrive ou se range, écrits comme le serveur ; le premier est surveillé. `*` remplace "
        "tout, `%` un niveau, sauf ce que le serveur marque comme brouillons, indésirables ou corbeille.",
        "sent": "Dossiers où sont gardées les réponses ; à défaut celui que le serveur dit l'être.",
        "domains": "Domaines des agents eux-mêmes : ce qu'ils écrivent ne demande rien, et répond si cela va à qui a demandé.",
        "forms": "Adresses d'où écrit le formulaire de contact d'un site : qui a écrit est dans `Reply-To`.",
        "start": "Ce qui est arrivé avant ce jour, selon le serveur, n'est pas lu ; à défaut, tout l'est.",
        "sector": "Secteur dont la clé fait les pseudonymes : d'un secteur à l'autre, on ne peut dire que qui écrit est le même.",
        "service": "Service du courrier aux adresses qui n'en ont pas.",
        "site": "Site du courrier aux adresses qui n'en ont pas.",
        "poll_seconds": "À quel intervalle tous les dossiers sont regardés. Le premier est surveillé entre-temps, si le serveur "
        "le peut (IDLE).",
    }

    @field_validator("password")
    @classmethod
    def _check_login(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if not info.data.get("token_command", True) and (password is None or not password.get_secret_value()):
            raise ValueError(
                say("is missing, as is a token_command", "manque, de même qu'un token_command"),
            )
        return password

    @field_validator("tls")
    @classmethod
    def _check_encryption(cls, tls: str, info: ValidationInfo) -> str:
        if tls == "none" and not _is_here(info.data.get("host", "localhost")):
            raise ValueError(
                say(
                    "must not be none but for this machine: what is read is personal",
                    "ne peut être none que vers cette machine : ce qui est lu est personnel",
                )
            )
        return tls

    @field_validator("addresses")
    @classmethod
    def _check_aliases(cls, addresses: dict[str, Routing]) -> dict[str, Routing]:
        named = Counter([*addresses, *(alias for place in addresses.values() for alias in place.aliases)])
        if twice := [address for address, times in named.items() if times > 1]:
            raise ValueError(say(f"names {twice[0]} twice", f"nomme deux fois {twice[0]}"))
        return addresses

    def exclusive_resources(self) -> Iterator[ExclusiveResource]:
        """Yield what no other instance may have: its folders. Those that a pattern names are not known yet."""
        yield from super().exclusive_resources()
        host, port = self.endpoint
        for folder in self.folders:
            name = "INBOX" if folder.upper() == "INBOX" else folder
            yield ExclusiveResource("folders", "mailbox", f"{self.username}@{host.lower()}:{port}/{name}")

    @property
    def endpoint(self) -> tuple[str, int]:
        """The server's name and port."""
        return self.host, self.port or PORTS[self.tls]
