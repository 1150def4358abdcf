"""A mailroom that does not exist: its scanner drops real files, its back office tells what became of letters.

`scans` makes the files, `mailroom` drops them, `command` is `accueil simulate mailroom`.
"""
