"""Commands of `accueil`, one module per group. May import every other package of `streams`."""
