"""Simulated JeDonneMonAvis, for demonstrations and tests.

`server` stores and serves reviews, `opinions` generates opinions, `command` is `accueil simulate jdma`.
"""
