"""French and English texts that several packages share. Imports `models` and `connectors.sdk` only."""
