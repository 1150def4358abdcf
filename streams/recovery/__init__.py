"""Recovery from errors: dead letters, and the recount of all figures from the log of events."""
