"""Tokens, permissions and the audit log of accesses. Imports `models` and `connectors.sdk` only."""
