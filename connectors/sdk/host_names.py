"""Middleware that refuses requests for unknown host names, which prevents DNS rebinding."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.locale import _

_ACCEPTED: Final = "accepted"


class HostMiddleware:
    """Answer unknown host names with 400 and the name of the `setting` that lists `hosts`; `*` accepts all names."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str], setting: str) -> None:
        self._app = app
        self._check = TrustedHostMiddleware(_accept, hosts, www_redirect=False)
        self._setting = setting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        sent: list[Message] = []

        async def collect(message: Message) -> None:
            sent.append(message)

        await self._check(scope, receive, collect)
        if sent[0]["type"] == _ACCEPTED:
            await self._app(scope, receive, send)
        else:
            text = _("this host name is not in {setting}", setting=self._setting)
            await PlainTextResponse(text, HTTPStatus.BAD_REQUEST)(scope, receive, send)


async def _accept(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": _ACCEPTED})
