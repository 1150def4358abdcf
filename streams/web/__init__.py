"""Web process: live board, wall screen and metrics. Imports `models` and `streams.core`, `.kafka` and `.runtime`."""
