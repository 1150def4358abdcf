"""Simulated mailroom, for demonstrations and tests: a scanner drops letters, a back office drops sidecars with steps.

`scans` makes the PDF files, `mailroom` drops files, `command` is `accueil simulate mailroom`.
"""
