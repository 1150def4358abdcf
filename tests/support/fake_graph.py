"""Fake of Microsoft Entra's token endpoint and of Graph v1.0 for mail, which refuses what the documentation says they refuse.

Written from the published documentation, and never compared with the real services. Sources at learn.microsoft.com: "message:
delta", "Get incremental changes to messages in a folder", "Use delta query", "user: sendMail", "Limiting application permissions
to specific Exchange Online mailboxes", "Microsoft Graph error responses", "Microsoft Entra authentication error codes". Issues of
microsoft-graph-docs: 2716 on the missing headers of sent messages, and 7776 on partial updates.
"""

import base64
import binascii
import email
import email.policy
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from itertools import count
from random import Random
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sdk.simulation.http_app import serving
from tests.support.fake_mailbox import FakeMailbox

OUTLOOK = "https://outlook.office365.com"
PROPERTIES = frozenset(
    (
        *(
            "id",
            "subject",
            "body",
            "bodyPreview",
            "uniqueBody",
            "isDraft",
            "isRead",
            "parentFolderId",
            "hasAttachments",
        ),
        *("internetMessageId", "internetMessageHeaders", "receivedDateTime", "sentDateTime", "conversationId"),
        *("from", "sender", "replyTo", "toRecipients", "ccRecipients", "bccRecipients"),
    )
)
PRIVATE = frozenset({"body", "bodyPreview", "uniqueBody"})
"""Properties outside Mail.ReadBasic."""
EXPAND = re.compile(r"singleValueExtendedProperties\(\$filter=(id eq '[^']+'(?: or id eq '[^']+')*)\)")
PAGE, LARGEST_PAGE = 10, 1000
MAX_FILTERED = 5000


class RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        body = {
            "error": {
                "code": code,
                "message": message,
                "innerError": {"request-id": "0", "date": "2026-03-16T08:00:00"},
            }
        }
        self.response = JSONResponse(body, status, headers)


class LoginRefusedError(Exception):
    def __init__(self, status: int, error: str, code: int, text: str) -> None:
        super().__init__(text)
        body = {"error": error, "error_description": f"AADSTS{code}: {text} Trace ID: 0", "error_codes": [code]}
        self.response = JSONResponse(body, status)


class Token(NamedTuple):
    audience: str
    roles: frozenset[str]
    expires_at: float


class Round(NamedTuple):
    """State of a link: the entries that are left in this round, and the number of changes at its beginning."""

    mailbox: str
    folder: str
    query: dict[str, str]
    entries: tuple[dict[str, Any], ...]
    until: int


class FakeGraph:
    """Both services, for one tenant with one application."""

    tenant, client_id, secret = "contoso-id", "app-id", "le-secret-de-l-application"

    def __init__(self) -> None:
        self.url = ""
        self.mailboxes: dict[str, FakeMailbox] = {}
        self.roles = frozenset({"Mail.Read", "Mail.Send"})
        """Application permissions with admin consent."""
        self.allowed: set[str] | None = None
        """Mailboxes of the access policy; None without a policy."""
        self.certificate = b""
        """Certificate of the application, PEM."""
        self.login_refusal: LoginRefusedError | None = None
        self.refusals: list[Response] = []
        """Responses to the next requests, instead of their own ones."""
        self.requests: list[Request] = []
        self.token_requests = 0
        self.sent: list[tuple[str, EmailMessage]] = []
        """Sender and message of each accepted `sendMail`."""
        self.make_outlook_token: Callable[[], str] = lambda: "outlook"
        self.token_seconds = 3600
        self.before_answer: Callable[[Request], object] = lambda _: None
        self._tokens: dict[str, Token] = {}
        self._links: dict[str, Round] = {}
        self._numbers = count(1)

    def app(self) -> Starlette:
        routes = [
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._discover),
            Route("/{tenant}/oauth2/v2.0/token", self._issue, methods=["POST"]),
            Route("/v1.0/users/{user}/{rest:path}", self._serve, methods=["GET", "POST"]),
        ]
        return Starlette(routes=routes)

    def options(self, **changes: Any) -> dict[str, Any]:
        """Return the options of the application."""
        own = {"tenant": self.tenant, "client_id": self.client_id, "client_secret": self.secret}
        return own | {"login_url": self.url, "graph_url": self.url} | changes

    def expire_links(self) -> None:
        """Forget the state of all links that were returned."""
        self._links.clear()

    def expire_tokens(self) -> None:
        self._tokens = {name: token._replace(expires_at=0.0) for name, token in self._tokens.items()}

    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    # ------------------------------------------------------------------------------------------------------------------- tokens
    async def _discover(self, request: Request) -> Response:
        base = f"{self.url}/{request.path_params['tenant']}".replace("http://", "https://")
        try:
            self._check_tenant(request)
        except LoginRefusedError as refusal:
            return refusal.response
        endpoints = {
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
        }
        return JSONResponse(endpoints | {"issuer": f"{base}/v2.0"})

    def _check_tenant(self, request: Request) -> None:
        if request.path_params["tenant"] != self.tenant:
            raise LoginRefusedError(400, "invalid_tenant", 90002, "Tenant not found.")

    async def _issue(self, request: Request) -> Response:
        self.token_requests += 1
        form = dict(parse_qsl((await request.body()).decode()))
        try:
            if self.login_refusal:
                raise self.login_refusal
            self._check_tenant(request)
            return JSONResponse(self._grant(form))
        except LoginRefusedError as refusal:
            return refusal.response

    def _grant(self, form: dict[str, str]) -> dict[str, Any]:
        if form.get("grant_type") != "client_credentials":
            raise LoginRefusedError(
                400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
            )
        if form.get("client_id") != self.client_id:
            raise LoginRefusedError(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        if "client_assertion" in form:
            self._check_assertion(form["client_assertion"])
        elif form.get("client_secret") != self.secret:
            raise LoginRefusedError(401, "invalid_client", 7000215, "Invalid client secret provided.")
        scope = form.get("scope", "")
        resource = scope.removesuffix("/.default")
        if resource == scope:
            raise LoginRefusedError(400, "invalid_scope", 1002012, "The provided value for scope is not valid.")
        if resource not in {self.url, OUTLOOK}:
            raise LoginRefusedError(
                400, "invalid_resource", 500011, "The resource principal was not found in the tenant."
            )
        token = self.make_outlook_token() if resource == OUTLOOK else f"fake-token-{next(self._numbers)}"
        self._tokens[token] = Token(resource, self.roles, time.time() + self.token_seconds)
        return {"token_type": "Bearer", "expires_in": self.token_seconds, "access_token": token}

    def _check_assertion(self, assertion: str) -> None:
        certificate = x509.load_pem_x509_certificate(self.certificate)
        thumbprint = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()
        endpoint = f"{self.url}/{self.tenant}/oauth2/v2.0/token".replace("http://", "https://")
        registry = JWSRegistry(algorithms=["PS256"])
        registry.max_header_length = 8192  # it contains the certificate
        try:
            signed = jwt.decode(assertion, RSAKey.import_key(self.certificate), registry=registry)
            assert signed.header["x5t#S256"].rstrip("=") == thumbprint
            claims = signed.claims
            assert (claims["aud"], claims["iss"], claims["sub"]) == (endpoint, self.client_id, self.client_id)
        except (JoseError, AssertionError):
            raise LoginRefusedError(
                401, "invalid_client", 700027, "The certificate is not registered on application."
            ) from None

    # -------------------------------------------------------------------------------------------------------------------- graph
    async def _serve(self, request: Request) -> Response:
        self.requests.append(request)
        self.before_answer(request)
        try:
            if self.refusals:
                return self.refusals.pop(0)
            token = self._check_token(request)
            mailbox = self._check_mailbox(request, token)
            rest = request.path_params["rest"]
            if rest == "sendMail" and request.method == "POST":
                return self._send(request, token, await request.body())
            return Response(_encode(self._answer(request, token, mailbox, rest)), media_type="application/json")
        except RefusedError as refusal:
            return refusal.response

    def _check_token(self, request: Request) -> Token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = self._tokens.get(given)
        problem = ""
        if not given:
            problem = "Access token is empty."
        elif token is None:
            problem = "CompactToken parsing failed with error code: 80049217"
        elif token.audience != self.url:
            problem = "Access token validation failure. Invalid audience."
        elif token.expires_at < time.time():
            problem = "Lifetime validation failed, the token is expired."
        if problem or token is None:
            raise RefusedError(401, "InvalidAuthenticationToken", problem)
        return token

    def _check_mailbox(self, request: Request, token: Token) -> FakeMailbox:
        user = request.path_params["user"]
        if not any(role.startswith("Mail.") for role in token.roles):
            raise RefusedError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        if user not in self.mailboxes:
            raise RefusedError(404, "ErrorInvalidUser", f"The requested user '{user}' is invalid.")
        if self.allowed is not None and user not in self.allowed:
            raise RefusedError(403, "ErrorAccessDenied", "Access to OData is disabled.")
        return self.mailboxes[user]

    def _send(self, request: Request, token: Token, body: bytes) -> Response:
        if "Mail.Send" not in token.roles:
            raise RefusedError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        if request.headers["Content-Type"] != "text/plain":
            raise RefusedError(400, "RequestBodyRead", "The body is no JSON.")
        try:
            content = base64.b64decode(body, validate=True)
        except binascii.Error:
            raise RefusedError(
                400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content."
            ) from None
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        if not message["To"]:
            raise RefusedError(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
        self.sent.append((request.path_params["user"], message))
        return Response(status_code=202)

    def _answer(self, request: Request, token: Token, mailbox: FakeMailbox, rest: str) -> dict[str, Any]:
        if not token.roles & {"Mail.Read", "Mail.ReadBasic.All", "Mail.ReadWrite"}:
            raise RefusedError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        match rest.split("/"):
            case ["mailFolders"]:
                return self._folder_list(mailbox, "", request)
            case ["mailFolders", folder, "childFolders"]:
                return self._folder_list(mailbox, self._folder_id(mailbox, folder), request)
            case ["mailFolders", folder]:
                return self._folder(mailbox, self._folder_id(mailbox, folder))
            case ["mailFolders", folder, "messages", "delta"]:
                return self._delta(request, token, mailbox, self._folder_id(mailbox, folder))
        raise RefusedError(400, "BadRequest", f"Resource not found for the segment '{rest}'.")

    def _folder_id(self, mailbox: FakeMailbox, name: str) -> str:
        found = {"inbox": "inbox-id", "sentitems": "sent-id"}.get(name.lower(), name)
        if found not in mailbox.folders:
            raise RefusedError(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return found

    def _folder(self, mailbox: FakeMailbox, folder: str) -> dict[str, Any]:
        children = sum(parent == folder for _, parent in mailbox.folders.values())
        return {"id": folder, "displayName": mailbox.folders[folder][0], "childFolderCount": children}

    def _folder_list(self, mailbox: FakeMailbox, parent: str, request: Request) -> dict[str, Any]:
        size, skip = int(request.query_params.get("$top", PAGE)), int(request.query_params.get("$skip", 0))
        below = [folder for folder, (_, above) in mailbox.folders.items() if above == parent]
        page: dict[str, Any] = {"value": [self._folder(mailbox, folder) for folder in below[skip : skip + size]]}
        if skip + size < len(below):
            page["@odata.nextLink"] = str(request.url.include_query_params(**{"$skip": skip + size}))
        return page

    def _delta(self, request: Request, token: Token, mailbox: FakeMailbox, folder: str) -> dict[str, Any]:
        query = dict(request.query_params)
        name = query.get("$skiptoken") or query.get("$deltatoken")
        if name is None:
            known = self._begin(request.path_params["user"], token, mailbox, folder, query)
        elif name not in self._links:
            raise RefusedError(410, "SyncStateNotFound", "The sync state generation is not found; it may have expired.")
        else:
            known = self._links[name]
            if "$deltatoken" in query:
                known = self._changes(mailbox, known)
        size = PAGE
        if preferred := re.fullmatch(r"odata\.maxpagesize=(\d+)", request.headers.get("Prefer", "")):
            size = min(int(preferred[1]), LARGEST_PAGE)
        rest = known._replace(entries=known.entries[size:])
        kind, parameter = ("nextLink", "skiptoken") if rest.entries else ("deltaLink", "deltatoken")
        made = f"state-{next(self._numbers)}"
        self._links[made] = rest
        link = f"{self.url}{request.url.path}?${parameter}={made}"
        return {"@odata.context": "…", f"@odata.{kind}": link, "value": known.entries[:size]}

    def _begin(self, user: str, token: Token, mailbox: FakeMailbox, folder: str, query: dict[str, str]) -> Round:
        self._check_query(token, query)
        found = [message for message, item in mailbox.items.items() if item.folder == folder]
        if since := query.get("$filter"):
            found = [one for one in found if mailbox.items[one].values.get("receivedDateTime", "") >= since.split()[2]]
            found = found[:MAX_FILTERED]
        Random(len(found)).shuffle(found)  # the order is not guaranteed
        entries = tuple(self._entry(mailbox, message, query) for message in found)
        return Round(user, folder, query, entries, len(mailbox.changes))

    def _check_query(self, token: Token, query: dict[str, str]) -> None:
        if unknown := query.keys() - {"$select", "$expand", "$top", "$filter", "$orderby", "changeType"}:
            raise RefusedError(
                400, "ErrorInvalidUrlQuery", f"The query parameters {unknown} are not supported with change tracking."
            )
        selected = set(query.get("$select", "id").split(","))
        if unknown := selected - PROPERTIES:
            text = f"Parsing OData Select and Expand failed: Could not find a property named '{min(unknown)}'"
            raise RefusedError(400, "BadRequest", text)
        if "$filter" in query and not re.fullmatch(r"receivedDateTime g[et] \S+", query["$filter"]):
            raise RefusedError(400, "ErrorInvalidUrlQueryFilter", "The filter is not supported with change tracking.")
        if "$expand" in query and not EXPAND.fullmatch(query["$expand"]):
            raise RefusedError(400, "BadRequest", "Parsing OData Select and Expand failed.")
        is_basic = not token.roles & {"Mail.Read", "Mail.ReadWrite"}
        if is_basic and ("$expand" in query or "$select" not in query or selected & PRIVATE):
            raise RefusedError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")

    def _changes(self, mailbox: FakeMailbox, known: Round) -> Round:
        changed = [message for folder, message in mailbox.changes[known.until :] if folder == known.folder]
        entries = []
        for message in dict.fromkeys(changed):
            item = mailbox.items.get(message)
            if item is None or item.folder != known.folder:
                entries.append({"id": message, "@removed": {"reason": "deleted"}})
            elif item.created > known.until:
                entries.append(self._entry(mailbox, message, known.query))
            else:
                entries.append({"id": message, "isRead": True, "parentFolderId": item.folder})
        return known._replace(entries=tuple(entries), until=len(mailbox.changes))

    def _entry(self, mailbox: FakeMailbox, message: str, query: dict[str, str]) -> dict[str, Any]:
        values = mailbox.items[message].values
        entry: dict[str, Any] = {"@odata.type": "#microsoft.graph.message", "@odata.etag": 'W/"x"', "id": message}
        entry |= {name: values[name] for name in query.get("$select", "").split(",") if name in values}
        if found := EXPAND.fullmatch(query.get("$expand", "")):
            wanted = {_property_id(name) for name in re.findall(r"id eq '([^']+)'", found[1])}
            extended = [one for one in values.get("extended", []) if _property_id(one["id"]) in wanted]
            entry |= {"singleValueExtendedProperties": extended} if extended else {}
        return entry


def _encode(answer: dict[str, Any]) -> bytes:
    """Return the JSON of a response. Values that are bytes are JSON already."""
    raws: list[bytes] = []

    def hold(raw: bytes) -> str:
        raws.append(raw)
        return f"@@raw-{len(raws) - 1}@@"

    content = json.dumps(answer, ensure_ascii=False, default=hold).encode("utf-8", "surrogatepass")
    for number, raw in enumerate(raws):
        content = content.replace(f'"@@raw-{number}@@"'.encode(), raw)
    return content


def _property_id(name: str) -> str:
    return re.sub(r"(?<= 0x)0*", "", name).lower()


@contextmanager
def fake_graph() -> Iterator[FakeGraph]:
    """Serve both services on this machine until the end of the block."""
    fake = FakeGraph()
    with serving(fake.app()) as fake.url:
        yield fake
