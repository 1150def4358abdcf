"""Options of one sender of webhooks: its messages, their signature and their mapping."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from connectors.sdk.config import Options
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.mapping.fields import JmesPath
from connectors.sdk.mapping.problems import MappingError, Problem
from connectors.sdk.pull import Token
from connectors.sdk.webhook.config import PushConfig
from connectors.sdk.webhook.signatures import TOLERANCE_SECONDS, check_secret
from models.locale import _

README: Final = "connectors/webhook/README.md"
MIN_SECRET: Final = 16
"""Fewest characters of a secret, password or token."""
BODY: Final = "{body}"
TIMESTAMP: Final = "{timestamp}"


def _check_length(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < MIN_SECRET:
        raise ValueError(_("must have at least {count} characters", count=MIN_SECRET))
    return secret


def _check_signed_text(text: str) -> str:
    if text.count(BODY) != 1 or text.count(TIMESTAMP) != 1:
        raise ValueError(_("must contain {body} and {timestamp} once", body=BODY, timestamp=TIMESTAMP))
    return text


def parse_address(text: str) -> IPv4Address | IPv6Address:
    """Return an IP address; an IPv4 address in IPv6 as IPv4. Raises `ValueError`."""
    address = ip_address(text)
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _check_address(text: str) -> str:
    try:
        return str(parse_address(text))
    except ValueError:
        raise ValueError(_("must be an IP address")) from None


HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$", to_lower=True)]
Prefix = Annotated[str, StringConstraints(pattern=r"^[\x21-\x2b\x2d-\x7e]{0,50}$")]
"""Option type: the beginning of a part of a header, which commas separate."""
Secret = Annotated[SecretStr, AfterValidator(_check_length)]
BearerToken = Annotated[Token, AfterValidator(_check_length)]
Address = Annotated[str, AfterValidator(_check_address)]


class TimestampOptions(Options):
    """Time of a message that its signature covers."""

    header: HeaderName
    """Header with the time: seconds or milliseconds since 1970, or ISO 8601 with an offset."""
    prefix: Prefix = ""
    """Beginning of the time in the header, if the header has several parts: `t=`."""
    tolerance_seconds: Annotated[float, Field(gt=0, le=86_400)] = TOLERANCE_SECONDS
    """Longest difference between this time and the clock, in both directions."""
    signed_text: Annotated[str, AfterValidator(_check_signed_text)] = "{timestamp}.{body}"
    """Text that is signed: `{timestamp}` stands for the time as in the header, `{body}` for the body."""


class HmacOptions(Options):
    """Signature of the body with a shared key (HMAC) in a header."""

    secret: Secret
    """Key that the sender signs with, as text. Give it as `secret_file` or `secret_env`."""
    previous_secret: Secret | None = None
    """Previous key, accepted as long as it is set. Also as `previous_secret_file` or `…_env`."""
    header: HeaderName
    """Header with the signature: `X-Hub-Signature-256`. Of several parts between commas, one must be right."""
    prefix: Prefix = ""
    """Beginning of the signature in the header: `sha256=`."""
    algorithm: Literal["sha256", "sha512"] = "sha256"
    """Hash function of the HMAC."""
    encoding: Literal["hex", "base64"] = "hex"
    """Form of the signature."""
    timestamp: TimestampOptions | None = None
    """Time that is signed with the body. Default: only the body is signed."""


class BasicOptions(Options):
    """HTTP Basic authentication (RFC 7617)."""

    user: Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f\x7f]{1,100}$")]
    """Name of the user."""
    password: Secret
    """Password of the user. Give it as `password_file` or `password_env`."""
    previous_password: Secret | None = None
    """Previous password, accepted as long as it is set. Also as `previous_password_file` or `…_env`."""


class BearerOptions(Options):
    """Bearer token (RFC 6750)."""

    token: BearerToken
    """Token in the header `Authorization`. Give it as `token_file` or `token_env`."""
    previous_token: BearerToken | None = None
    """Previous token, accepted as long as it is set. Also as `previous_token_file` or `…_env`."""


class ProxyOptions(Options):
    """Requests of reverse proxies that check the client's certificate (mTLS)."""

    trusted_proxies: Annotated[tuple[Address, ...], Field(min_length=1)]
    """IP addresses of the proxies. Requests of other connections are refused (403); those of the proxies are all accepted."""


class SignatureOptions(Options):
    """Proof of the sender, in one of several ways."""

    hmac: HmacOptions | None = None
    """Signature of the body in a header with a name of its own, as of GitHub, Stripe or Slack."""
    basic: BasicOptions | None = None
    """HTTP Basic: user and password."""
    bearer: BearerOptions | None = None
    """A token, as `Authorization: Bearer …`."""
    none: ProxyOptions | None = None
    """No proof in the message: only named reverse proxies, which check the client's certificate (mTLS), may send."""

    @model_validator(mode="after")
    def _check_way(self) -> Self:
        if sum(getattr(self, name) is not None for name in SignatureOptions.model_fields) != 1:
            raise ValueError(_("needs exactly one of hmac, basic, bearer and none"))
        return self


class WebhookConfig(PushConfig, MappedConfig):
    """Options of one sender of webhooks."""

    secret: Annotated[SecretStr | None, AfterValidator(check_secret)] = None
    """Secret of a sender that signs with Standard Webhooks: `whsec_` and Base64. Give it as `secret_file` or `secret_env`. It is
    required unless `signature` is set."""
    previous_secret: Annotated[SecretStr | None, AfterValidator(check_secret)] = None
    """Previous secret, accepted as long as it is set: remove it once the sender uses the new one. Also as
    `previous_secret_file` or `…_env`."""
    signature: SignatureOptions | None = None
    """Other proof of the sender, in one way. Default: Standard Webhooks, with `secret`."""
    records: JmesPath = "@"
    """JMESPath of the records in a message: of an object, or of a list of objects: `data.items`. Default: the message itself,
    which is an object or a list of objects."""
    rows: Literal["events"] = "events"
    """Each record is about one event."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_types(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "types" in given:
            raise MappingError([Problem(("types",), _("was replaced by events: see {readme}", readme=README))])
        return given

    @model_validator(mode="after")
    def _check_sender(self) -> Self:
        if problems := list(self._find_problems()):
            raise MappingError(problems)
        return self

    def _find_problems(self) -> Iterator[Problem]:
        if self.signature is None and self.secret is None:
            yield Problem(("secret",), _("is missing; if the sender signs in another way, set signature instead"))
        for name in ("secret", "previous_secret"):
            if self.signature is not None and getattr(self, name) is not None:
                yield Problem((name,), _("is for Standard Webhooks only: signature has its own"))
        for name in ("state", "changed_at"):
            if getattr(self, name) is not None:
                yield Problem((name,), _("is not for webhook, which compares no records: use when and time of events"))

    @property
    def secrets(self) -> Sequence[SecretStr]:
        """The accepted secrets of Standard Webhooks, the newest first; empty with `signature`."""
        return [secret for secret in (self.secret, self.previous_secret) if secret is not None]
