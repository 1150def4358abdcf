"""Read model of citizens' timelines in SQL: entries and links by citizen. Imports `models`, `core` and `connectors.sdk`."""
