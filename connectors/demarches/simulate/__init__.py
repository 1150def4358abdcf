"""Démarches that do not exist, for demonstrations and tests.

`lives` says what becomes of each dossier, `server` tells it as the real server would, `command` is `accueil simulate demarches`.
"""
