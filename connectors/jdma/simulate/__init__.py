"""Opinions that nobody had, for demonstrations and tests.

`server` is the fake that keeps them and serves them as JeDonneMonAvis would, `opinions` draws some, `command` is `accueil
simulate jdma`.
"""
