"""Thin: a batch in, core calls, one step out."""
