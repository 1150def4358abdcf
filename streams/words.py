"""French or English, as the user's locale asks: one rule for the programs and for the connectors they run."""

from connectors.sdk.words import say

__all__ = ["say"]
