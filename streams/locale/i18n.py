"""French or English, as the user's locale asks: one rule for the programs and for the connectors they run."""

from connectors.sdk.i18n import say

__all__ = ["say"]
