"""Recovery from errors: replay of dead letters, and recomputation of all figures from the source topics."""
