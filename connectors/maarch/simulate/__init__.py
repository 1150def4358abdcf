"""Simulated Maarch Courrier, for demonstrations and tests: `database` has the tables, `server` the REST API."""
