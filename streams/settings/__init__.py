"""Settings: schema, loader and SLA file. Imports nothing that runs (`runtime`, `cli`)."""
