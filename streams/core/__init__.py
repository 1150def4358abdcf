"""What events mean: folds and rules as pure functions. No I/O, no clock, no Kafka."""
