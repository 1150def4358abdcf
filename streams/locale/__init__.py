"""Translations shared by several packages. May import `models` and `connectors.sdk` only."""
