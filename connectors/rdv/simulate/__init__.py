"""Simulated RDV Service Public, for demonstrations and tests: `service` has the appointments, `server` the API and webhooks."""
