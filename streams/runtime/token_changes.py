"""The token store of an installation, and audited changes of its tokens."""

from contextlib import AbstractContextManager
from typing import Final

from streams.access.permissions import Operation
from streams.access.tokens import Tokens
from streams.runtime.audited_actions import ActionResult, audited_action
from streams.settings.schema import Settings

EXPIRES_DAYS: Final = 365
"""Default of `accueil tokens add --days`."""
RATE_PER_MINUTE: Final = 120
"""Default of `accueil tokens add --rate`."""


def open_tokens(settings: Settings) -> Tokens:
    """Open the token store."""
    return Tokens(settings.data / "access")


def audited_token_change(
    settings: Settings, tokens: Tokens, operation: Operation, name: str
) -> AbstractContextManager[ActionResult]:
    """Return a context that audits an `operation` on the token `name` made within it; see `audited_action`."""
    before = tokens.list()
    return audited_action(settings, operation, f"token:{name}", is_done=lambda: tokens.list() != before)
