"""Web process: live board, wall and metrics. Imports `models`, `connectors.sdk`, `streams.core` and `streams.kafka` only."""
