"""Access tokens of an application registered in Microsoft Entra (OAuth 2.0 client credentials, by `msal`)."""

import logging
import re
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msal

from connectors.sdk.errors import (
    SourceMisconfiguredError,
    SourceRefusedError,
    SourceUnavailableError,
    describe_os_error,
)
from connectors.sdk.microsoft.config import MicrosoftApp
from connectors.sdk.pull import Backoff
from connectors.sdk.retry_after import read_retry_after
from models.locale import N_, _

TIMEOUT: Final = httpx.Timeout(5.0)
OUTLOOK_SCOPE: Final = "https://outlook.office365.com/.default"
"""Scope of tokens for IMAP and SMTP of Exchange Online."""
REFUSED_SECONDS: Final = 60.0
"""Shortest pause after a refusal, in seconds."""
_CODE: Final = re.compile(r"AADSTS(\d+)")
_ADVICE: Final = {
    50001: N_("Exchange Online or Graph is not part of this tenant: check tenant"),
    50034: N_("the tenant does not know this application: check tenant and client_id"),
    53003: N_("a conditional access rule blocks this application: allow it from this machine"),
    65001: N_("an administrator has not consented to the permissions: grant admin consent"),
    90002: N_("there is no such tenant: check tenant"),
    500011: N_("Exchange Online or Graph is not part of this tenant: check tenant"),
    530035: N_("the security defaults of the tenant block this application: allow it"),
    700016: N_("the tenant does not know this application: check tenant and client_id"),
    700024: N_("the time of the signature is wrong: set the clock of this machine"),
    700027: N_(
        "the certificate has expired, or is not one of the application: upload its public part to the registration"
    ),
    900021: N_("there is no such tenant: check tenant"),
    900023: N_("there is no such tenant: check tenant"),
    7000112: N_("the application is disabled: enable it in Microsoft Entra"),
    7000215: N_("the client secret is wrong: store its value, not its id"),
    7000222: N_("the client secret has expired: create a new one in the registration"),
    7000229: N_("the application is not enabled in this tenant: grant admin consent"),
}
"""Advice for the operator by AADSTS code. A code that is missing here, or changes its meaning, only changes the text."""

# At level DEBUG the library may log parts of requests and responses.
logging.getLogger("msal").setLevel(logging.WARNING)


class TokenProvider:
    """Tokens of the application `app` for `scope`, such as `https://graph.microsoft.com/.default`. For one thread.

    A token is requested on the first use, kept in memory only, and renewed some minutes before it expires. After a failure,
    none is requested during a pause.
    """

    def __init__(self, app: MicrosoftApp, scope: str) -> None:
        self._app = app
        self._scope = scope
        self._http = _HttpClient(app.login_url)
        self._msal: Any = None
        self._backoff = Backoff()
        self._error: type[SourceUnavailableError] = SourceUnavailableError

    def fetch(self) -> str:
        """Return a valid token.

        Raises `SourceUnavailableError`: `SourceRefusedError` if Microsoft Entra refuses the application, and
        `SourceMisconfiguredError` if the certificate file cannot be used. The texts contain no secret.
        """
        if self._backoff.is_paused:
            raise self._error(self._backoff.trouble)
        try:
            token = self._request()
        except SourceUnavailableError as error:
            self._msal = None  # the library would repeat a refusal from its cache
            self._error = type(error)
            pause = REFUSED_SECONDS if isinstance(error, SourceRefusedError) else error.retry_after_seconds
            self._backoff.record_failure(str(error), pause)
            raise
        self._backoff.record_success()
        return token

    def forget(self) -> None:
        """Drop the token, because a server refused it. The next `fetch` requests a new one."""
        if self._msal:
            self._msal.remove_tokens_for_client()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _request(self) -> str:
        try:
            self._msal = self._msal or self._open()
            result = self._msal.acquire_token_for_client([self._scope])
        except _NoAnswerError as error:
            text = _("{host} {problem}", host=self._host, problem=error)
            raise SourceUnavailableError(text, error.retry_after_seconds) from None
        if token := result.get("access_token"):
            return str(token)
        raise self._refusal(result.get("error_codes") or _CODE.findall(str(result.get("error_description"))), result)

    @property
    def _host(self) -> str:
        return urlsplit(self._app.login_url).netloc

    def _open(self) -> Any:
        credential = self._read_certificate() if self._app.certificate_file else self._read_secret()
        authority = f"https://{self._host}/{self._app.tenant}"  # the library accepts no http
        try:
            return msal.ConfidentialClientApplication(
                self._app.client_id,
                client_credential=credential,
                authority=authority,
                instance_discovery=False,  # the authority is configured, and not taken from a user's name
                http_client=self._http,
            )
        except ValueError:
            if self._http.failed:  # the text may hold parts of the response
                raise self._refusal([90002], {}) from None
            raise SourceMisconfiguredError(_certificate_error(self._app.certificate_file)) from None

    def _read_secret(self) -> str:
        return self._app.client_secret.get_secret_value() if self._app.client_secret else ""

    def _read_certificate(self) -> dict[str, str]:
        path = self._app.certificate_file
        assert path is not None
        try:
            pem = path.read_text("ascii")
        except UnicodeDecodeError:
            raise SourceMisconfiguredError(_certificate_error(path)) from None
        except OSError as error:
            raise SourceMisconfiguredError(describe_os_error(error, path)) from None
        return {"private_key": pem, "public_certificate": pem}

    def _refusal(self, codes: list[Any], result: dict[str, Any]) -> SourceUnavailableError:
        code = int(codes[0]) if codes else 0
        if not code and result.get("error") not in {"invalid_client", "unauthorized_client", "invalid_scope"}:
            return SourceUnavailableError(_("{host} gives no token", host=self._host))
        if advice := _ADVICE.get(code):
            text = _("{host} gives no token (AADSTS{code}): {advice}", host=self._host, code=code, advice=_(advice))
        else:
            text = _(
                "{host} gives no token (AADSTS{code}): see https://login.microsoftonline.com/error?code={code}",
                host=self._host,
                code=code,
            )
        return SourceRefusedError(text)


def _certificate_error(path: Any) -> str:
    return _("{path} does not hold a private key and its certificate, both as PEM", path=path)


class _NoAnswerError(Exception):
    """No usable response. The text describes the problem for the operator."""

    def __init__(self, words: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(words)
        self.retry_after_seconds = retry_after_seconds


class _HttpClient:
    """The interface of `msal.oauth2cli.http.HttpClient`, with the same limits as the other requests of Accueil.

    Raises `_NoAnswerError`.
    """

    def __init__(self, login_url: str) -> None:
        self.failed = False
        """Whether the last response was an error."""
        self._insecure = login_url.startswith("http://")  # only on this machine
        self._client = httpx.Client(timeout=TIMEOUT, verify=ssl.create_default_context())

    def post(
        self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_kwargs: Any
    ) -> httpx.Response:
        # A signed assertion is bytes, which httpx would write as Python does.
        texts = {name: value.decode() if isinstance(value, bytes) else value for name, value in (data or {}).items()}
        return self._request("POST", url, params=params, data=texts, headers=headers)

    def get(self, url: str, params: Any = None, headers: Any = None, **_kwargs: Any) -> httpx.Response:
        return self._request("GET", url, params=params, headers=headers)

    def close(self) -> None:
        self._client.close()

    def _request(self, method: str, url: str, **request: Any) -> httpx.Response:
        if self._insecure:
            url = url.replace("https://", "http://", 1)
        try:
            response = self._client.request(method, url, **request)
        except httpx.TimeoutException:
            raise _NoAnswerError(_("does not answer in time")) from None
        except httpx.ProxyError:
            raise _NoAnswerError(
                _("cannot be reached through the proxy: check HTTPS_PROXY, and that the proxy allows this server")
            ) from None
        except httpx.HTTPError:
            raise _NoAnswerError(_("cannot be reached: is the network there?")) from None
        self.failed = response.is_error
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
            text = _("is out of order ({status})", status=response.status_code)
            raise _NoAnswerError(text, read_retry_after(response.headers))
        return response
