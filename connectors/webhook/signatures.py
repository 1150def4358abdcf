"""Proofs of a sender other than Standard Webhooks: HMAC in a header, HTTP Basic, bearer token, trusted reverse proxies."""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from pydantic import SecretStr

from connectors.sdk.webhook.field_paths import MILLISECONDS
from connectors.sdk.webhook.signatures import SignatureError, StandardWebhooks, check_signature
from connectors.webhook.config import (
    BODY,
    TIMESTAMP,
    HmacOptions,
    ProxyOptions,
    TimestampOptions,
    WebhookConfig,
    parse_address,
)

MOST_DIGITS: Final = 13
"""Digits of a time in milliseconds since 1970, until the year 2286."""


class Verifier(Protocol):
    """Check of requests."""

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> object:
        """Raise `SignatureError` unless the request is the sender's. For the arguments see `PushSource.verify`."""


class HmacSignatures:
    """Signatures of the body, with or without a time, in a header."""

    def __init__(self, options: HmacOptions) -> None:
        self._options = options
        self._keys = [secret.get_secret_value().encode() for secret in _all(options.secret, options.previous_secret)]

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Raise `SignatureError` if the signature is wrong, or its time too far from `now`."""
        options = self._options
        signed = _signed_text(options.timestamp, headers, body, now) if options.timestamp else body
        digests = [hmac.digest(key, signed, options.algorithm) for key in self._keys]
        given = _parts(headers, options.header, options.prefix)
        if options.encoding == "hex":
            check_signature([text.lower() for text in given], [digest.hex() for digest in digests])
        else:
            check_signature(given, [base64.b64encode(digest).decode() for digest in digests])


class Credentials:
    """Credentials in the header `Authorization`."""

    def __init__(self, scheme: str, accepted: Sequence[str], challenge: str) -> None:
        """`accepted` are the accepted credentials as they follow the scheme; `challenge` is sent to clients without them."""
        self._scheme = scheme.lower()
        self._accepted = accepted
        self._challenge = challenge

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:  # noqa: ARG002 - as `Verifier`
        """Raise `SignatureError` if the credentials are missing or wrong."""
        scheme, _space, given = headers.get("authorization", "").partition(" ")
        try:
            check_signature([given.strip()] if scheme.lower() == self._scheme else [], self._accepted)
        except SignatureError:
            raise SignatureError("wrong credentials", self._challenge) from None


class TrustedProxies:
    """Requests of named reverse proxies."""

    def __init__(self, options: ProxyOptions) -> None:
        self._addresses = frozenset(map(parse_address, options.trusted_proxies))

    def admits(self, peer: str) -> bool:
        """Return whether `peer` is the address of a proxy, also as an IPv4 address in IPv6."""
        try:
            return parse_address(peer) in self._addresses
        except ValueError:
            return False

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Do nothing: the proxy has checked the sender."""


def make_verifier(config: WebhookConfig) -> Verifier:
    """Return the check of requests that the options name."""
    options = config.signature
    if options is None:
        return StandardWebhooks(config.secrets)
    if options.hmac:
        return HmacSignatures(options.hmac)
    if options.basic:
        user, passwords = options.basic.user, _all(options.basic.password, options.basic.previous_password)
        pairs = [f"{user}:{password.get_secret_value()}".encode() for password in passwords]
        return Credentials("Basic", [base64.b64encode(pair).decode() for pair in pairs], 'Basic realm="accueil"')
    if options.bearer:
        tokens = _all(options.bearer.token, options.bearer.previous_token)
        return Credentials("Bearer", [token.get_secret_value() for token in tokens], "Bearer")
    assert options.none is not None  # checked by the options
    return TrustedProxies(options.none)


def _all(*secrets: SecretStr | None) -> list[SecretStr]:
    return [secret for secret in secrets if secret is not None]


def _parts(headers: Mapping[str, str], header: str, prefix: str) -> list[str]:
    """Return the parts of a header that begin with `prefix`, without it. Commas separate parts."""
    parts = map(str.strip, headers.get(header, "").split(","))
    return [part.removeprefix(prefix) for part in parts if part.startswith(prefix)]


def _signed_text(options: TimestampOptions, headers: Mapping[str, str], body: bytes, now: float) -> bytes:
    """Return the text that is signed. Raises `SignatureError` if its time is missing, or too far from `now`."""
    text = next(iter(_parts(headers, options.header, options.prefix)), "")
    if abs(now - _read_timestamp(text)) > options.tolerance_seconds:
        raise SignatureError("too old or too new")
    before, after = options.signed_text.replace(TIMESTAMP, text).split(BODY)
    return before.encode() + body + after.encode()


def _read_timestamp(text: str) -> float:
    """Return a time in seconds since 1970. Raises `SignatureError`."""
    if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS:
        number = int(text)
        return number / 1000 if number >= MILLISECONDS else number
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.timestamp()
    except (ValueError, OverflowError):
        pass
    raise SignatureError("no timestamp")
