"""Choice of French or English by the locale, the same for commands and connectors."""

from connectors.sdk.i18n import say

__all__ = ["say"]
