"""HTTP API of citizens' timelines. Imports `access`, `core`, `privacy` and `timeline`."""
