"""Connector SDK: the public contract for integrators. May import `models` only, besides its own modules."""
