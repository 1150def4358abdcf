"""Timeline entries of a citizen, and the case summaries made from them. Imports only `models` and `streams.core`."""
