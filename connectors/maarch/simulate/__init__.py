"""Simulated Maarch Courrier, for demonstrations and tests: `database` has the tables, `maarch` the actions, `server` the API."""
