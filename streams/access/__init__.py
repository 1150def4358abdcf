"""Tokens, permissions and the audit log of accesses. Imports `models`, `streams.settings.api` and `connectors.sdk` only."""
