"""Rows of citizens, their figures, identity links and reattributions. Imports only `models` and `streams.core`."""
