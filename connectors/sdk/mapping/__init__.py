"""Declarative mapping of records to events, shared by the generic connectors. May import `models` and `connectors.sdk`."""
