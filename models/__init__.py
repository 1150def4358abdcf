"""Event models, identifiers, topics, calendars, SLA policies and translations.

No clock and no Kafka; no I/O except in `locale` and `schema`. Imports no other package of Accueil.
"""
