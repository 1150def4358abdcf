"""Read model of citizens' timelines in SQL: entries and links by citizen. Imports only `models` and `streams.core`."""
