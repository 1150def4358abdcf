"""A Maarch Courrier that does not exist, for demonstrations and tests.

    simulated = SimulatedMaarch()
    with serving(Rest(simulated.database).app()) as url:
        letter = simulated.register(at, "DAS", admitted_at=…, email="…")

`database` holds its tables, `maarch` is what happens in it, `server` answers for it as the real one would, `lives` draws what
becomes of letters, `command` is `accueil simulate maarch`.
"""
