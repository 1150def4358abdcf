"""Figures: exact counts and distributions, and the facts of contacts behind them. Imports only `models` and `streams.core`."""
