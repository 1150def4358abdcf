"""The simulated département: all its source systems at work, and the ledger of what happened in them.

One seeded `population` begins `stories` in the rhythm of working days; the services act on them. The `plan` puts the deeds of
all stories in order, a pure function of the seed. `departement` does each in its system (`systems`), through that system's own
interface, and writes it to the `ledger`, whose numbers figures must give. `stage` is where the systems stand, `playing` the two
ways to play, `command` is `accueil simulate all`.
"""
