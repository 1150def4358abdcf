"""Simulated département: all its source systems in operation, and a ledger of the figures that they must produce.

One seeded `population` begins `scenarios` at the rate of working days, and the services act on them. The `plan` orders
the actions of all scenarios, as a pure function of the seed. `departement` performs each action in its system
(`systems`), through the system's own interface, and records it in the `ledger`. `simulation_run` is the directory of the
systems, `run_modes` runs past days or live, and `command` is `accueil simulate all`. May import the connectors that it
simulates, but no `streams`.
"""
