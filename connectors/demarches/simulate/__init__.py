"""Simulated Démarches simplifiées, for demonstrations and tests.

`scenarios` generates dossiers with their steps, `server` is the GraphQL server, `command` is `accueil simulate demarches`.
"""
