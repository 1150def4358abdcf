"""Simulated RDV Service Public with signed webhooks and an API, for demonstrations and tests.

`service` holds the appointments, `server` is the API and the webhook sender, `scenarios` generates appointments. `command` is
`accueil simulate rdv`.
"""
