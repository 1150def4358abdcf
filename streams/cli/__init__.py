"""The `accueil` command: one module per command group. May import every other package of `streams`."""
