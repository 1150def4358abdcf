"""Faust made safe and fast: exactly-once steps over partitions. Knows nothing of contacts."""
