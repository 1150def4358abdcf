"""What events mean: pure functions and rows. No I/O, no clock, no Kafka; imports `models` only."""
