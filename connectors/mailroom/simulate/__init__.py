"""Simulated mailroom, for demonstrations and tests: `scans` makes the PDF files, `mailroom` drops them and sidecars."""
