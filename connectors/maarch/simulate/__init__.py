"""Simulated Maarch Courrier, for demonstrations and tests.

    maarch = SimulatedMaarch()
    with serving(MaarchRestApi(maarch.database).app()) as url:
        letter = maarch.register(at, "DAS", admitted_at=…, email="…")

`database` holds the tables, `maarch` the actions on letters, `server` the REST API, and `scenarios` generates letters with
their steps. `command` is `accueil simulate maarch`.
"""
