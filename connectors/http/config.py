"""Options of one list of a JSON API."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Final, Literal, Self

import httpx
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints, model_validator

from connectors.sdk.config import Options
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.mapping.fields import FieldName, JmesPath
from connectors.sdk.mapping.value_options import Texts, TimeFormat
from connectors.sdk.pull import EndpointUrl, Token
from models.locale import _

OWN_HEADERS: Final = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "host", "te", "transfer-encoding", "upgrade"}
)
"""Headers that the client sets itself."""
SIGNED_PARAMETERS: Final = ("orig", "algo", "timestamp", "nonce", "signature")
"""Parameters of a signed query."""
_SECRET_NAME: Final = re.compile(
    r"(?:^|[-_.])(?:authorization|cookie|token|password|passwd|pwd|secret|signature|apikey|api[-_]?key)$", re.IGNORECASE
)
"""Names of headers and parameters that usually contain a secret."""
DEFAULT_PARAMETERS: Final = {"page": "page", "offset": "offset", "cursor": "cursor", "link": ""}
"""Name of the parameter of `pagination.by`."""


def _check_not_secret(name: str) -> str:
    if _SECRET_NAME.search(name):
        raise ValueError(_("looks like a secret: set it in auth"))
    return name


def _check_own_header(name: str) -> str:
    if name.lower() in OWN_HEADERS:
        raise ValueError(_("is set by the connector"))
    return name


def _check_is_no_file(url: object) -> object:
    if str(url).startswith("file:"):
        raise ValueError(_("must be https://…: only servers are read; for a file use the connector table, with CSV"))
    return url


def _check_query(url: str) -> str:
    if httpx.URL(url).query:
        raise ValueError(_("must have no ?…: set the parameters in params"))
    return url


def _check_since_format(text: str) -> str:
    if text == "excel":
        raise ValueError(_("must be iso, epoch, epoch_ms, or a format such as %d/%m/%Y %H:%M:%S"))
    return text


HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[ -~]{0,2000}$", strip_whitespace=True)]
ParameterName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
OpenName = Annotated[str, AfterValidator(_check_not_secret)]
ListUrl = Annotated[EndpointUrl, BeforeValidator(_check_is_no_file), AfterValidator(_check_query)]
Name = Annotated[str, StringConstraints(min_length=1)]
Secret = Annotated[SecretStr, Field(min_length=1)]


class BasicAuth(Options):
    """HTTP Basic authentication (RFC 7617)."""

    user: Name
    """Name of the user."""
    password: Secret
    """Password of the user. Set `password_file` or `password_env` instead of writing it here."""


class BearerAuth(Options):
    """Bearer token (RFC 6750)."""

    token: Token
    """Token. Set `token_file` or `token_env` instead of writing it here."""


class KeyAuth(Options):
    """API key in a header or in a parameter."""

    secret: Token
    """API key. Set `secret_file` or `secret_env` instead of writing it here."""
    header: HeaderName | None = None
    """Header with the key, such as `X-Api-Key`."""
    parameter: ParameterName | None = None
    """Parameter of the URL with the key, instead of `header`. Servers and proxies may log it."""

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if (self.header is None) is (self.parameter is None):
            raise ValueError(_("needs either header or parameter"))
        return self


class OAuth2Auth(Options):
    """OAuth 2.0 client credentials (RFC 6749, section 4.4)."""

    token_url: EndpointUrl
    """Address that issues tokens."""
    client_id: Name
    """Identifier of the client."""
    client_secret: Secret
    """Secret of the client. Set `client_secret_file` or `client_secret_env` instead of writing it here."""
    scope: str = ""
    """Scopes, separated by spaces. Default: those that the server gives."""
    credentials_in: Literal["header", "body"] = "header"
    """Place of identifier and secret in the token request: the `header` (Basic), or the `body`, for servers that require it."""
    params: dict[OpenName, str] = Field(default_factory=dict)
    """Further parameters of the token request, such as `audience`."""


class SignedAuth(Options):
    """Signature of the query string with HMAC-SHA-256, as in Publik."""

    orig: Name
    """Identifier of the caller at the server, sent as the parameter `orig`."""
    secret: Secret
    """Key of the signature. Set `secret_file` or `secret_env` instead of writing it here."""


class AuthOptions(Options):
    """Authentication, by one method."""

    basic: BasicAuth | None = None
    """HTTP Basic: user and password."""
    bearer: BearerAuth | None = None
    """A token that the server's operator has issued, as `Authorization: Bearer …`."""
    key: KeyAuth | None = None
    """An API key in a header or parameter with a name of its own."""
    oauth2: OAuth2Auth | None = None
    """OAuth 2.0 client credentials. Tokens are renewed before they expire."""
    signed: SignedAuth | None = None
    """Signed query string, as in Publik: the parameters `orig`, `algo`, `timestamp`, `nonce` and `signature`."""

    @model_validator(mode="after")
    def _check_method(self) -> Self:
        if len(list(self._methods())) != 1:
            raise ValueError(_("needs exactly one of basic, bearer, key, oauth2 and signed"))
        return self

    @property
    def method(self) -> str:
        """Name of the method: `basic`, `bearer`, `key`, `oauth2` or `signed`."""
        return next(self._methods())

    def _methods(self) -> Iterator[str]:
        return (name for name in AuthOptions.model_fields if getattr(self, name) is not None)


class Pagination(Options):
    """How a long list is divided into pages."""

    by: Literal["link", "page", "offset", "cursor"]
    """`link`: the response has the address of the next page, in the `Link` header (RFC 8288) or at `next`. `page`: pages have
    numbers. `offset`: a page begins after a number of records. `cursor`: the response has a value that leads to the next page."""
    parameter: ParameterName | None = None
    """Parameter with the page number, offset or cursor. Default: `page`, `offset` or `cursor`."""
    first_page: Annotated[int, Field(ge=0, le=1)] = 1
    """Number of the first page."""
    next: JmesPath | None = None
    """JMESPath of the next cursor, or for `link` of the next page's address, in the response. There is no next page if it has no
    value."""
    size: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Number of records to request for a page. Needs `size_parameter`."""
    size_parameter: ParameterName | None = None
    """Parameter with `size`, such as `per_page` or `limit`."""

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        if self.by == "cursor" and self.next is None:
            raise ValueError(_('by = "cursor" needs next'))
        if self.by in {"page", "offset"} and self.next is not None:
            raise ValueError(_("next is only for link and cursor"))
        if self.by == "link" and self.parameter is not None:
            raise ValueError(_("parameter is not for link: the next page has its own address"))
        if (self.size is None) is not (self.size_parameter is None):
            raise ValueError(_("size and size_parameter need each other"))
        return self

    @property
    def page_parameter(self) -> str:
        """Parameter with the page number, offset or cursor; empty for `link`."""
        return self.parameter or DEFAULT_PARAMETERS[self.by]


class Since(Options):
    """Parameter with which the server lists only records that changed since a time."""

    parameter: ParameterName
    """Parameter with the time."""
    field: FieldName
    """Field or expression with the time of a record's last change, in the mapping's `time_format`."""
    format: Annotated[TimeFormat, AfterValidator(_check_since_format)] = "iso"
    """Format of the parameter: `iso`, `epoch`, `epoch_ms`, or as `%Y-%m-%d %H:%M`. If the mapping has a `timezone`, times are in
    it and have no offset, else in UTC with a `Z`."""
    overlap_seconds: Annotated[float, Field(ge=0, le=31_536_000)] = 300.0
    """Time before the newest change read that each poll requests again, for records that the server shows late."""
    whole_seconds: Annotated[float, Field(ge=0, le=31_536_000)] = 86_400.0
    """Interval of the polls that read the whole list, for records that all other polls missed; 0 for none."""
    start: date | None = None
    """Day since which records are requested, also for the whole list. Default: all records."""


class HttpConfig(MappedConfig):
    """Options of one list of a JSON API."""

    url: ListUrl
    """Address of the list, without parameters."""
    records: JmesPath | None = None
    """JMESPath of the list of records in the response: `data.items`. Default: the response is the list."""
    params: dict[Annotated[ParameterName, AfterValidator(_check_not_secret)], Texts] = Field(default_factory=dict)
    """Further parameters of each request; a list repeats the parameter. They are added to those of `mapping`. No secrets."""
    headers: dict[
        Annotated[HeaderName, AfterValidator(_check_not_secret), AfterValidator(_check_own_header)], HeaderValue
    ] = Field(default_factory=dict)
    """Further headers of each request. No secrets."""
    auth: AuthOptions | None = None
    """Authentication, by one method. Default: none."""
    pagination: Pagination | None = None
    """How the list is divided into pages. Default: one response has the whole list."""
    since: Since | None = None
    """How to request only changed records. Default: each poll reads the whole list, and unchanged records are skipped."""
    poll_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """Time between the end of a poll and the next."""
    requests_per_second: Annotated[float, Field(ge=0.01, le=1000)] = 5.0
    """Most requests per second."""

    @model_validator(mode="after")
    def _check_parameters(self) -> Self:
        names = [name for name in self._own_parameters() if name]
        for name in sorted({name for name in names if names.count(name) > 1 or name in self.params}):
            raise ValueError(_("the parameter {name} is set twice", name=name))
        return self

    def _own_parameters(self) -> Iterator[str | None]:
        """Yield the names of the parameters that the connector sets itself."""
        if self.pagination:
            yield self.pagination.page_parameter
            yield self.pagination.size_parameter
        if self.since:
            yield self.since.parameter
        if self.auth and self.auth.key:
            yield self.auth.key.parameter
        if self.auth and self.auth.signed:
            yield from SIGNED_PARAMETERS
