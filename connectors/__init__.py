"""Connectors: `sdk` is the contract for integrators, and each source system has its own folder. May import `models` only."""
