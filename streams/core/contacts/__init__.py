"""Rows of contacts and agents, folded from their events. Imports only `models` and `streams.core`."""
